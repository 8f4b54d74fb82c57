import {
  boolYaml11Tag,
  FAILSAFE_SCHEMA,
  floatYaml11Tag,
  intYaml11Tag,
  load,
  mergeTag,
  nullYaml11Tag,
  YAMLException,
} from "js-yaml";
import type { ParsedBody } from "./body.ts";
import { DecodeError } from "./decode-error.ts";

/** YAML 1.1 as Go's reader takes it: `yes` and `0644` mean what they do there; times stay texts. */
const schema = FAILSAFE_SCHEMA.withTags(nullYaml11Tag, boolYaml11Tag, intYaml11Tag, floatYaml11Tag, mergeTag);

/** What the values of one document may amount to when its aliases are written out: no more than a body may be long. */
const maxBytes = 3 * 1024 * 1024;

/**
 * Parses one YAML document into what JSON can hold. Aliases become copies.
 *
 * @throws {DecodeError} for what is no YAML, has no place in JSON, is nested too deep or multiplies by its aliases
 */
export function parseYaml(text: string): ParsedBody {
  try {
    return { value: toJson(load(text, { schema })), duplicates: [] };
  } catch (error) {
    if (!(error instanceof YAMLException)) throw error;
    if (!error.reason.includes("duplicated mapping key")) throw new DecodeError(yamlError(error));
    return { value: loadLoosely(text), duplicates: [duplicateError(text, error)] };
  }
}

function loadLoosely(text: string): unknown {
  try {
    return toJson(load(text, { schema, json: true }));
  } catch (error) {
    if (error instanceof YAMLException) throw new DecodeError(yamlError(error));
    throw error;
  }
}

function yamlError(error: YAMLException): string {
  const line = error.mark === undefined ? "" : `line ${error.mark.line + 1}: `;
  return `error converting YAML to JSON: yaml: ${line}${error.reason}`;
}

function duplicateError(text: string, error: YAMLException): string {
  const line = (error.mark?.line ?? 0) + 1;
  const key = /^\s*(?:- )?["']?([^"':]+)["']?\s*:/.exec(text.split("\n")[line - 1] ?? "")?.[1] ?? "";
  return `yaml: unmarshal errors:\n  line ${line}: key ${JSON.stringify(key)} already set in map`;
}

function toJson(document: unknown): unknown {
  let bytes = 0;
  const copy = (value: unknown): unknown => {
    bytes += typeof value === "string" ? value.length + 2 : 4;
    if (bytes > maxBytes) throw new DecodeError("yaml: document contains excessive aliasing");
    if (Array.isArray(value)) return value.map(copy);
    if (typeof value === "number" && !Number.isFinite(value)) {
      throw new DecodeError(`error converting YAML to JSON: json: unsupported value: ${value}`);
    }
    if (typeof value !== "object" || value === null) return value;
    const members = Object.entries(value).map(([key, member]): [string, unknown] => {
      bytes += key.length + 4;
      return [key, copy(member)];
    });
    return Object.fromEntries(members);
  };
  return copy(document);
}

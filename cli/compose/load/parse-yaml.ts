import {
  CORE_SCHEMA,
  defineMappingTag,
  defineScalarTag,
  defineSequenceTag,
  load,
  mergeTag,
  NOT_RESOLVED,
  YAMLException,
} from "js-yaml";
import { Fault } from "#base/fault.ts";
import { type Dict, isDict, type Path, type Tree } from "./tree.ts";

export interface ParsedYaml {
  readonly tree: Dict;
  /** Where `!reset` and `!override` stand: what other files say there is dropped before this one is merged in. */
  readonly cleared: readonly Path[];
}

class Tagged {
  readonly isReset: boolean;
  readonly value: unknown;

  constructor(isReset: boolean, value: unknown) {
    this.isReset = isReset;
    this.value = value;
  }
}

const intTag = defineScalarTag<number | string>("tag:yaml.org,2002:int", {
  implicit: true,
  implicitFirstChars: Array.from("-+0123456789"),
  resolve: (source) => parseInteger(source) ?? NOT_RESOLVED,
  identify: () => false,
});

const schema = CORE_SCHEMA.withTags(mergeTag, intTag, tagsFor("!reset", true), tagsFor("!override", false));

/** More nodes than any honest file has: aliases that multiply end here and not in memory. */
const maxNodes = 1_000_000;

/**
 * Parses a compose file: YAML 1.2 with the octal integers and merge keys of 1.1, as the peer reads it.
 *
 * @throws {Fault} `invalid` with the line of what is wrong, also for a key that is there twice
 */
export function parseYaml(text: string, file: string): ParsedYaml {
  const parsed = loadText(text, file);
  if (parsed === null || parsed === undefined) throw new Fault("invalid", "empty compose file");
  const cleared: Path[] = [];
  let nodes = 0;
  const walk = (value: unknown, path: Path): Tree | undefined => {
    if (++nodes > maxNodes) throw new Fault("invalid", "yaml: document contains excessive aliasing");
    if (value instanceof Tagged) {
      cleared.push(path);
      return value.isReset ? undefined : walk(value.value, path);
    }
    if (Array.isArray(value)) return value.map((item) => walk(item, [...path, "[]"]) ?? null);
    if (typeof value !== "object" || value === null) return value as Tree;
    const dict: Record<string, Tree> = {};
    for (const [key, item] of Object.entries(value)) {
      const walked = walk(item, [...path, key]);
      if (walked !== undefined) dict[key] = walked;
    }
    return dict;
  };
  const tree = walk(parsed, []);
  if (!isDict(tree)) throw new Fault("invalid", "top-level object must be a mapping");
  return { tree, cleared };
}

function loadText(text: string, file: string): unknown {
  try {
    return load(text, { schema, filename: file });
  } catch (error) {
    if (!(error instanceof YAMLException)) throw error;
    if (error.reason.includes("input is empty")) return null;
    const line = (error.mark?.line ?? 0) + 1;
    if (error.reason.includes("duplicated mapping key"))
      throw new Fault("invalid", `failed to parse ${file}: ${duplicateKey(text, line)}`, { cause: error });
    throw new Fault("invalid", `yaml: line ${line}: ${error.reason}`, { cause: error });
  }
}

function duplicateKey(text: string, line: number): string {
  const lines = text.split("\n");
  const [, indent = "", key = ""] = /^(\s*(?:- )?)["']?([^"':]+)/.exec(lines[line - 1] ?? "") ?? [];
  const isSame = (other: string) => new RegExp(`^["']?${RegExp.escape(key)}["']?\\s*:`).test(other);
  for (let at = line - 2; at >= 0; at--) {
    const other = lines[at] ?? "";
    if (other.startsWith(indent) && isSame(other.slice(indent.length)))
      return `line ${line}: mapping key "${key}" already defined at line ${at + 1}`;
  }
  return `line ${line}: mapping key "${key}" already defined`;
}

function parseInteger(source: string): number | string | undefined {
  const plain = source.replaceAll("_", "");
  const [, sign = "", digits = ""] =
    /^([-+]?)(0o?[0-7]+|0x[0-9a-fA-F]+|0b[01]+|0|[1-9][0-9]*)$/.exec(plain) ?? [];
  if (digits === "") return undefined;
  const value = Number(/^0[0-7]+$/.test(digits) ? `0o${digits.slice(1)}` : digits);
  if (!Number.isSafeInteger(value)) return source;
  return sign === "-" ? -value : value;
}

function tagsFor(name: string, isReset: boolean) {
  const identify = () => false;
  return [
    defineScalarTag<Tagged>(name, {
      resolve: (source) => new Tagged(isReset, plainValue(source)),
      identify,
    }),
    defineSequenceTag<unknown[], Tagged>(name, {
      create: () => [],
      addItem: (list, item) => void list.push(item),
      finalize: (list) => new Tagged(isReset, list),
      identify,
    }),
    defineMappingTag<Map<unknown, unknown>, Tagged>(name, {
      create: () => new Map(),
      addPair: (map, key, value) => {
        map.set(key, value);
        return "";
      },
      has: (map, key) => map.has(key),
      keys: () => [],
      get: () => undefined,
      finalize: (map) => new Tagged(isReset, Object.fromEntries(map) as unknown),
      identify,
    }),
  ];
}

function plainValue(source: string): Tree {
  return load(source === "" ? "~" : source, { schema: CORE_SCHEMA }) as Tree;
}

import { byBytes, goValue } from "#orchestrator/machinery/go-text.ts";
import { isObject } from "#orchestrator/machinery/is-object.ts";
import type { KubeFields } from "../manifests.ts";
import type { Description } from "./description.ts";

const shownBefore = new Set(["managedFields", "name", "namespace", "labels", "annotations"]);
const acronyms = new Set(["API", "URL", "UID", "GUID"]);

/** Any object, field by field. */
export function describeGeneric(to: Description, object: KubeFields): void {
  const { metadata = {} } = object;
  to.name(metadata);
  to.meta(metadata);
  const rest = Object.fromEntries(Object.entries(metadata).filter(([name]) => !shownBefore.has(name)));
  describeFields(to, 0, { ...object, metadata: rest });
}

function describeFields(to: Description, level: number, fields: Readonly<Record<string, unknown>>): void {
  for (const name of Object.keys(fields).sort(byBytes)) {
    const value = fields[name];
    const label = `${labelOf(name)}:`;
    if (!isObject(value) && !Array.isArray(value)) {
      to.line(level, label, goValue(value));
      continue;
    }
    to.line(level, label);
    if (isObject(value)) describeFields(to, level + 1, value);
    else
      for (const item of value) {
        if (isObject(item)) describeFields(to, level + 1, item);
        else to.line(level + 1, goValue(item));
      }
  }
}

/** `apiVersion` is `API Version`, `podIPs` `Pod I Ps`: as kubectl takes names apart. */
function labelOf(name: string): string {
  if (!/^[\p{L}-]+$/u.test(name)) return name;
  const parts = name.match(/\p{Lu}+(?=\p{Lu}\p{Ll})|\p{Lu}?\p{Ll}+|\p{Lu}+|[^\p{L}]+/gu) ?? [name];
  return parts
    .map((part) => {
      if (acronyms.has(part.toUpperCase())) return part.toUpperCase();
      return part.toLowerCase() === part ? part.slice(0, 1).toUpperCase() + part.slice(1) : part;
    })
    .join(" ");
}

import type { Draft } from "../resource.ts";
import type { TypeSchema } from "../schema.ts";
import { atomOfType } from "./atom.ts";
import type { FieldTypes } from "./ownership.ts";

/** The types of a built-in kind. @param versions by API version, e.g. `apps/v1` */
export function builtInTypes(versions: ReadonlyMap<string, TypeSchema>): FieldTypes {
  return {
    findAtom: (apiVersion) => {
      const type = versions.get(apiVersion);
      return type === undefined ? undefined : atomOfType(type);
    },
  };
}

const empties = new WeakMap<TypeSchema, Draft>();

/** What upstream writes of an object of which nobody has set a field: what always stands there. Shared: not to be changed. */
export function emptyObject(type: TypeSchema): Draft {
  const known = empties.get(type);
  if (known !== undefined) return known;
  const object: Draft = {};
  for (const { name, value, presence } of type.fields.values()) {
    if (presence !== "always") continue;
    object[name] = value.kind === "object" ? emptyObject(value.type) : emptyValue(value.kind);
  }
  empties.set(type, object);
  return object;
}

function emptyValue(kind: string): unknown {
  if (kind === "string") return "";
  if (kind === "boolean") return false;
  return kind === "integer" || kind === "number" ? 0 : null;
}

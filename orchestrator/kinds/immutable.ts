import type { FieldError, Strategy } from "#orchestrator/machinery/resource.ts";
import { invalid } from "#orchestrator/machinery/field-error.ts";
import { isSameJson } from "#orchestrator/machinery/json-equal.ts";
import { checkImmutable } from "./check.ts";

/** That the fields at these paths (`spec.driver`) stay what they were when the object was made. */
export function keepsFields(...paths: readonly string[]): Required<Pick<Strategy, "validateUpdate">> {
  return {
    validateUpdate(next, old) {
      const found: FieldError[] = [];
      for (const path of paths) checkImmutable(found, path, valueAt(next, path), valueAt(old, path));
      return found;
    },
  };
}

/** Ranges of services stay; one of the other family may be added to a single one. */
export function serviceCidrUpdateErrors(next: unknown, old: unknown): readonly FieldError[] {
  const [now, before] = [listAt(next, "spec.cidrs"), listAt(old, "spec.cidrs")];
  const found: FieldError[] = [];
  for (const [at, cidr] of before.entries()) checkImmutable(found, `spec.cidrs[${at}]`, now[at], cidr);
  const isGrown = before.length === 1 && now.length === 2;
  if (found.length === 0 && !isGrown && !isSameJson(now, before))
    found.push(invalid("spec.cidrs", now, "field is immutable"));
  return found;
}

function listAt(object: unknown, path: string): readonly unknown[] {
  const value = valueAt(object, path);
  return Array.isArray(value) ? value : [];
}

function valueAt(object: unknown, path: string): unknown {
  let value: unknown = object;
  for (const name of path.split("."))
    value =
      typeof value === "object" && value !== null && Object.hasOwn(value, name)
        ? (value as Readonly<Record<string, unknown>>)[name]
        : undefined;
  return value;
}

import { type StatusError, unexpected } from "#api/kube/status.ts";
import { goValue } from "./go-text.ts";
import { isObject } from "./is-object.ts";
import type { Draft } from "./resource.ts";

export function badDirective(directive: unknown, patch: Draft): StatusError {
  return unexpected(`unknown patch type: ${goValue(directive)} in map: ${goValue(patch)}`);
}

export function wrongType(expected: string, value: unknown): StatusError {
  const types = {
    list: "[]interface {}",
    object: "map[string]interface {}",
    boolean: "bool",
    null: "%!s(<nil>)",
  };
  const kind = kindOf(value);
  const actual = kind === "number" ? "int64" : (types[kind as keyof typeof types] ?? kind);
  return unexpected(`expected a ${expected}, but received a ${actual}`);
}

export function kindOf(value: unknown): string {
  return Array.isArray(value) ? "list" : isObject(value) ? "object" : value === null ? "null" : typeof value;
}

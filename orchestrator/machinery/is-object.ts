import type { Draft } from "./resource.ts";

/** Whether a value that JSON can hold is an object: no list, and not null. */
export function isObject(value: unknown): value is Draft {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

import { isList, isObject, isSame } from "./evaluate.ts";
import type { HclObject, HclValue } from "./syntax.ts";

// Arguments of functions as they are wanted; each throws an Error that says what is wrong.

export function text(value: HclValue | undefined): string {
  if (value === undefined || value === null || typeof value === "object") throw new Error("string required");
  return String(value);
}

export function number(value: HclValue | undefined): number {
  const found = typeof value === "string" && value.trim() !== "" ? Number(value) : value;
  if (typeof found !== "number" || Number.isNaN(found)) throw new Error("a number is required");
  return found;
}

export function whole(value: HclValue | undefined): number {
  const found = number(value);
  if (!Number.isInteger(found)) throw new Error("a whole number is required");
  return found;
}

export function truth(value: HclValue | undefined): boolean {
  if (value === true || value === "true") return true;
  if (value === false || value === "false") return false;
  throw new Error("a bool is required");
}

export function list(value: HclValue | undefined): readonly HclValue[] {
  if (value === undefined || !isList(value)) throw new Error("list required");
  return value;
}

export function map(value: HclValue | undefined): HclObject {
  if (value === undefined || !isObject(value)) throw new Error("object required");
  return value;
}

export function isIn(values: readonly HclValue[], wanted: HclValue): boolean {
  return values.some((one) => isSame(one, wanted));
}

/** Each value once. */
export function once(values: readonly HclValue[]): readonly HclValue[] {
  const kept: HclValue[] = [];
  for (const one of values) if (!isIn(kept, one)) kept.push(one);
  return kept;
}

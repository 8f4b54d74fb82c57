import { goMapJson, goNumber, goQuote } from "./go-text.ts";
import type { FieldError } from "./resource.ts";

/** `Invalid value: "x": must be …` */
export function invalid(field: string, value: unknown, detail: string): FieldError {
  return { reason: "FieldValueInvalid", field, message: joined(`Invalid value: ${shown(value)}`, detail) };
}

/** The same for a value of the wrong type. */
export function typeInvalid(field: string, value: unknown, detail: string): FieldError {
  return { ...invalid(field, value, detail), reason: "FieldValueTypeInvalid" };
}

export function required(field: string, detail = ""): FieldError {
  return { reason: "FieldValueRequired", field, message: joined("Required value", detail) };
}

export function forbidden(field: string, detail: string): FieldError {
  return { reason: "FieldValueForbidden", field, message: joined("Forbidden", detail) };
}

export function duplicate(field: string, value: unknown): FieldError {
  return { reason: "FieldValueDuplicate", field, message: `Duplicate value: ${shown(value)}` };
}

export function notFound(field: string, value: unknown): FieldError {
  return { reason: "FieldValueNotFound", field, message: `Not found: ${shown(value)}` };
}

/** @param supported in the order in which the message lists them */
export function notSupported(field: string, value: unknown, supported: readonly string[]): FieldError {
  const detail = supported.length === 0 ? "" : `supported values: ${supported.map(goQuote).join(", ")}`;
  return {
    reason: "FieldValueNotSupported",
    field,
    message: joined(`Unsupported value: ${shown(value)}`, detail),
  };
}

/** @param most in bytes */
export function tooLong(field: string, most: number): FieldError {
  const detail = `may not be more than ${most} ${most === 1 ? "byte" : "bytes"}`;
  return { reason: "FieldValueTooLong", field, message: `Too long: ${detail}` };
}

export function tooMany(field: string, actual: number, most: number): FieldError {
  const detail = `must have at most ${most} ${most === 1 ? "item" : "items"}`;
  return { reason: "FieldValueTooMany", field, message: `Too many: ${actual}: ${detail}` };
}

function joined(text: string, detail: string): string {
  return detail === "" ? text : `${text}: ${detail}`;
}

/** A value in a message of the API. */
function shown(value: unknown): string {
  if (typeof value === "string") return goQuote(value);
  if (typeof value === "number") return goNumber(value);
  return goMapJson(value ?? null);
}

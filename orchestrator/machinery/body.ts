import { failure, type StatusError } from "#api/kube/status.ts";
import { DecodeError } from "./decode-error.ts";
import { isObject } from "./is-object.ts";
import { countKeys, countMembers, duplicateMembers } from "./json-members.ts";
import type { Draft } from "./resource.ts";
import type { TypeSchema } from "./schema.ts";
import { decodeObject } from "./schema-decode.ts";

/** What an endpoint takes. */
export interface ExpectedKind {
  readonly group: string;
  readonly version: string;
  readonly kind: string;
  /** Absent for custom resources, whose own schema says what they may hold. */
  readonly schema?: TypeSchema;
  /** For kinds that every version has, e.g. DeleteOptions. */
  readonly isOfAnyVersion?: boolean;
}

export interface DecodedBody {
  readonly object: Draft;
  /** What a strict client is refused for and another warned of, e.g. `unknown field "spec.foo"`. */
  readonly strictErrors: readonly string[];
}

/** A parsed text, and what stood in it twice. */
export interface ParsedBody {
  readonly value: unknown;
  readonly duplicates: readonly string[];
}

/**
 * Reads the object that a client sent to an endpoint; `kind` and `apiVersion` are filled in where it left them out.
 *
 * @throws {StatusError} `BadRequest` with upstream's text for what is no such object
 */
export function decodeJsonBody(bytes: Uint8Array, expected: ExpectedKind): DecodedBody {
  return decodeParsed(readJson(bytes, expected), bytes, expected);
}

/** The same of what has been parsed from another notation of JSON's values. */
export function decodeParsed(parsed: ParsedBody, bytes: Uint8Array, expected: ExpectedKind): DecodedBody {
  if (!isObject(parsed.value)) throw unrecognized(bytes, expected, mistypedRoot(parsed.value));
  const object = parsed.value;
  identify(object, bytes, expected);
  try {
    const unknown = expected.schema === undefined ? [] : decodeObject(expected.schema, object);
    return { object, strictErrors: [...parsed.duplicates, ...unknown] };
  } catch (error) {
    if (error instanceof DecodeError) throw cannotBeHandled(expected, error.message);
    throw error;
  }
}

/** The refusal of a strict request. */
export function strictFailure(expected: ExpectedKind, errors: readonly string[]): StatusError {
  return cannotBeHandled(expected, `strict decoding error: ${errors.join(", ")}`);
}

function cannotBeHandled(expected: ExpectedKind, reason: string, kind = expected.kind): StatusError {
  return failure(
    "BadRequest",
    `${kind} in version ${JSON.stringify(expected.version)} cannot be handled as a ${expected.kind}: ${reason}`,
  );
}

/** For what does not even say what it is. */
export function unrecognized(bytes: Uint8Array, expected: ExpectedKind, reason: string): StatusError {
  const text = `the object provided is unrecognized (must be of type ${expected.kind}): ${reason} (${summary(bytes)})`;
  return failure("BadRequest", text);
}

const summaryBytes = 30;

function summary(bytes: Uint8Array): string {
  if (bytes.length === 0) return "<empty>";
  const head = Buffer.from(bytes.subarray(0, summaryBytes)).toString(bytes[0] === 0x7b ? "utf8" : "hex");
  return bytes.length > summaryBytes ? `${head} ...` : head;
}

const kindStruct =
  'struct { APIVersion string "json:\\"apiVersion,omitempty\\""; Kind string "json:\\"kind,omitempty\\"" }';

function mistypedRoot(value: unknown): string {
  const word = Array.isArray(value) ? "array" : typeof value === "boolean" ? "bool" : typeof value;
  return `couldn't get version/kind; json parse error: json: cannot unmarshal ${word} into Go value of type ${kindStruct}`;
}

function identify(object: Draft, bytes: Uint8Array, expected: ExpectedKind): void {
  const apiVersion = expected.group === "" ? expected.version : `${expected.group}/${expected.version}`;
  object["apiVersion"] ??= apiVersion;
  object["kind"] ??= expected.kind;
  const { apiVersion: given, kind } = object;
  for (const [name, value] of Object.entries({ apiVersion: given, kind })) {
    if (typeof value === "string") continue;
    const word = Array.isArray(value) ? "array" : typeof value === "boolean" ? "bool" : typeof value;
    const reason = `couldn't get version/kind; json parse error: json: cannot unmarshal ${word} into Go struct field .${name} of type string`;
    throw unrecognized(bytes, expected, reason);
  }
  if (given === "") object["apiVersion"] = apiVersion;
  if (kind === "") object["kind"] = expected.kind;
  if (object["apiVersion"] !== apiVersion && expected.isOfAnyVersion !== true) {
    throw failure(
      "BadRequest",
      `the API version in the data (${String(given)}) does not match the expected API version (${apiVersion})`,
    );
  }
  if (object["kind"] !== expected.kind) {
    throw cannotBeHandled(expected, `no kind ${JSON.stringify(kind)} is handled here`, String(kind));
  }
}

function readJson(bytes: Uint8Array, expected: ExpectedKind): ParsedBody {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("utf8");
  try {
    return parseJson(text);
  } catch (error) {
    if (!(error instanceof DecodeError)) throw error;
    throw unrecognized(bytes, expected, `couldn't get version/kind; json parse error: ${error.message}`);
  }
}

/**
 * Parses JSON as Go's decoder does.
 *
 * @throws {DecodeError} for what is no JSON, or nested too deep
 */
export function parseJson(text: string): ParsedBody {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new DecodeError(syntaxError(text, error instanceof Error ? error.message : ""));
  }
  const isUnique = countMembers(text) === countKeys(value);
  return {
    value,
    duplicates: isUnique ? [] : duplicateMembers(text).map((path) => `duplicate field "${path}"`),
  };
}

const placeOf: readonly (readonly [RegExp, string])[] = [
  [/after property value/, "after object key:value pair"],
  [/after array element/, "after array element"],
  [/after property name/, "after object key"],
  [/property name/, "looking for beginning of object key string"],
  [/control character/, "in string literal"],
  [/escape/, "in string escape code"],
  [/after JSON/, "after top-level value"],
];

/** V8's complaint in Go's words. */
function syntaxError(text: string, message: string): string {
  const position = /position (\d+)/.exec(message)?.[1];
  const token = /token '(.)'/su.exec(message)?.[1];
  const character = token ?? (position === undefined ? undefined : text[Number(position)]);
  if (character === undefined || /end of JSON|Unterminated/.test(message))
    return "unexpected end of JSON input";
  const place = placeOf.find(([pattern]) => pattern.test(message))?.[1] ?? "looking for beginning of value";
  const shown = character === "'" ? String.raw`'\''` : `'${JSON.stringify(character).slice(1, -1)}'`;
  return `invalid character ${shown} ${place}`;
}

import { type FaultKind, isFault, isFullDisk, messageOf } from "#base/fault.ts";
import { type Answer, json } from "./answer.ts";

const statusOf = {
  invalid: 400,
  unauthorized: 401,
  forbidden: 403,
  "not-found": 404,
  "already-exists": 409,
  conflict: 409,
  precondition: 412,
  "not-modified": 304,
  "not-implemented": 405,
  unavailable: 503,
  exhausted: 429,
  remote: 502,
  internal: 500,
} as const satisfies Record<FaultKind, number>;

/** @see OCI distribution-spec v1.1.1, error codes */
export function errorAnswer(error: unknown): Answer {
  if (isFullDisk(error)) return errorOf("UNKNOWN", "no space left on device", 507);
  if (isAbort(error)) return errorOf("UNKNOWN", "the registry is closing: try again", 503);
  if (!isFault(error)) return errorOf("UNKNOWN", "internal error", 500);
  const { code = "UNKNOWN", status = statusOf[error.kind] } = error.detail;
  return errorOf(String(code), messageOf(error), Number(status));
}

/** Our mistake, or the machine's: worth a line in the log. */
export function isUnexpected(error: unknown): boolean {
  if (isAbort(error)) return false;
  return !isFault(error) || error.kind === "internal" || isFullDisk(error);
}

/** The registry closes; a client that has gone is told nothing. */
function isAbort(error: unknown): boolean {
  return error instanceof Error && error.name === "AbortError";
}

function errorOf(code: string, message: string, status: number): Answer {
  return json({ errors: [{ code, message }] }, {}, status);
}

import { type FaultKind, isFault, isFullDisk, messageOf } from "#base/fault.ts";
import { type Answer, empty, json } from "./answer.ts";

/** @see Docker Engine API v1.51, responses of every operation */
const statusOf = {
  invalid: 400,
  unauthorized: 401,
  forbidden: 403,
  "not-found": 404,
  "already-exists": 409,
  conflict: 409,
  precondition: 400,
  "not-modified": 304,
  "not-implemented": 501,
  unavailable: 503,
  exhausted: 500,
  remote: 500,
  internal: 500,
} as const satisfies Record<FaultKind, number>;

/** Docker's answer for anything that was thrown: `{"message"}` with the kind's status; 304 has no body. */
export function errorAnswer(error: unknown): Answer {
  const status = statusFor(error);
  if (status === 304) return empty(304);
  return messageAnswer(status, messageOf(error));
}

export function messageAnswer(status: number, message: string): Answer {
  return json({ message }, status);
}

export function statusFor(error: unknown): number {
  if (isTooLarge(error)) return 413;
  if (isAbort(error)) return 503;
  return isFault(error) ? statusOf[error.kind] : 500;
}

/** Our mistake, or the machine's: worth a line in the log. */
export function isUnexpected(error: unknown): boolean {
  if (isFullDisk(error)) return false;
  return isFault(error) ? error.kind === "internal" : !isAbort(error);
}

/** The client has left, or the engine is closing. */
function isAbort(error: unknown): boolean {
  return error instanceof Error && (error.name === "AbortError" || error.name === "TimeoutError");
}

function isTooLarge(error: unknown): boolean {
  return isFault(error, "invalid") && error.detail["limitBytes"] !== undefined;
}

/** A failure within a progress stream. */
export function errorLine(error: unknown): string {
  const message = messageOf(error);
  const code = isFault(error) ? error.detail["exitCode"] : undefined;
  const errorDetail = { ...(code !== undefined && { code }), message };
  return `${JSON.stringify({ errorDetail, error: message })}\r\n`;
}

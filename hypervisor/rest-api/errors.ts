import { type FaultKind, isFault, isFullDisk, messageOf } from "#base/fault.ts";
import { MethodNotAllowed } from "./find-route.ts";

/** @see reference/hypercore.md 1.4: clients know 400, 401, 403, 404, 405, 500 and 503 */
const statusOf = {
  invalid: 400,
  unauthorized: 401,
  forbidden: 403,
  "not-found": 404,
  "already-exists": 400,
  conflict: 400,
  precondition: 400,
  "not-modified": 400,
  "not-implemented": 400,
  unavailable: 503,
  exhausted: 500,
  remote: 500,
  internal: 500,
} as const satisfies Record<FaultKind, number>;

export interface Failure {
  readonly status: number;
  readonly error: string;
  readonly headers: Readonly<Record<string, string>>;
  /** Our mistake, or the machine's: worth a line in the log. */
  readonly isUnexpected: boolean;
}

/** What is told of anything that was thrown; what is no Fault keeps its words to itself. */
export function failureOf(error: unknown): Failure {
  const failure = (status: number, headers: Failure["headers"] = {}, text = messageOf(error)): Failure => ({
    status,
    error: text,
    headers,
    isUnexpected: false,
  });
  if (error instanceof MethodNotAllowed) return failure(405, { Allow: error.allowed.join(", ") });
  // PowerShell sends a password only after it has been asked for one.
  if (isFault(error, "unauthorized"))
    return failure(401, { "WWW-Authenticate": 'Basic realm="Gantry hypervisor"' });
  if (isFault(error)) return failure(statusOf[error.kind]);
  if (isFullDisk(error)) return failure(500);
  return { ...failure(500, {}, "An internal error occurred"), isUnexpected: true };
}

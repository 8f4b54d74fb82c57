/** @see Kubernetes API 1.36, meta/v1 Status */
export interface Status {
  readonly kind: "Status";
  readonly apiVersion: "v1";
  readonly metadata: { readonly continue?: string };
  readonly status: "Success" | "Failure";
  readonly message?: string;
  readonly reason?: StatusReason;
  readonly details?: StatusDetails;
  readonly code?: number;
}

export interface StatusDetails {
  readonly name?: string;
  readonly group?: string;
  /** The resource, in errors about one. */
  readonly kind?: string;
  readonly uid?: string;
  readonly causes?: readonly StatusCause[];
  readonly retryAfterSeconds?: number;
}

export interface StatusCause {
  readonly reason?: string;
  readonly message?: string;
  readonly field?: string;
}

const codes = {
  BadRequest: 400,
  Unauthorized: 401,
  Forbidden: 403,
  NotFound: 404,
  MethodNotAllowed: 405,
  NotAcceptable: 406,
  AlreadyExists: 409,
  Conflict: 409,
  Gone: 410,
  Expired: 410,
  RequestEntityTooLarge: 413,
  UnsupportedMediaType: 415,
  Invalid: 422,
  TooManyRequests: 429,
  InternalError: 500,
  StorageReadError: 500,
  ServerTimeout: 500,
  ServiceUnavailable: 503,
  Timeout: 504,
} as const;

export type StatusReason = keyof typeof codes;

/** A failure as the Kubernetes API tells it: servers throw it, clients get it back. */
export class StatusError extends Error {
  override readonly name = "StatusError";
  readonly status: Status;

  constructor(status: Status) {
    super(status.message ?? status.reason ?? "failure");
    this.status = status;
  }

  get reason(): StatusReason | undefined {
    return this.status.reason;
  }

  get code(): number {
    return this.status.code ?? 500;
  }
}

/** A failure with the code that its reason has. */
export function failure(reason: StatusReason, message: string, details?: StatusDetails): StatusError {
  return failed({ message, reason, ...(details === undefined ? {} : { details }), code: codes[reason] });
}

/** What upstream has no code for: 500 without a reason. */
export function unexpected(message: string): StatusError {
  return failed({ message, code: 500 });
}

function failed(what: Pick<Status, "message" | "reason" | "details" | "code">): StatusError {
  return new StatusError({ kind: "Status", apiVersion: "v1", metadata: {}, status: "Failure", ...what });
}

export function isStatus(error: unknown, reason?: StatusReason): error is StatusError {
  return error instanceof StatusError && (reason === undefined || error.reason === reason);
}

/** To catch what deletes or changes an object that may have gone already. */
export function ignoreNotFound(error: unknown): void {
  if (!isStatus(error, "NotFound")) throw error;
}

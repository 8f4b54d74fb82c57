import { Fault, type FaultKind } from "#base/fault.ts";

/**
 * What the specification calls the reasons of an error; `RANGE_INVALID`, `PAGINATION_NUMBER_INVALID` and `TAG_INVALID` are Docker's.
 *
 * @see OCI distribution-spec v1.1.1, error codes
 */
export type ErrorCode =
  | "BLOB_UNKNOWN"
  | "BLOB_UPLOAD_INVALID"
  | "BLOB_UPLOAD_UNKNOWN"
  | "DENIED"
  | "DIGEST_INVALID"
  | "MANIFEST_BLOB_UNKNOWN"
  | "MANIFEST_INVALID"
  | "MANIFEST_UNKNOWN"
  | "NAME_INVALID"
  | "NAME_UNKNOWN"
  | "PAGINATION_NUMBER_INVALID"
  | "RANGE_INVALID"
  | "SIZE_INVALID"
  | "TAG_INVALID"
  | "TOOMANYREQUESTS"
  | "UNAUTHORIZED"
  | "UNKNOWN"
  | "UNSUPPORTED";

const kindOf = {
  BLOB_UNKNOWN: "not-found",
  BLOB_UPLOAD_INVALID: "invalid",
  BLOB_UPLOAD_UNKNOWN: "not-found",
  DENIED: "forbidden",
  DIGEST_INVALID: "invalid",
  MANIFEST_BLOB_UNKNOWN: "not-found",
  MANIFEST_INVALID: "invalid",
  MANIFEST_UNKNOWN: "not-found",
  NAME_INVALID: "invalid",
  NAME_UNKNOWN: "not-found",
  PAGINATION_NUMBER_INVALID: "invalid",
  RANGE_INVALID: "invalid",
  SIZE_INVALID: "invalid",
  TAG_INVALID: "invalid",
  TOOMANYREQUESTS: "exhausted",
  UNAUTHORIZED: "unauthorized",
  UNKNOWN: "internal",
  UNSUPPORTED: "not-implemented",
} as const satisfies Record<ErrorCode, FaultKind>;

/** A fault that a client is told with the specification's code; `status` where the code alone does not say it. */
export function refusal(code: ErrorCode, message: string, status?: number): Fault {
  return new Fault(kindOf[code], message, { detail: { code, ...(status !== undefined && { status }) } });
}

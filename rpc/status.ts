import { rpcStatus } from "#api/buildkit/control.ts";
import type { MessageOf } from "#base/protobuf.ts";
import { Fault, type FaultKind, isFault, messageOf } from "#base/fault.ts";

/** @see gRPC, "Status codes" */
export const codes = {
  ok: 0,
  cancelled: 1,
  unknown: 2,
  invalidArgument: 3,
  notFound: 5,
  alreadyExists: 6,
  permissionDenied: 7,
  resourceExhausted: 8,
  failedPrecondition: 9,
  unimplemented: 12,
  internal: 13,
  unavailable: 14,
  unauthenticated: 16,
} as const;

const codeOf = {
  invalid: codes.unknown,
  unauthorized: codes.unauthenticated,
  forbidden: codes.permissionDenied,
  "not-found": codes.notFound,
  "already-exists": codes.alreadyExists,
  conflict: codes.failedPrecondition,
  precondition: codes.failedPrecondition,
  "not-modified": codes.unknown,
  "not-implemented": codes.unimplemented,
  unavailable: codes.unavailable,
  remote: codes.unknown,
  exhausted: codes.resourceExhausted,
  internal: codes.unknown,
} as const satisfies Record<FaultKind, number>;

const kindOf: ReadonlyMap<number, FaultKind> = new Map([
  [codes.invalidArgument, "invalid"],
  [codes.notFound, "not-found"],
  [codes.alreadyExists, "already-exists"],
  [codes.permissionDenied, "forbidden"],
  [codes.resourceExhausted, "exhausted"],
  [codes.failedPrecondition, "precondition"],
  [codes.unimplemented, "not-implemented"],
  [codes.unavailable, "unavailable"],
  [codes.unauthenticated, "unauthorized"],
]);

/** A failure as gRPC sends it. */
export type RpcStatus = MessageOf<typeof rpcStatus>;

/** A failure whose status is known in full: one with details, or one that came from a client and goes back to it. */
export class RpcError extends Error {
  override readonly name = "RpcError";
  readonly status: RpcStatus;

  constructor(status: RpcStatus, options?: { readonly cause?: unknown }) {
    super(status.message, options);
    this.status = status;
  }
}

export function statusOf(error: unknown): RpcStatus {
  if (error instanceof RpcError) return error.status;
  const isAbort = error instanceof Error && error.name === "AbortError";
  const code = isFault(error) ? codeOf[error.kind] : isAbort ? codes.cancelled : codes.unknown;
  return { code, message: isAbort ? "context canceled" : messageOf(error), details: [] };
}

/** The headers that end a call. @see gRPC over HTTP2, "Trailers" */
export function trailersOf({ code, message, details }: RpcStatus): Record<string, string> {
  const trailers: Record<string, string> = { "grpc-status": String(code) };
  if (message !== "") trailers["grpc-message"] = percentEncoded(message);
  if (details.length > 0)
    trailers["grpc-status-details-bin"] = Buffer.from(rpcStatus.encode({ code, message, details }))
      .toString("base64")
      .replace(/=+$/, "");
  return trailers;
}

/** What the end of a call says; undefined for success. The status in full is the failure's cause. */
export function findFailure(trailers: Readonly<Record<string, unknown>>): Fault | undefined {
  const code = Number(trailers["grpc-status"] ?? codes.unknown);
  if (code === codes.ok) return undefined;
  const said = trailers["grpc-message"];
  const text = typeof said === "string" ? percentDecoded(said) : "the call ended without an answer";
  const status = statusIn(trailers["grpc-status-details-bin"]) ?? { code, message: text, details: [] };
  return new Fault(kindOf.get(code) ?? "internal", text, {
    detail: { grpcCode: code },
    cause: new RpcError(status),
  });
}

function statusIn(encoded: unknown): RpcStatus | undefined {
  if (typeof encoded !== "string") return undefined;
  try {
    return rpcStatus.decode(Buffer.from(encoded, "base64"));
  } catch {
    return undefined; // the code and the message are known without it
  }
}

/** The longest message that a header has room for. */
const maxMessage = 4096;

function percentEncoded(text: string): string {
  let out = "";
  for (const byte of Buffer.from(text.slice(0, maxMessage)))
    out +=
      byte >= 0x20 && byte <= 0x7e && byte !== 0x25
        ? String.fromCharCode(byte)
        : `%${byte.toString(16).toUpperCase().padStart(2, "0")}`;
  return out;
}

function percentDecoded(text: string): string {
  const bytes = Buffer.from(
    text.replaceAll(/%([0-9a-fA-F]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16))),
    "latin1",
  );
  return bytes.toString("utf8");
}

/** The closed set of failure kinds. Each API maps every kind to a status of its own. */
export type FaultKind =
  | "invalid" // the caller's request makes no sense
  | "unauthorized"
  | "forbidden"
  | "not-found"
  | "already-exists"
  | "conflict" // the object's state forbids it
  | "precondition" // the request is sound, something it relies on is missing
  | "not-modified" // already so
  | "not-implemented"
  | "unavailable" // try again later
  | "exhausted" // disk, addresses, ports, quota
  | "remote" // another server failed or refused
  | "internal";

export type FaultDetail = Readonly<Record<string, string | number>>;

/**
 * A failure with a kind and its subject in the message. The message may be shown to a client as it is, so it is written in
 * the words of the API's peer where clients parse them.
 */
export class Fault extends Error {
  override readonly name = "Fault";
  readonly kind: FaultKind;
  /** Safe to show a client. */
  readonly detail: FaultDetail;

  constructor(kind: FaultKind, message: string, options: { cause?: unknown; detail?: FaultDetail } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.kind = kind;
    this.detail = options.detail ?? {};
  }
}

export function isFault(error: unknown, kind?: FaultKind): error is Fault {
  return error instanceof Fault && (kind === undefined || error.kind === kind);
}

/** The message of anything that was thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** Whether what was thrown, or its text, says that a disk or a quota is full. */
export function isFullDisk(error: unknown): boolean {
  const text = typeof error === "string" ? error : messageOf(error);
  return /no space left on device|disk quota exceeded/i.test(text);
}

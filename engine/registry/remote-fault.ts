import { Fault, isFault } from "#base/fault.ts";
import { parseChallenges } from "./challenge.ts";

/** What a registry answered instead of what it was asked for. Made by this room only. */
export interface RemoteDetail {
  /** Of the distribution specification, e.g. `MANIFEST_UNKNOWN`; empty when the answer named none. */
  readonly code: string;
  /** Of HTTP; 0 when there was no answer. */
  readonly status: number;
  /** Whether another try may go better. */
  readonly isTransient: boolean;
  /** What the registry asks to wait before it. */
  readonly retryAfterSeconds?: number;
}

/** A `remote` fault that {@link remoteDetail} can be asked about. */
export function remoteFault(message: string, detail: RemoteDetail, cause?: unknown): Fault {
  return new Fault("remote", message, {
    ...(cause !== undefined && { cause }),
    detail: { ...detail, isTransient: detail.isTransient ? 1 : 0 },
  });
}

/** Undefined for anything that no registry is to blame for. */
export function remoteDetail(error: unknown): RemoteDetail | undefined {
  if (!isFault(error, "remote")) return undefined;
  const { code = "", status = 0, isTransient = 0, retryAfterSeconds } = error.detail;
  return {
    code: String(code),
    status: Number(status),
    isTransient: isTransient === 1,
    ...(retryAfterSeconds !== undefined && { retryAfterSeconds: Number(retryAfterSeconds) }),
  };
}

const usualCodes: Readonly<Record<number, readonly [code: string, message: string]>> = {
  401: ["UNAUTHORIZED", "authentication required"],
  403: ["DENIED", "requested access to the resource is denied"],
  429: ["TOOMANYREQUESTS", "too many requests"],
};
const maxErrors = 16;
const maxMessageLength = 1000;

/**
 * The fault that an answer with an error status means, in the words of Docker's client.
 *
 * @see OCI distribution-spec v1.1.1, error codes
 */
export function faultOfAnswer(
  status: number,
  body: string,
  told: { readonly challenge?: string | undefined; readonly retryAfterSeconds?: number | undefined } = {},
): Fault {
  const { challenge = "", retryAfterSeconds } = told;
  const isTransient = status === 408 || status === 429 || (status >= 500 && status !== 501);
  const common = { status, isTransient, ...(retryAfterSeconds !== undefined && { retryAfterSeconds }) };
  const errors = errorsIn(body);
  const [first] = errors;
  if (first !== undefined) {
    const text = errors.map(({ code, message }) =>
      message === "" ? wordsOf(code) : `${wordsOf(code)}: ${message}`,
    );
    const message = text.length === 1 ? (text[0] ?? "") : `errors:\n${text.join("\n")}\n`;
    return remoteFault(message, { code: first.code, ...common });
  }
  const [code = "", usual = ""] = usualCodes[status === 401 && lacksScope(challenge) ? 403 : status] ?? [];
  if (code !== "") {
    const message = detailsIn(body) || usual;
    return remoteFault(`${wordsOf(code)}: ${message}`, { code, ...common });
  }
  return remoteFault(`received unexpected HTTP status: ${status} ${statusText(status)}`.trimEnd(), {
    code: "",
    ...common,
  });
}

/** Of HTTP; empty for one that is not known. */
export function statusText(status: number): string {
  return statusTexts[status] ?? "";
}

const statusTexts: Readonly<Record<number, string>> = {
  400: "Bad Request",
  401: "Unauthorized",
  403: "Forbidden",
  404: "Not Found",
  405: "Method Not Allowed",
  413: "Request Entity Too Large",
  416: "Requested Range Not Satisfiable",
  429: "Too Many Requests",
  500: "Internal Server Error",
  502: "Bad Gateway",
  503: "Service Unavailable",
  504: "Gateway Timeout",
};

/** The token is fine, but not for this. @see RFC 6750, section 3.1 */
function lacksScope(challenge: string): boolean {
  return parseChallenges(challenge).some(({ parameters }) => parameters["error"] === "insufficient_scope");
}

/** `MANIFEST_UNKNOWN` is "manifest unknown". */
function wordsOf(code: string): string {
  return code.toLowerCase().replaceAll("_", " ");
}

function errorsIn(body: string): readonly { readonly code: string; readonly message: string }[] {
  const errors = objectIn(body)["errors"];
  if (!Array.isArray(errors)) return [];
  return errors.slice(0, maxErrors).flatMap((error: unknown) => {
    const { code, message } = (typeof error === "object" && error !== null ? error : {}) as Record<
      string,
      unknown
    >;
    if (typeof code !== "string") return [];
    return [
      {
        code: code.slice(0, 100),
        message: typeof message === "string" ? message.slice(0, maxMessageLength) : "",
      },
    ];
  });
}

/** Where servers of tokens put it. */
function detailsIn(body: string): string {
  const { details } = objectIn(body);
  return typeof details === "string" ? details.slice(0, maxMessageLength) : "";
}

function objectIn(body: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(body);
    return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}

import { type Status, StatusError, type StatusReason } from "#api/kube/status.ts";
import { readText } from "../streams.ts";
import type { Transport, TransportRequest, TransportResponse } from "../transport.ts";

export interface KubeClientOptions {
  /** Names the program in logs, and as the field manager of writes that name none. */
  readonly userAgent: string;
  /** Sent with every request, e.g. a bearer token. */
  readonly headers?: () => Readonly<Record<string, string>>;
  /** Absent: `application/json`. */
  readonly accept?: string;
  /** Told each warning that the server sends with an answer. */
  readonly warn?: (text: string) => void;
}

export type Query = Readonly<Record<string, string | number | boolean | undefined>>;

export interface KubeRequest {
  readonly method: TransportRequest["method"];
  readonly path: string;
  readonly query?: Query;
  readonly body?: unknown;
  /** Absent: `application/json`. */
  readonly bodyType?: string;
  /** Absent: the client's. */
  readonly accept?: string;
}

const encoder = new TextEncoder();

/** Requests to a Kubernetes API in JSON. What is not a success throws the Status that the server answers. */
export class KubeRequests {
  readonly transport: Transport;
  readonly options: KubeClientOptions;

  constructor(transport: Transport, options: KubeClientOptions) {
    this.transport = transport;
    this.options = options;
  }

  /** The answer's body as the server sends it. @throws {StatusError} when the server refuses */
  async open(request: KubeRequest, signal: AbortSignal): Promise<AsyncIterable<Uint8Array>> {
    const answer = await this.transport.send(this.#request(request), signal);
    for (const text of warningsOf(answer)) this.options.warn?.(text);
    if (answer.status >= 200 && answer.status < 300) return answer.body;
    throw await statusErrorOf(answer, request);
  }

  /** The answer's body as JSON. @throws {StatusError} when the server refuses */
  async json<T>(request: KubeRequest, signal: AbortSignal): Promise<T> {
    return JSON.parse(await readText(await this.open(request, signal))) as T;
  }

  #request({ method, path, query, body, bodyType, accept }: KubeRequest): TransportRequest {
    return {
      method,
      path: path + queryText(query ?? {}),
      headers: {
        Accept: accept ?? this.options.accept ?? "application/json",
        "User-Agent": this.options.userAgent,
        ...this.options.headers?.(),
      },
      ...(body === undefined
        ? {}
        : { body: { type: bodyType ?? "application/json", bytes: encoder.encode(JSON.stringify(body)) } }),
    };
  }
}

/** @see RFC 7234, section 5.5, as far as Kubernetes uses it: code 299, no date */
function warningsOf({ headers }: TransportResponse): readonly string[] {
  const found = (headers?.["warning"] ?? "").matchAll(/299 \S+ "((?:[^"\\]|\\.)*)"/g);
  return Array.from(found, ([, text = ""]) => text.replaceAll(/\\(.)/g, "$1"));
}

function queryText(query: Query): string {
  const parts: string[] = [];
  for (const [name, value] of Object.entries(query))
    if (value !== undefined && value !== "") parts.push(`${name}=${encodeURIComponent(String(value))}`);
  return parts.length === 0 ? "" : `?${parts.join("&")}`;
}

/** What a server says that refuses a request. */
export async function statusErrorOf(
  answer: Pick<TransportResponse, "status" | "body">,
  request: Pick<KubeRequest, "method" | "path">,
): Promise<StatusError> {
  const text = await readText(answer.body);
  try {
    const status = JSON.parse(text) as Status;
    if (status.kind === "Status") return new StatusError({ ...status, code: status.code ?? answer.status });
  } catch {
    // no Status: what stands between us and the server has answered
  }
  return new StatusError(genericStatus(answer.status, text, request));
}

const reasons: Readonly<Record<number, StatusReason>> = {
  400: "BadRequest",
  401: "Unauthorized",
  403: "Forbidden",
  404: "NotFound",
  405: "MethodNotAllowed",
  406: "NotAcceptable",
  409: "Conflict",
  410: "Gone",
  413: "RequestEntityTooLarge",
  415: "UnsupportedMediaType",
  422: "Invalid",
  429: "TooManyRequests",
  503: "ServiceUnavailable",
  504: "Timeout",
};

function genericStatus(
  code: number,
  text: string,
  { method, path }: Pick<KubeRequest, "method" | "path">,
): Status {
  const reason = reasons[code] ?? "InternalError";
  return {
    kind: "Status",
    apiVersion: "v1",
    metadata: {},
    status: "Failure",
    reason,
    code,
    message: text.trim() === "" ? `${method} ${path}: the server answered ${code}` : text.trim(),
  };
}

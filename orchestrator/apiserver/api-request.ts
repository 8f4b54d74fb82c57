import type { Connection } from "#client/transport.ts";
import type { Credentials, User } from "#orchestrator/authn/user.ts";

/** A request as it comes, from whatever carries it. */
export interface ApiRequest {
  readonly method: string;
  /** Without the query, as it was sent. */
  readonly path: string;
  readonly query: URLSearchParams;
  /** With the query, as it was sent. */
  readonly url: string;
  /** Names in lower case; what came several times is joined by commas. */
  readonly headers: Readonly<Record<string, string>>;
  /** Names and values, one behind the other, as they came. */
  readonly rawHeaders: readonly string[];
  readonly credentials: Credentials;
  /** Of those in the same process, who need not prove who they are. */
  readonly user?: User;
  readonly remoteAddress: string;
  /** Aborted when nobody waits for the answer any more. */
  readonly signal: AbortSignal;
  /** The whole body. @throws {StatusError} `RequestEntityTooLarge` */
  read(mostBytes: number): Promise<Uint8Array>;
  /** The body as it comes, for whoever passes it on. */
  stream(): AsyncIterable<Uint8Array>;
}

export type AnswerHeaders = Readonly<Record<string, string | readonly string[]>>;

export type ApiAnswer =
  | {
      readonly kind: "bytes";
      readonly status: number;
      readonly headers: AnswerHeaders;
      readonly body: Uint8Array;
    }
  | {
      readonly kind: "stream";
      readonly status: number;
      readonly headers: AnswerHeaders;
      /** Whether it may go out compressed, when the client takes that and it is long. */
      readonly mayCompress?: boolean;
      readonly body: AsyncIterable<Uint8Array>;
    }
  /** The connection stops being HTTP, with a 101. */
  | {
      readonly kind: "upgrade";
      readonly headers: AnswerHeaders;
      run(connection: Connection): Promise<void>;
    };

export type ApiHandler = (request: ApiRequest) => Promise<ApiAnswer>;

/** What a request asks for, as it was sent. */
export function urlParts(url: string): Pick<ApiRequest, "url" | "path" | "query"> {
  const question = url.indexOf("?");
  if (question === -1) return { url, path: url, query: new URLSearchParams() };
  return { url, path: url.slice(0, question), query: new URLSearchParams(url.slice(question + 1)) };
}

const encoder = new TextEncoder();

export function jsonAnswer(status: number, value: unknown, headers: AnswerHeaders = {}): ApiAnswer {
  const body = encoder.encode(`${JSON.stringify(value)}\n`);
  return { kind: "bytes", status, headers: { "content-type": "application/json", ...headers }, body };
}

/** Of what has nothing else to tell. */
export function successAnswer(status: number): ApiAnswer {
  return jsonAnswer(status, {
    kind: "Status",
    apiVersion: "v1",
    metadata: {},
    status: "Success",
    code: status,
  });
}

export function textAnswer(status: number, text: string, headers: AnswerHeaders = {}): ApiAnswer {
  const type = { "content-type": "text/plain; charset=utf-8", "x-content-type-options": "nosniff" };
  return { kind: "bytes", status, headers: { ...type, ...headers }, body: encoder.encode(text) };
}

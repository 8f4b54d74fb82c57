import { Fault, type FaultKind } from "#base/fault.ts";
import { readText } from "./streams.ts";
import type { Hijacked, Transport, TransportRequest, TransportResponse } from "./transport.ts";

/** The version that is spoken with a daemon that knows it; an older daemon's is used instead. */
export const newestVersion = "1.51";

export type QueryValue = string | number | boolean | readonly string[] | undefined;
export type Query = Readonly<Record<string, QueryValue>>;

/** Filters as the API takes them: values by key. */
export type Filters = Readonly<Record<string, readonly string[]>>;

interface CallOptions {
  readonly query?: Query;
  readonly headers?: NonNullable<TransportRequest["headers"]>;
  /** Encoded as JSON. */
  readonly json?: unknown;
  readonly body?: TransportRequest["body"];
}

/**
 * The Docker Engine API as requests: paths without a version, queries as values, failures as a Fault of the answer's kind with
 * the daemon's words.
 */
export interface DockerApi {
  /** An answer as JSON; undefined when it has no body. */
  json<T>(
    method: TransportRequest["method"],
    path: string,
    options: CallOptions,
    signal: AbortSignal,
  ): Promise<T>;
  text(
    method: TransportRequest["method"],
    path: string,
    options: CallOptions,
    signal: AbortSignal,
  ): Promise<string>;
  stream(
    method: TransportRequest["method"],
    path: string,
    options: CallOptions,
    signal: AbortSignal,
  ): Promise<TransportResponse>;
  hijack(path: string, options: CallOptions, signal: AbortSignal): Promise<Hijacked>;
  /** What the daemon says of itself before anything else; also settles the version. */
  ping(signal: AbortSignal): Promise<Readonly<Record<string, string>>>;
  /** The version in use, settled by asking the daemon when it was not yet. */
  version(signal: AbortSignal): Promise<string>;
}

/** @param version a version to insist on */
export function dockerApi(transport: Transport, version?: string): DockerApi {
  const versions = new VersionChoice(transport, version);
  const call = async (
    send: (request: TransportRequest) => Promise<TransportResponse | Hijacked>,
    method: TransportRequest["method"],
    path: string,
    options: CallOptions,
    signal: AbortSignal,
  ): Promise<TransportResponse | Hijacked> => {
    const request = requestOf(method, path, options);
    const isStreamed = request.body !== undefined && !(request.body.bytes instanceof Uint8Array);
    if (isStreamed) await versions.settle(signal);
    for (;;) {
      const answer = await send({ ...request, path: `/v${versions.current}${request.path}` });
      if (answer.kind === "hijacked" || answer.status < 400) {
        versions.isSettled = true;
        return answer;
      }
      const text = await readText(answer.body);
      if (isStreamed || !versions.retreat(answer.status, text))
        throw faultOf(request, answer.status, messageIn(text));
    }
  };
  const stream: DockerApi["stream"] = async (method, path, options, signal) => {
    const answer = await call((request) => transport.send(request, signal), method, path, options, signal);
    if (answer.kind === "hijacked") throw new Fault("internal", `${path}: unexpected upgrade`);
    return answer;
  };
  const text: DockerApi["text"] = async (method, path, options, signal) =>
    await readText((await stream(method, path, options, signal)).body);
  return {
    stream,
    text,
    async json<T>(...args: Parameters<DockerApi["json"]>) {
      const body = await text(...args);
      return (body.trim() === "" ? undefined : JSON.parse(body)) as T;
    },
    async hijack(path, options, signal) {
      const answer = await call(
        (request) => transport.hijack(request, signal),
        "POST",
        path,
        options,
        signal,
      );
      if (answer.kind === "hijacked") return answer;
      throw new Fault("internal", `unable to upgrade to tcp, received ${answer.status}`);
    },
    ping: (signal) => versions.ping(signal),
    async version(signal) {
      await versions.settle(signal);
      return versions.current;
    },
  };
}

/** Begins with the newest version and goes back when the daemon says that it is too new. */
class VersionChoice {
  current: string;
  isSettled: boolean;
  readonly #transport: Transport;

  constructor(transport: Transport, version: string | undefined) {
    this.#transport = transport;
    this.current = version ?? newestVersion;
    this.isSettled = version !== undefined;
  }

  async settle(signal: AbortSignal): Promise<void> {
    if (!this.isSettled) await this.ping(signal);
  }

  async ping(signal: AbortSignal): Promise<Readonly<Record<string, string>>> {
    const request = { method: "HEAD", path: "/_ping" } as const;
    const answer = await this.#transport.send(request, signal);
    await readText(answer.body);
    if (answer.status >= 400) throw faultOf(request, answer.status, undefined);
    const theirs = answer.headers?.["api-version"];
    if (!this.isSettled && theirs !== undefined && isOlder(theirs, this.current)) this.current = theirs;
    this.isSettled = true;
    return answer.headers ?? {};
  }

  retreat(status: number, text: string): boolean {
    const newest = /is too new\. Maximum supported API version is ([\d.]+)/.exec(text)?.[1];
    if (this.isSettled || status !== 400 || newest === undefined) return false;
    this.current = newest;
    this.isSettled = true;
    return true;
  }
}

/** Whether version `a` is before `b`: "1.9" is before "1.10". */
export function isOlder(a: string, b: string): boolean {
  const [majorA = 0, minorA = 0] = a.split(".").map(Number);
  const [majorB = 0, minorB = 0] = b.split(".").map(Number);
  return majorA < majorB || (majorA === majorB && minorA < minorB);
}

/** A query's text with its question mark, empty when nothing is set. False and undefined are left out. */
export function encodeQuery(query: Query): string {
  const parts: string[] = [];
  for (const [name, value] of Object.entries(query)) {
    if (value === undefined || value === false) continue;
    const texts = Array.isArray(value)
      ? (value as readonly string[])
      : [value === true ? "1" : String(value)];
    for (const text of texts) parts.push(`${encodeURIComponent(name)}=${encodeURIComponent(text)}`);
  }
  return parts.length === 0 ? "" : `?${parts.join("&")}`;
}

/** The `filters` parameter, undefined when there are none. */
export function encodeFilters(filters: Filters | undefined): string | undefined {
  if (filters === undefined || Object.keys(filters).length === 0) return undefined;
  const sets = Object.entries(filters).map(([key, values]) => [
    key,
    Object.fromEntries(values.map((value) => [value, true])),
  ]);
  return JSON.stringify(Object.fromEntries(sets));
}

function requestOf(method: TransportRequest["method"], path: string, options: CallOptions): TransportRequest {
  const { query = {}, headers, json, body } = options;
  const bytes = json === undefined ? undefined : new TextEncoder().encode(JSON.stringify(json));
  const encoded = bytes === undefined ? body : { type: "application/json", bytes };
  return {
    method,
    path: path + encodeQuery(query),
    ...(headers === undefined ? {} : { headers }),
    ...(encoded === undefined ? {} : { body: encoded }),
  };
}

/** A failed answer as a Fault with the daemon's words. */
function faultOf(request: TransportRequest, status: number, message: string | undefined): Fault {
  return new Fault(faultKindOf(status), message ?? `${request.method} ${request.path}: status ${status}`, {
    detail: { status },
  });
}

function messageIn(text: string): string | undefined {
  try {
    const body = JSON.parse(text) as { readonly message?: unknown };
    return typeof body.message === "string" ? body.message.trimEnd() : undefined;
  } catch {
    return undefined;
  }
}

/** What kind of failure the status of an answer is. */
export function faultKindOf(status: number): FaultKind {
  if (status === 400) return "invalid";
  if (status === 401) return "unauthorized";
  if (status === 403) return "forbidden";
  if (status === 404) return "not-found";
  if (status === 409) return "conflict";
  if (status === 501) return "not-implemented";
  if (status === 503) return "unavailable";
  return "internal";
}

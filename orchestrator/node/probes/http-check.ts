import type { ClientRequest, IncomingMessage } from "node:http";
import type { RequestOptions } from "node:https";
import { messageOf } from "#base/fault.ts";
import { https, request as httpRequest } from "#host/http.ts";

export interface HttpTarget {
  readonly scheme: "http" | "https";
  readonly host: string;
  readonly port: number;
  /** With its query. */
  readonly path: string;
  /** Values by name, in the order given; a name may come more than once. */
  readonly headers: readonly { readonly name: string; readonly value: string }[];
}

export interface HttpAnswer {
  readonly status: number;
  /** Its beginning. */
  readonly body: string;
}

const mostBody = 10_240;
const mostRedirects = 10;

/** Asks once, and follows redirects to the same host. Certificates are not verified: containers have their own. @throws {Error} when there is no answer in time */
export async function httpGet(
  target: HttpTarget,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<HttpAnswer> {
  const limit = AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]);
  let next = target;
  for (let hops = 0; ; hops++) {
    const { status, location, body } = await once(next, limit, timeoutMs);
    const redirected = location === undefined || hops >= mostRedirects ? undefined : redirect(next, location);
    if (status < 300 || status >= 400 || redirected === undefined) return { status, body };
    next = redirected;
  }
}

export function urlOf({ scheme, host, port, path }: HttpTarget): string {
  const name = host.includes(":") ? `[${host}]` : host;
  return `${scheme}://${name}:${port}${path.startsWith("/") ? path : `/${path}`}`;
}

function redirect(from: HttpTarget, location: string): HttpTarget | undefined {
  const url = URL.parse(location, urlOf(from));
  if (url === null || url.hostname.replace(/^\[|\]$/g, "") !== from.host) return undefined;
  const scheme = url.protocol === "https:" ? "https" : "http";
  const port = url.port === "" ? (scheme === "https" ? 443 : 80) : Number(url.port);
  return { ...from, scheme, port, path: `${url.pathname}${url.search}` };
}

interface RawAnswer extends HttpAnswer {
  readonly location: string | undefined;
}

function once(target: HttpTarget, signal: AbortSignal, timeoutMs: number): Promise<RawAnswer> {
  const { promise, resolve, reject } = Promise.withResolvers<RawAnswer>();
  const fail = (error: unknown) => {
    const reason = signal.aborted
      ? `context deadline exceeded (Client.Timeout exceeded while awaiting headers)`
      : goReason(target, error);
    reject(new Error(`Get "${urlOf(target)}": ${reason}`, { cause: error }));
  };
  try {
    const request = open(target, signal, timeoutMs, (response) => {
      readStart(response).then(
        (body) => resolve({ status: response.statusCode ?? 0, location: response.headers.location, body }),
        fail,
      );
    });
    request.on("error", fail);
    request.end();
  } catch (error) {
    fail(error); // a header that cannot be sent
  }
  return promise;
}

function open(
  target: HttpTarget,
  signal: AbortSignal,
  timeoutMs: number,
  answered: (response: IncomingMessage) => void,
): ClientRequest {
  const { host, port, path, scheme } = target;
  const options: RequestOptions = {
    host,
    port,
    path: path.startsWith("/") ? path : `/${path}`,
    method: "GET",
    headers: headersOf(target),
    timeout: timeoutMs,
    agent: false,
    signal,
    insecureHTTPParser: true, // as lenient as upstream's: a script that serves ends its lines with a newline alone
  };
  if (scheme === "http") return httpRequest(options, answered);
  return https().request({ ...options, rejectUnauthorized: false }, answered);
}

function headersOf({ headers }: HttpTarget): Record<string, string | string[]> {
  const result: Record<string, string | string[]> = {
    "User-Agent": "kube-probe/1.36",
    Accept: "*/*",
    Connection: "close",
  };
  for (const { name, value } of headers) {
    const known = Object.keys(result).find((each) => each.toLowerCase() === name.toLowerCase());
    if (known !== undefined && (known === "User-Agent" || known === "Accept")) delete result[known];
    const before = result[name];
    result[name] = before === undefined ? value : [...(Array.isArray(before) ? before : [before]), value];
  }
  return result;
}

async function readStart(response: IncomingMessage): Promise<string> {
  const parts: Buffer[] = [];
  let size = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    parts.push(chunk);
    size += chunk.length;
    if (size >= mostBody) break; // ends the response
  }
  return Buffer.concat(parts).subarray(0, mostBody).toString();
}

/** In the words that users of upstream know. */
function goReason({ host, port }: HttpTarget, error: unknown): string {
  const code = error instanceof Error && "code" in error ? String(error.code) : "";
  const address = `${host.includes(":") ? `[${host}]` : host}:${port}`;
  if (code === "ECONNREFUSED") return `dial tcp ${address}: connect: connection refused`;
  if (code === "EHOSTUNREACH") return `dial tcp ${address}: connect: no route to host`;
  if (code === "ECONNRESET") return "EOF";
  return messageOf(error);
}

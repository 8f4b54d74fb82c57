import type { Agent, IncomingHttpHeaders, IncomingMessage } from "node:http";
import { lookup as lookupAll } from "node:dns";
import type { LookupFunction } from "node:net";
import { pipeline, Readable } from "node:stream";
import type { SecureContext } from "node:tls";
import { collect } from "#base/collect.ts";
import { Fault } from "#base/fault.ts";
import type { ProxySettings } from "#base/registry-settings.ts";
import * as http from "#host/http.ts";
import { bareHost, isLinkLocal, isLoopback } from "./addresses.ts";
import { requestFault } from "./failure-text.ts";
import { proxyFor } from "./proxy.ts";
import { remoteFault } from "./remote-fault.ts";

export interface Request {
  readonly method: "GET" | "HEAD" | "POST" | "PUT" | "PATCH" | "DELETE";
  readonly url: URL;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Uint8Array | AsyncIterable<Uint8Array>;
}

export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  /** Must be read to its end or destroyed. */
  readonly body: IncomingMessage;
}

/** What an answer asks to wait; undefined when it says nothing that makes sense. @see RFC 9110, section 10.2.3 */
export function retryAfterSeconds({ headers }: Pick<Answer, "headers">): number | undefined {
  const { "retry-after": given = "", date = "" } = headers;
  if (/^\d{1,9}$/.test(given)) return Number(given);
  const ms = Date.parse(given) - Date.parse(date);
  return Number.isNaN(ms) ? undefined : Math.max(0, Math.ceil(ms / 1000));
}

/** How to reach a server. */
export interface Trust {
  readonly secureContext: SecureContext;
  /** False: whoever answers is believed. */
  readonly verifies: boolean;
  /** Whether the server may be this machine itself. */
  readonly allowsLoopback: boolean;
}

/** A connection on which nothing moves for so long counts as broken. */
const idleMs = 60_000;
/** A registry that has got everything may take its time to put it away. */
const answerMs = 600_000;
const bodyAheadBytes = 1024 * 1024;
const maxTextBytes = 1024 * 1024;

/** Connections that are kept while an operation lasts. */
export class Connections implements Disposable {
  readonly #agents = new Map<string, Agent>();
  readonly #proxies: ProxySettings;

  constructor(proxies: ProxySettings) {
    this.#proxies = proxies;
  }

  /**
   * Sends one request and resolves with the head of the answer, whatever its status. Redirects are not followed.
   *
   * @throws {Fault} `remote` in the words of Docker's daemon; `forbidden` for an address where no registry can be
   */
  async send(request: Request, trust: Trust, signal: AbortSignal): Promise<Answer> {
    signal.throwIfAborted();
    const { url, method, body } = request;
    checkHost(url, trust);
    const { promise, resolve, reject } = Promise.withResolvers<Answer>();
    const proxy = proxyFor(url, this.#proxies);
    const options = {
      method,
      agent: this.#agentFor(url, trust, proxy),
      headers: { "User-Agent": "gantry", ...request.headers, ...lengthOf(body) },
      // Of a proxy the operator has said where it is; what its names mean to it nobody here can know.
      ...(proxy === undefined && { lookup: guardedLookup(trust) }),
    };
    const outgoing =
      url.protocol === "https:" ? http.https().request(url, options) : http.request(url, options);
    const giveUp = () => outgoing.destroy(signal.reason instanceof Error ? signal.reason : undefined);
    signal.addEventListener("abort", giveUp, { once: true });
    outgoing.setTimeout(body === undefined ? idleMs : answerMs, () =>
      outgoing.destroy(
        new Error("net/http: request canceled (Client.Timeout exceeded while awaiting headers)"),
      ),
    );
    outgoing.on("response", (answer: IncomingMessage) => {
      answer.setTimeout(idleMs, () => answer.destroy(new Error("unexpected EOF")));
      answer.once("close", () => signal.removeEventListener("abort", giveUp));
      resolve({ status: answer.statusCode ?? 0, headers: answer.headers, body: answer });
    });
    outgoing.on("error", (error) => {
      signal.removeEventListener("abort", giveUp);
      reject(
        signal.aborted
          ? signal.reason
          : error instanceof Fault
            ? error
            : requestFault(method, url, error, proxy !== undefined),
      );
    });
    if (body === undefined || body instanceof Uint8Array) outgoing.end(body);
    else pipeline(streamOf(body), outgoing, () => {}); // a failure destroys the request
    return await promise;
  }

  [Symbol.dispose](): void {
    for (const agent of this.#agents.values()) agent.destroy();
    this.#agents.clear();
  }

  #agentFor(url: URL, trust: Trust, proxy: URL | undefined): Agent {
    const key = `${url.origin} ${trust.verifies}`;
    const proxyEnv = proxy && { HTTP_PROXY: proxy.href, HTTPS_PROXY: proxy.href };
    const known = this.#agents.get(key);
    if (known !== undefined) return known;
    const agent =
      url.protocol === "https:"
        ? new (http.https().Agent)({
            keepAlive: true,
            secureContext: trust.secureContext,
            rejectUnauthorized: trust.verifies,
            ...(proxyEnv && { proxyEnv }),
          })
        : new http.Agent({ keepAlive: true, ...(proxyEnv && { proxyEnv }) });
    this.#agents.set(key, agent);
    return agent;
  }
}

/** Reads a short answer. @throws {Fault} `remote` when it is not short, or breaks off */
export async function textOf(answer: Answer, maxBytes = maxTextBytes): Promise<Buffer> {
  const tooLarge = () =>
    remoteFault(`the registry's answer is longer than ${maxBytes} bytes`, {
      code: "",
      status: answer.status,
      isTransient: false,
    });
  try {
    return Buffer.concat(await collect(answer.body, maxBytes, tooLarge));
  } catch (error) {
    if (error instanceof Fault) throw error;
    throw remoteFault("unexpected EOF", { code: "", status: 0, isTransient: true }, error);
  }
}

/** Frees the connection of an answer that nobody wants to read. */
export function discard({ body }: Answer): void {
  body.on("error", () => {});
  body.resume();
}

/** Goes on making the body while the connection takes what is there. */
function streamOf(body: AsyncIterable<Uint8Array>): Readable {
  return Readable.from(body, { objectMode: false, highWaterMark: bodyAheadBytes });
}

function lengthOf(body: Request["body"]): { readonly "Content-Length"?: string } {
  if (body instanceof Uint8Array) return { "Content-Length": String(body.length) };
  return {};
}

function checkHost({ hostname }: URL, trust: Trust): void {
  checkAddress(bareHost(hostname), trust);
}

/** @throws {Fault} `forbidden` */
function checkAddress(address: string, { allowsLoopback }: Trust): void {
  if (isLinkLocal(address) || (!allowsLoopback && isLoopback(address)))
    throw new Fault("forbidden", `refusing to be sent to ${address}, where no registry can be`);
}

/** Names are checked by what they resolve to, at the very lookup that the connection uses. */
function guardedLookup(trust: Trust): LookupFunction {
  return (hostname, options, callback) => {
    lookupAll(hostname, { ...options, all: true }, (error, addresses) => {
      if (error !== null) return callback(error, []);
      try {
        for (const { address } of addresses) checkAddress(address, trust);
      } catch (refusal) {
        return callback(refusal as NodeJS.ErrnoException, []);
      }
      if (options.all === true) callback(null, addresses);
      else callback(null, addresses[0]?.address ?? "", addresses[0]?.family ?? 4);
    });
  };
}

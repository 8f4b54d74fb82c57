import { Fault } from "#base/fault.ts";
import type { Authorizer } from "./authorizer.ts";
import {
  type Answer,
  type Connections,
  discard,
  type Request,
  retryAfterSeconds,
  textOf,
  type Trust,
} from "./exchange.ts";
import { faultOfAnswer } from "./remote-fault.ts";

/** A request by its path at the registry, or by the place that an upload was given there. */
export interface Ask {
  readonly method: Request["method"];
  readonly path: string | URL;
  readonly headers?: Readonly<Record<string, string>>;
  /** Called once more when the registry wants to be asked again. */
  readonly body?: () => NonNullable<Request["body"]>;
  /** What is to be allowed, e.g. `repository:library/nginx:pull`. */
  readonly scopes: readonly string[];
}

const maxRedirects = 10;
const redirects: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);

/** One registry at one address, with what it takes to be let in. */
export class Endpoint {
  /** `https://HOST:PORT/` */
  readonly url: URL;
  readonly #connections: Connections;
  readonly #authorizer: Authorizer;
  readonly #trust: Trust;

  constructor(url: URL, connections: Connections, authorizer: Authorizer, trust: Trust) {
    this.url = url;
    this.#connections = connections;
    this.#authorizer = authorizer;
    this.#trust = trust;
  }

  /**
   * Asks, and asks again with what the registry wants to see when it says so. Reads are sent on where it points to, without
   * anything that tells who asks.
   *
   * @throws {Fault} `remote` unless the answer's status is one of `expected`
   */
  async ask(ask: Ask, expected: readonly number[], signal: AbortSignal): Promise<Answer> {
    const answer = await this.send(ask, signal);
    if (expected.includes(answer.status)) return answer;
    const body = await textOf(answer).catch(() => Buffer.alloc(0));
    answer.body.destroy(); // what is still being sent to it is of no use
    throw faultOfAnswer(answer.status, body.toString(), {
      challenge: answer.headers["www-authenticate"],
      retryAfterSeconds: retryAfterSeconds(answer),
    });
  }

  /** The place that a header of an answer names. @throws {Fault} `forbidden` unless it is at this registry */
  placeOf(location: string | undefined): URL {
    const url = URL.parse(location ?? "", this.url);
    if (location === undefined || url === null || url.origin !== this.url.origin)
      throw new Fault(
        "forbidden",
        `the registry named a place to upload to that is not its own: ${location?.slice(0, 200)}`,
      );
    return url;
  }

  /** {@link Endpoint.ask}, whatever the status. */
  async send(ask: Ask, signal: AbortSignal): Promise<Answer> {
    const first = await this.#once(ask, signal);
    if (first.answer.status !== 401 || !first.isOwn) return first.answer;
    this.#authorizer.challenged(first.answer.headers["www-authenticate"]);
    const url = new URL(ask.path, this.url);
    if ((await this.#authorizer.headerFor(ask.method, url, ask.scopes, signal)) === first.shown)
      return first.answer;
    discard(first.answer);
    return (await this.#once(ask, signal)).answer;
  }

  async #once(ask: Ask, signal: AbortSignal) {
    const url = new URL(ask.path, this.url);
    const shown = await this.#authorizer.headerFor(ask.method, url, ask.scopes, signal);
    const { method, headers, body } = ask;
    const answer = await this.#connections.send(
      {
        method,
        url,
        headers: { ...headers, ...(shown !== undefined && { Authorization: shown }) },
        ...(body !== undefined && { body: body() }),
      },
      this.#trust,
      signal,
    );
    const isRead = method === "GET" || method === "HEAD";
    if (!isRead || !redirects.has(answer.status)) return { answer, shown, isOwn: true };
    return { answer: await this.#follow(ask, url, answer, signal), shown, isOwn: false };
  }

  /** Where content is kept may be elsewhere: it is verified anyway, and nobody there is told who asks. */
  async #follow(ask: Ask, from: URL, redirect: Answer, signal: AbortSignal): Promise<Answer> {
    let [url, answer] = [from, redirect];
    for (let count = 0; redirects.has(answer.status); count++) {
      discard(answer);
      if (count === maxRedirects) throw new Fault("forbidden", `stopped after ${maxRedirects} redirects`);
      url = targetOf(url, answer.headers.location);
      const isSameHost = url.hostname === this.url.hostname;
      const trust = isSameHost ? this.#trust : { ...this.#trust, verifies: true };
      answer = await this.#connections.send(
        { method: ask.method, url, headers: ask.headers ?? {} },
        trust,
        signal,
      );
    }
    return answer;
  }
}

/** @throws {Fault} `forbidden` for what is not HTTP, or would be less safe than what it comes from */
function targetOf(from: URL, location = ""): URL {
  const url = URL.parse(location, from);
  const isFine =
    url !== null && (url.protocol === "https:" || (url.protocol === "http:" && from.protocol === "http:"));
  if (!isFine || location === "")
    throw new Fault("forbidden", `refusing to be redirected to ${JSON.stringify(location.slice(0, 200))}`);
  url.username = "";
  url.password = "";
  return url;
}

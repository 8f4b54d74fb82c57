import { collect } from "#base/collect.ts";
import type { Transport, TransportRequest } from "#client/transport.ts";

/** An object of the API, whose fields are asked for without knowing its type. */
export interface Loose {
  // oxlint-disable-next-line typescript/no-explicit-any -- the objects of all kinds, as a client without types sees them
  [field: string]: any;
}

export interface RestAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Loose;
}

export interface RestOptions {
  readonly type?: string;
  readonly accept?: string;
}

/** Plain requests of a client that knows paths and JSON, and nothing else of the API. */
export class Rest {
  readonly #transport: Transport;

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  async send(
    method: TransportRequest["method"],
    path: string,
    body?: unknown,
    { type = "application/json", accept = "application/json" }: RestOptions = {},
  ): Promise<RestAnswer> {
    const text = typeof body === "string" ? body : JSON.stringify(body);
    const sent = body === undefined ? {} : { body: { type, bytes: Buffer.from(text) } };
    const request = { method, path, headers: { Accept: accept }, ...sent };
    const answer = await this.#transport.send(request, AbortSignal.timeout(20_000));
    const tooLarge = () => new Error("a long answer");
    const got = Buffer.concat(await collect(answer.body, 64 << 20, tooLarge)).toString();
    return { status: answer.status, headers: answer.headers ?? {}, body: read(got) };
  }

  /** The body of an answer that must be of this status. */
  async ok(
    method: TransportRequest["method"],
    path: string,
    body?: unknown,
    options?: RestOptions,
  ): Promise<Loose> {
    const answer = await this.send(method, path, body, options);
    if (answer.status < 300) return answer.body;
    throw new Error(`${method} ${path}: ${answer.status} ${JSON.stringify(answer.body)}`);
  }

  /** What is at the path, a list or one object, as soon as it is as wanted. */
  async until(path: string, isWanted: (found: Loose) => boolean): Promise<Loose> {
    let found = await this.ok("GET", path);
    if (isWanted(found)) return found;
    const [collection = "", query = ""] = path.split("?");
    const isOne = found["items"] === undefined;
    const place = isOne ? collection.slice(0, collection.lastIndexOf("/")) : collection;
    const only = isOne ? `fieldSelector=metadata.name%3D${collection.split("/").at(-1)}` : query;
    const from = found["metadata"].resourceVersion;
    for await (const _ of this.watch(`${place}?watch=1&resourceVersion=${from}&${only}`)) {
      found = await this.ok("GET", path);
      if (isWanted(found)) return found;
    }
    throw new Error(`${path} did not become what was wanted: ${JSON.stringify(found)}`);
  }

  /** The events of a watch, which ends with its iteration. */
  async *watch(path: string, signal = AbortSignal.timeout(20_000)): AsyncGenerator<Loose, void> {
    const answer = await this.#transport.send({ method: "GET", path }, signal);
    let rest = "";
    for await (const bytes of answer.body) {
      const lines = `${rest}${Buffer.from(bytes).toString()}`.split("\n");
      rest = lines.pop() ?? "";
      for (const line of lines) yield JSON.parse(line) as Loose;
    }
  }
}

function read(text: string): Loose {
  try {
    return JSON.parse(text) as Loose;
  } catch {
    return { text };
  }
}

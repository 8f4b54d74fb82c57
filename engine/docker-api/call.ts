import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from "node:http";
import type { Duplex } from "node:stream";
import { Fault } from "#base/fault.ts";
import type { Answer } from "./answer.ts";
import { readJson } from "./body.ts";
import { Query } from "./query.ts";

/** What closes when the client leaves: a response, or a stream that took its connection over. */
export type Connection = ServerResponse | Duplex;

/** One request, as routes see it. */
export class Call {
  readonly request: IncomingMessage;
  /** What the path has in the place of its parameter; empty for paths without one. */
  readonly name: string;
  readonly query: Query;
  /** Minor API version that the answer is to be shaped for. */
  readonly version: number;
  /** Aborted when the server closes. For work that is to go on when the client leaves. */
  readonly lifetime: AbortSignal;
  readonly #connection: Connection;
  #departure: AbortController | undefined;

  constructor(parts: {
    readonly request: IncomingMessage;
    readonly connection: Connection;
    readonly name: string;
    readonly search: string;
    readonly version: number;
    readonly lifetime: AbortSignal;
  }) {
    this.request = parts.request;
    this.name = parts.name;
    this.query = new Query(parts.search);
    this.version = parts.version;
    this.lifetime = parts.lifetime;
    this.#connection = parts.connection;
  }

  get headers(): IncomingHttpHeaders {
    return this.request.headers;
  }

  get hasUpgrade(): boolean {
    return this.request.headers.upgrade !== undefined;
  }

  /** Aborted when the connection is gone or the server closes. */
  get signal(): AbortSignal {
    if (this.#departure === undefined) {
      const departure = new AbortController();
      this.#departure = departure;
      if (this.#connection.destroyed) departure.abort();
      else this.#connection.once("close", () => departure.abort());
      if (this.lifetime.aborted) departure.abort();
      else {
        const leave = () => departure.abort();
        this.lifetime.addEventListener("abort", leave, { once: true });
        departure.signal.addEventListener("abort", () => this.lifetime.removeEventListener("abort", leave));
      }
    }
    return this.#departure.signal;
  }

  /** The answer is out: what waits for the client's departure is let go. */
  finish(): void {
    this.#departure?.abort();
  }

  /** The body as JSON; undefined when there is none. @throws {Fault} `invalid` */
  json(): Promise<unknown> {
    return readJson(this.request);
  }

  /** @throws {Fault} `invalid`, also when there is no body */
  async requiredJson(): Promise<unknown> {
    const value = await this.json();
    if (value === undefined) throw new Fault("invalid", "invalid JSON: got EOF while reading request body");
    return value;
  }
}

export type Handler = (call: Call) => Answer | Promise<Answer>;

export interface Route {
  readonly method: "GET" | "HEAD" | "POST" | "PUT" | "DELETE";
  /** `{id}` stands for one part of the path, `{name}` for one or more. */
  readonly path: string;
  readonly handle: Handler;
}

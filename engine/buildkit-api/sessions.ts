import type { IncomingHttpHeaders } from "node:http";
import { Fault } from "#base/fault.ts";
import { Arrivals } from "./arrivals.ts";
import type { RpcClient } from "#rpc/rpc-client.ts";

/** A client that offers its files, secrets and agents for the length of a build. */
export interface Session {
  readonly id: string;
  /** The same for sessions of a client that are about the same folder; empty when it does not say. */
  readonly sharedKey: string;
  readonly client: RpcClient;
  /** @param method `/package.Service/Method` */
  readonly supports: (method: string) => boolean;
}

/** That says by which ID a session is known. */
export const sessionHeader = "x-docker-expose-session-uuid";

const maxIdLength = 256;
const maxKeyLength = 1024;

/** Sessions that are connected, by ID. */
export class Sessions {
  readonly #sessions = new Arrivals<Session>();

  /** @throws {Fault} for what no session can be */
  check(headers: IncomingHttpHeaders): string {
    const id = headerOf(headers, sessionHeader);
    if (id === "" || id.length > maxIdLength) throw new Fault("invalid", "a session needs an ID");
    if (this.#sessions.has(id)) throw new Fault("invalid", `session ${id} already exists`);
    return id;
  }

  /** Keeps the session until its connection ends or `signal` aborts, which closes it. */
  async serve(client: RpcClient, headers: IncomingHttpHeaders, signal: AbortSignal): Promise<void> {
    const id = this.check(headers);
    const methods = new Set(
      headerOf(headers, "x-docker-expose-session-grpc-method")
        .split(",")
        .map((name) => name.trim().toLowerCase()),
    );
    const sharedKey = headerOf(headers, "x-docker-expose-session-sharedkey").slice(0, maxKeyLength);
    const session = {
      id,
      sharedKey,
      client,
      supports: (method: string) => methods.has(method.toLowerCase()),
    };
    const stop = () => client.destroy();
    signal.addEventListener("abort", stop, { once: true });
    if (signal.aborted) stop();
    this.#sessions.add(id, session);
    try {
      await client.closed();
    } finally {
      signal.removeEventListener("abort", stop);
      this.#sessions.delete(id);
      client.destroy();
    }
  }

  /** Waits for it a little. @throws {Fault} `not-found` when it does not come */
  async get(id: string, signal: AbortSignal): Promise<Session> {
    const absent = () => new Fault("not-found", `no active session for ${id}: context deadline exceeded`);
    return await this.#sessions.get(id, absent, signal);
  }
}

function headerOf(headers: IncomingHttpHeaders, name: string): string {
  const value = headers[name];
  return Array.isArray(value) ? value.join(",") : (value ?? "");
}

import type { Duplex } from "node:stream";
import { Fault, isFault } from "#base/fault.ts";
import type { Codec, MessageOf } from "#base/protobuf.ts";
import { GrpcClient } from "#rpc/grpc-client.ts";
import {
  compactRequest,
  compactResponse,
  compareModRevision,
  leaseGrantRequest,
  leaseGrantResponse,
  rangeRequest,
  rangeResponse,
  transactionRequest,
  transactionResponse,
} from "./etcd-api.ts";
import { EtcdWatch } from "./etcd-watch.ts";
import { compactedFault, entryOf, keyBytes, rangeEnd } from "./etcd-values.ts";
import type { Page, Range, Revision, Store, Watch, WriteResult } from "./store.ts";

const service = "/etcdserverpb.KV";

type Operation = Partial<MessageOf<typeof transactionRequest>>["success"];

export interface EtcdStoreDeps {
  /** A new connection to any member of the cluster; TLS, where there is any, is its business. */
  readonly connect: (signal: AbortSignal) => Promise<Duplex>;
}

/**
 * A {@link Store} in an etcd v3 cluster, for any number of processes. A broken connection fails the requests on it as `unavailable`
 * and is made anew by the next; a watch makes its own anew and misses nothing.
 */
export class EtcdStore implements Store {
  readonly #deps: EtcdStoreDeps;
  readonly #closed = new AbortController();
  #client: Promise<GrpcClient> | undefined;

  constructor(deps: EtcdStoreDeps) {
    this.#deps = deps;
  }

  async get(key: string, signal: AbortSignal): ReturnType<Store["get"]> {
    const { header, kvs } = await this.#range({ key: keyBytes(key) }, signal);
    const [entry] = kvs.map(entryOf);
    return { revision: header?.revision ?? 0, ...(entry !== undefined && { entry }) };
  }

  async list({ prefix, after, limit, at }: Range, signal: AbortSignal): Promise<Page> {
    const begin = after === undefined || after < prefix ? prefix : `${after}\0`;
    const { header, kvs, count } = await this.#range(
      {
        key: keyBytes(begin),
        rangeEnd: rangeEnd(prefix),
        ...(limit !== undefined && { limit }),
        ...(at !== undefined && { revision: at }),
      },
      signal,
    );
    return {
      revision: at ?? header?.revision ?? 0,
      entries: kvs.map(entryOf),
      remaining: count - kvs.length,
    };
  }

  async count(prefix: string, signal: AbortSignal): Promise<number> {
    const range = { key: keyBytes(prefix), rangeEnd: rangeEnd(prefix), countOnly: true };
    return (await this.#range(range, signal)).count;
  }

  async put(
    { key, value, expected, ttlS }: Parameters<Store["put"]>[0],
    signal: AbortSignal,
  ): Promise<WriteResult> {
    const lease = ttlS === undefined ? 0n : await this.#lease(ttlS, signal);
    return await this.#change(key, expected, [{ put: { key: keyBytes(key), value, lease } }], signal);
  }

  async delete(key: string, expected: Revision, signal: AbortSignal): Promise<WriteResult> {
    // A key that is not there has not changed by being removed.
    const operations = expected === 0 ? [] : [{ delete: { key: keyBytes(key) } }];
    const result = await this.#change(key, expected, operations, signal);
    return expected === 0 && result.isDone ? { isDone: false, revision: result.revision } : result;
  }

  watch(prefix: string, after: Revision, signal: AbortSignal): Watch {
    const connect = (until: AbortSignal) => this.#connected(until);
    return new EtcdWatch({ connect, prefix, signal: AbortSignal.any([signal, this.#closed.signal]) }, after);
  }

  async compact(revision: Revision, signal: AbortSignal): Promise<void> {
    if (revision === 0) return;
    try {
      await this.#call("/Compact", [compactRequest, compactResponse], { revision, physical: true }, signal);
    } catch (error) {
      // Forgotten already, by us or by another API server.
      if (!isFault(error, "precondition")) throw error;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed.abort(closed());
    const client = await this.#client?.catch(() => undefined);
    client?.destroy();
  }

  async #change(
    key: string,
    expected: Revision,
    success: NonNullable<Operation>,
    signal: AbortSignal,
  ): Promise<WriteResult> {
    const compare = [{ result: 0, target: compareModRevision, key: keyBytes(key), modRevision: expected }];
    const failure = [{ range: { key: keyBytes(key) } }];
    const codecs = [transactionRequest, transactionResponse] as const;
    const answer = await this.#call("/Txn", codecs, { compare, success, failure }, signal);
    const revision = answer.header?.revision ?? 0;
    if (answer.succeeded) return { isDone: true, revision };
    const [current] = answer.responses[0]?.range?.kvs?.map(entryOf) ?? [];
    return { isDone: false, revision, ...(current !== undefined && { current }) };
  }

  async #lease(ttlS: number, signal: AbortSignal): Promise<bigint> {
    const codecs = [leaseGrantRequest, leaseGrantResponse] as const;
    const client = await this.#connected(signal);
    return (await client.unary("/etcdserverpb.Lease/LeaseGrant", codecs, { ttlS: Math.ceil(ttlS) }, signal))
      .id;
  }

  async #range(request: Partial<MessageOf<typeof rangeRequest>>, signal: AbortSignal) {
    return await this.#call("/Range", [rangeRequest, rangeResponse], request, signal);
  }

  async #call<Request, Response>(
    method: string,
    codecs: readonly [Codec<Request>, Codec<Response>],
    request: Partial<Request>,
    signal: AbortSignal,
  ): Promise<Response> {
    const client = await this.#connected(signal);
    try {
      return await client.unary(`${service}${method}`, codecs, request, signal);
    } catch (error) {
      throw await this.#explained(error, client, signal);
    }
  }

  /** etcd's refusals in the store's terms. */
  async #explained(error: unknown, client: GrpcClient, signal: AbortSignal): Promise<unknown> {
    if (!isFault(error)) return error;
    if (error.message.includes("revision has been compacted"))
      return compactedFault(await this.#compactedOf(client, signal));
    if (error.message.includes("future revision"))
      return new Fault("invalid", error.message, { cause: error });
    if (error.message.includes("database space exceeded"))
      return new Fault("exhausted", error.message, { cause: error });
    return error;
  }

  /** Only a watch says up to where it has been compacted. */
  async #compactedOf(client: GrpcClient, signal: AbortSignal): Promise<Revision> {
    const ended = new AbortController();
    const probe = new EtcdWatch(
      { connect: async () => client, prefix: "", signal: AbortSignal.any([signal, ended.signal]) },
      0,
    );
    try {
      for await (const _ of probe) break;
    } catch (error) {
      if (isFault(error, "precondition")) return Number(error.detail["compacted"]);
      throw error;
    } finally {
      ended.abort();
    }
    return 0;
  }

  async #connected(signal: AbortSignal): Promise<GrpcClient> {
    signal.throwIfAborted();
    this.#closed.signal.throwIfAborted();
    const known = await this.#client?.catch(() => undefined);
    if (known !== undefined && !known.isClosed) return known;
    this.#client ??= this.#connect();
    if (known !== undefined && known === (await this.#client.catch(() => undefined)))
      this.#client = this.#connect();
    return await this.#client;
  }

  async #connect(): Promise<GrpcClient> {
    try {
      return new GrpcClient(await this.#deps.connect(this.#closed.signal), "the connection to etcd");
    } catch (error) {
      this.#client = undefined;
      throw isFault(error) ? error : new Fault("unavailable", "etcd cannot be reached", { cause: error });
    }
  }
}

function closed(): Fault {
  return new Fault("unavailable", "the store is closed");
}

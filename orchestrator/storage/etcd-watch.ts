import { setTimeout as delay } from "node:timers/promises";
import { Fault, isFault } from "#base/fault.ts";
import type { MessageOf } from "#base/protobuf.ts";
import type { GrpcClient } from "#rpc/grpc-client.ts";
import { deleteEvent, watchRequest, watchResponse } from "./etcd-api.ts";
import { compactedFault, entryOf, keyBytes, rangeEnd } from "./etcd-values.ts";
import type { Change, Revision, Watch } from "./store.ts";

export interface EtcdWatchDeps {
  /** @throws {Fault} `unavailable` */
  readonly connect: (signal: AbortSignal) => Promise<GrpcClient>;
  readonly prefix: string;
  readonly signal: AbortSignal;
}

type Response = MessageOf<typeof watchResponse>;

const firstWaitMs = 50;
const longestWaitMs = 2000;

const method = "/etcdserverpb.Watch/Watch";

/** One stream of etcd's; when it breaks, another one from where it was. */
export class EtcdWatch implements Watch {
  readonly #deps: EtcdWatchDeps;
  #position: Revision;
  /** It has been answered once: what breaks from now on is made anew. */
  #hasBegun = false;

  constructor(deps: EtcdWatchDeps, after: Revision) {
    this.#deps = deps;
    this.#position = after;
  }

  get position(): Revision {
    return this.#position;
  }

  async *[Symbol.asyncIterator](): AsyncIterator<readonly Change[]> {
    const { signal } = this.#deps;
    for (let waitMs = firstWaitMs; ; waitMs = Math.min(2 * waitMs, longestWaitMs))
      try {
        for await (const changes of this.#stream()) {
          waitMs = firstWaitMs;
          yield changes;
        }
      } catch (error) {
        if (signal.aborted) return;
        if (!this.#hasBegun || !isFault(error, "unavailable")) throw error;
        await delay(waitMs, undefined, { signal }).catch(() => {});
      }
  }

  /** Until it breaks. */
  async *#stream(): AsyncGenerator<readonly Change[]> {
    const { connect, prefix, signal } = this.#deps;
    const client = await connect(signal);
    using call = client.open(method, {}, signal);
    await call.send(
      watchRequest.encode({
        create: {
          key: keyBytes(prefix === "" ? "\0" : prefix),
          rangeEnd: rangeEnd(prefix),
          startRevision: this.#position + 1,
          progressNotify: true,
          previous: true,
          fragment: true,
        },
      }),
    );
    const parts: Change[] = [];
    for await (const message of call.messages()) {
      const response = watchResponse.decode(message);
      this.#check(response);
      this.#hasBegun = true;
      const changes = this.#take(response, parts);
      if (changes.length > 0) yield changes;
    }
    throw new Fault("unavailable", "etcd ended the watch");
  }

  #check({ isCancelled, compactRevision, header }: Response): void {
    const newest = header?.revision ?? 0;
    if (compactRevision !== 0) throw compactedFault(compactRevision);
    if (isCancelled) throw new Fault("unavailable", "etcd ended the watch");
    if (!this.#hasBegun && this.#position > newest)
      throw new Fault("invalid", `revision ${this.#position} has not been reached`, {
        detail: { revision: newest },
      });
  }

  /** Changes of one revision may come in several messages: they are one when the last has come. */
  #take({ events, fragment, header }: Response, parts: Change[]): readonly Change[] {
    parts.push(...events.map(changeOf));
    if (fragment) return [];
    const changes = parts.splice(0);
    const newest = header?.revision ?? 0;
    if (newest > this.#position) this.#position = newest;
    return changes;
  }
}

function changeOf({ type, kv = {}, previous }: Partial<Response["events"][number]>): Change {
  const entry = entryOf(kv);
  const before = previous && entryOf(previous);
  if (type !== deleteEvent) return { type: "put", entry, ...(before !== undefined && { previous: before }) };
  if (before === undefined) throw new Fault("internal", `etcd does not say what ${entry.key} was`);
  return { type: "delete", key: entry.key, revision: entry.revision, previous: before };
}

import { setImmediate } from "node:timers/promises";
import type {
  buildHistoryEvent,
  buildHistoryRequest,
  solveRequest,
  updateBuildHistoryRequest,
} from "#api/buildkit/control.ts";
import { historyEventTypes } from "#api/buildkit/control.ts";
import type { MessageOf } from "#base/protobuf.ts";
import type { Clock } from "#base/time.ts";
import type { ResultsTold } from "./kept-provenance.ts";
import type { BuildLog } from "./build-log.ts";
import { timeOf } from "./progress.ts";
import { statusOf } from "#rpc/status.ts";

type Event = MessageOf<typeof buildHistoryEvent>;
type Record = NonNullable<Event["record"]>;
type Request = MessageOf<typeof buildHistoryRequest>;

/** Builds that are remembered, besides pinned ones. */
const maxRecords = 50;
const maxPinned = 50;

interface Entry {
  record: Record;
  isOver: boolean;
  /** What the record names, by digest. */
  blobs: ReadonlyMap<string, Buffer>;
  /** What it told, packed. */
  log?: Promise<Buffer>;
}

/** The last builds, for as long as the engine runs. */
export class History {
  readonly #now: Clock;
  readonly #records = new Map<string, Entry>();
  readonly #watching = new Set<(event: Event) => void>();

  constructor(now: Clock) {
    this.#now = now;
  }

  begin({ ref, frontendAttrs, exporters, internal }: MessageOf<typeof solveRequest>) {
    const entry: Entry = {
      record: { ref, frontendAttrs, exporters, createdAt: timeOf(this.#now()) } as Record,
      isOver: false,
      blobs: new Map(),
    };
    if (!internal) {
      this.#records.set(ref, entry);
      this.#tell({ type: historyEventTypes.started, record: entry.record });
    }
    return {
      end: (
        counts: { readonly cached: number; readonly total: number; readonly completed: number },
        exporterResponse: ReadonlyMap<string, string>,
        error: unknown,
        told: BuildLog,
        results?: ResultsTold,
      ) => {
        entry.isOver = true;
        entry.blobs = results?.blobs ?? entry.blobs;
        entry.record = {
          ...entry.record,
          ...results?.told,
          completedAt: timeOf(this.#now()),
          exporterResponse,
          cachedSteps: counts.cached,
          totalSteps: counts.total,
          completedSteps: counts.completed,
          ...(error !== undefined && { error: { ...statusOf(error), details: [] } }),
        };
        if (internal) return;
        entry.log = setImmediate().then(() => told.pack());
        entry.log.catch(() => {}); // whoever asks is told
        this.#tell({ type: historyEventTypes.complete, record: entry.record });
        this.#forgetOld();
      },
    };
  }

  /** What a build told that is over; undefined when it is not remembered. */
  async log(ref: string): Promise<Buffer | undefined> {
    return await this.#records.get(ref)?.log;
  }

  /** A blob that one of the records names. */
  findBlob(digest: string): Buffer | undefined {
    for (const { blobs } of this.#records.values()) {
      const found = blobs.get(digest);
      if (found !== undefined) return found;
    }
    return undefined;
  }

  update({ ref, pinned, delete: isDeleted }: MessageOf<typeof updateBuildHistoryRequest>): void {
    const entry = this.#records.get(ref);
    if (entry === undefined) return;
    if (isDeleted) {
      this.#records.delete(ref);
      this.#tell({ type: historyEventTypes.deleted, record: entry.record });
      return;
    }
    const pins = [...this.#records.values()].filter(({ record }) => record.pinned).length;
    if (!pinned || pins < maxPinned) entry.record = { ...entry.record, pinned };
  }

  /** What is known, and unless the client asks for no more than that, what happens from now on. */
  async *events({ activeOnly, ref, earlyExit }: Request, signal: AbortSignal): AsyncGenerator<Event> {
    const waiting: Event[] = [];
    let wake = () => {};
    const take = (event: Event) => {
      if (ref === "" || event.record?.ref === ref) waiting.push(event);
      if (waiting.length > maxRecords * 4) waiting.shift();
      wake();
    };
    for (const { record, isOver } of this.#records.values())
      if (!(activeOnly && isOver))
        take({ type: isOver ? historyEventTypes.complete : historyEventTypes.started, record });
    this.#watching.add(take);
    const leave = () => wake();
    signal.addEventListener("abort", leave);
    try {
      for (;;) {
        signal.throwIfAborted();
        yield* waiting.splice(0);
        if (earlyExit) return;
        if (waiting.length === 0 && !signal.aborted)
          await new Promise<void>((resolve) => {
            wake = resolve;
          });
      }
    } finally {
      signal.removeEventListener("abort", leave);
      this.#watching.delete(take);
    }
  }

  #tell(event: Event): void {
    for (const take of this.#watching) take(event);
  }

  #forgetOld(): void {
    const old = [...this.#records].filter(([, { record, isOver }]) => isOver && record.pinned !== true);
    for (const [ref] of old.slice(0, Math.max(0, old.length - maxRecords))) this.#records.delete(ref);
  }
}

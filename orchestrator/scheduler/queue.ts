import type { Timers } from "#base/timers.ts";
import type { PodInfo } from "./pod-info.ts";

export interface QueuedPod {
  info: PodInfo;
  readonly addedAtMs: number;
  attempts: number;
  triedAtMs: number;
  /** Why no node did, the last time. */
  reasons: ReadonlySet<string>;
}

type Place = "active" | "waiting" | "backing-off" | "in-flight";

interface Entry extends QueuedPod {
  place: Place;
  cancel: () => void;
}

const [firstBackOffMs, longestBackOffMs, longestWaitMs] = [1000, 10_000, 300_000];

/**
 * Pods that want a node, the most important first, and of these the ones that came first. Those that no node did for wait until
 * something happens that may help, and are not tried again too soon.
 */
export class SchedulingQueue {
  readonly #timers: Timers;
  readonly #entries = new Map<string, Entry>();
  readonly #heap: Entry[] = [];
  #wake: (() => void) | undefined;

  constructor(timers: Timers) {
    this.#timers = timers;
  }

  /** A pod that is new, or newer. One that waited is tried again when `isHelpful`. */
  put(info: PodInfo, isHelpful: boolean): void {
    const known = this.#entries.get(info.key);
    if (known === undefined) {
      const now = this.#timers.now();
      const entry: Entry = {
        info,
        addedAtMs: now,
        attempts: 0,
        triedAtMs: 0,
        reasons: new Set(),
        place: "in-flight",
        cancel: () => {},
      };
      this.#entries.set(info.key, entry);
      this.#activate(entry);
      return;
    }
    known.info = info;
    if (known.place !== "waiting" || !isHelpful) return;
    if (known.reasons.has("gated")) {
      known.cancel();
      known.attempts = 0; // it was not tried
      this.#activate(known);
    } else this.#again(known);
  }

  /** Forgets all pods. */
  close(): void {
    for (const { cancel } of this.#entries.values()) cancel();
    this.#entries.clear();
    this.wake();
  }

  remove(key: string): void {
    this.#entries.get(key)?.cancel();
    this.#entries.delete(key);
  }

  /** The next pod if there is one. It is in flight until it is removed or {@link failed}. */
  tryPop(): QueuedPod | undefined {
    for (let entry = popHeap(this.#heap); entry !== undefined; entry = popHeap(this.#heap)) {
      if (this.#entries.get(entry.info.key) !== entry || entry.place !== "active") continue;
      entry.place = "in-flight";
      entry.attempts++;
      entry.triedAtMs = this.#timers.now();
      return entry;
    }
    return undefined;
  }

  /** Settles when there may be one. */
  async ready(): Promise<void> {
    if (this.#heap.length > 0) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#wake = resolve;
    await promise;
  }

  /** Lets who waits for {@link ready} look again. */
  wake(): void {
    this.#wake?.();
    this.#wake = undefined;
  }

  /** No node did: it waits for something to happen; without reasons it is tried again by and by. */
  failed(key: string, reasons: ReadonlySet<string> | undefined): void {
    const entry = this.#entries.get(key);
    if (entry === undefined) return;
    if (reasons === undefined) {
      this.#again(entry);
      return;
    }
    entry.reasons = reasons;
    entry.place = "waiting";
    entry.cancel = this.#timers.after(longestWaitMs, () => this.#again(entry));
  }

  /** Something happened: those that it may help are tried again. */
  move(helps: (pod: QueuedPod) => boolean): void {
    for (const entry of this.#entries.values())
      if (entry.place === "waiting" && helps(entry)) this.#again(entry);
  }

  #again(entry: Entry): void {
    entry.cancel();
    const backOffMs = Math.min(firstBackOffMs * 2 ** (entry.attempts - 1), longestBackOffMs);
    const leftMs = entry.triedAtMs + backOffMs - this.#timers.now();
    if (leftMs <= 0) {
      this.#activate(entry);
      return;
    }
    entry.place = "backing-off";
    entry.cancel = this.#timers.after(leftMs, () => this.#activate(entry));
  }

  #activate(entry: Entry): void {
    entry.place = "active";
    entry.cancel = () => {};
    pushHeap(this.#heap, entry);
    this.wake();
  }
}

function isBefore(a: Entry, b: Entry): boolean {
  if (a.info.priority !== b.info.priority) return a.info.priority > b.info.priority;
  return a.addedAtMs < b.addedAtMs;
}

function pushHeap(heap: Entry[], entry: Entry): void {
  let at = heap.push(entry) - 1;
  while (at > 0) {
    const above = (at - 1) >> 1;
    if (!isBefore(heap[at] as Entry, heap[above] as Entry)) return;
    swap(heap, at, above);
    at = above;
  }
}

function popHeap(heap: Entry[]): Entry | undefined {
  const first = heap[0];
  const last = heap.pop();
  if (first === undefined || last === undefined || heap.length === 0) return first;
  heap[0] = last;
  for (let at = 0; ; ) {
    let least = at;
    for (const below of [2 * at + 1, 2 * at + 2])
      if (below < heap.length && isBefore(heap[below] as Entry, heap[least] as Entry)) least = below;
    if (least === at) return first;
    swap(heap, at, least);
    at = least;
  }
}

function swap(heap: Entry[], a: number, b: number): void {
  [heap[a], heap[b]] = [heap[b] as Entry, heap[a] as Entry];
}

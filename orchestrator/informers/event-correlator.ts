/** What somebody says about an object. */
export interface EventNote {
  readonly type: "Normal" | "Warning";
  readonly reason: string;
  readonly message: string;
  /** Which part of the object: the same words about two parts are two events. */
  readonly fieldPath?: string | undefined;
}

/** What is to be done about a note. */
export type EventPlan =
  | { readonly do: "drop" }
  | { readonly do: "create"; readonly key: string; readonly message: string }
  /** It has been said before: the event that is there is counted up. */
  | {
      readonly do: "count";
      readonly key: string;
      readonly name: string;
      readonly count: number;
      readonly message: string;
    };

interface Said {
  readonly name: string;
  count: number;
}

interface Similar {
  messages: Set<string>;
  lastMs: number;
}

interface Bucket {
  tokens: number;
  lastMs: number;
}

const mostKept = 4096;
const mostSimilar = 10;
const similarWithinMs = 600_000;
const burst = 25;
const perToken = 300_000;

/**
 * Keeps events few: what is said again is counted, many different messages of one reason about one object become one, and who
 * says too much about an object is not heard: 25 at once, then one in five minutes.
 *
 * @see Kubernetes client-go, tools/record: EventCorrelator's rules
 */
export class EventCorrelator {
  readonly #said = new Map<string, Said>();
  readonly #similar = new Map<string, Similar>();
  readonly #buckets = new Map<string, Bucket>();

  /** @param subject what names the object, and who speaks */
  plan(subject: string, note: EventNote, nowMs: number): EventPlan {
    const { key, message } = this.#aggregate(subject, note, nowMs);
    if (!this.#mayPass(subject, nowMs)) return { do: "drop" };
    const said = this.#said.get(key);
    if (said === undefined) return { do: "create", key, message };
    said.count++;
    return { do: "count", key, name: said.name, count: said.count, message };
  }

  /** The event of a plan has been made. */
  created(key: string, name: string): void {
    remember(this.#said, key, { name, count: 1 });
  }

  /** The event has gone: the next one is made anew. */
  forget(key: string): void {
    this.#said.delete(key);
  }

  #aggregate(
    subject: string,
    note: EventNote,
    nowMs: number,
  ): { readonly key: string; readonly message: string } {
    const aggregateKey = `${subject}\n${note.type}\n${note.reason}`;
    const full = { key: `${aggregateKey}\n${note.fieldPath ?? ""}\n${note.message}`, message: note.message };
    const before = this.#similar.get(aggregateKey);
    const isFresh = before !== undefined && nowMs - before.lastMs <= similarWithinMs;
    const similar = isFresh ? before : { messages: new Set<string>(), lastMs: nowMs };
    similar.lastMs = nowMs;
    if (similar.messages.size <= mostSimilar) similar.messages.add(note.message);
    remember(this.#similar, aggregateKey, similar);
    if (similar.messages.size < mostSimilar) return full;
    return { key: aggregateKey, message: `(combined from similar events): ${note.message}` };
  }

  #mayPass(subject: string, nowMs: number): boolean {
    const bucket = this.#buckets.get(subject) ?? { tokens: burst, lastMs: nowMs };
    bucket.tokens = Math.min(burst, bucket.tokens + (nowMs - bucket.lastMs) / perToken);
    bucket.lastMs = nowMs;
    remember(this.#buckets, subject, bucket);
    if (bucket.tokens < 1) return false;
    bucket.tokens--;
    return true;
  }
}

/** The least recently used go first. */
function remember<V>(map: Map<string, V>, key: string, value: V): void {
  map.delete(key);
  map.set(key, value);
  if (map.size > mostKept) for (const oldest of map.keys()) return void map.delete(oldest);
}

import type { EngineEvent, EventSink, EventType } from "./events.ts";

/** Docker keeps 256; enough here for a client that reconnects after a burst. */
const EVENTS_KEPT = 1024;
const SECOND_NS = 1_000_000_000n;

/** Called in the order of events, on the publisher's stack: it must be short and must not throw. */
export type EventListener = (event: EngineEvent) => void;

export interface EventSubscription extends Disposable {
  /** What was published before, oldest first, as far as it is still kept. Nothing falls between these and the listener. */
  readonly past: readonly EngineEvent[];
}

/** The engine's events: the last 1024 in memory, and whoever listens. Times of events strictly increase. */
export class EventBus implements EventSink {
  readonly #nowNs: () => bigint;
  readonly #ring: EngineEvent[] = [];
  readonly #listeners = new Set<EventListener>();
  #next = 0;
  #last = 0n;

  /** @param nowNs nanoseconds since 1970 */
  constructor(nowNs: () => bigint) {
    this.#nowNs = nowNs;
  }

  publish(
    type: EventType,
    action: string,
    id: string,
    attributes: Readonly<Record<string, string>> = {},
  ): void {
    const timeNano = this.#stamp();
    const event: EngineEvent = {
      Type: type,
      Action: action,
      Actor: { ID: id, Attributes: attributes },
      scope: "local",
      time: Number(timeNano / SECOND_NS),
      timeNano,
    };
    this.#ring[this.#next] = event;
    this.#next = (this.#next + 1) % EVENTS_KEPT;
    for (const listener of this.#listeners) listener(event);
  }

  /** @param since nanoseconds since 1970, inclusive; without it nothing is replayed */
  subscribe(listener: EventListener, since?: bigint): EventSubscription {
    const past =
      since === undefined
        ? []
        : [...this.#ring.slice(this.#next), ...this.#ring.slice(0, this.#next)].filter(
            (event) => event.timeNano >= since,
          );
    this.#listeners.add(listener);
    return { past, [Symbol.dispose]: () => void this.#listeners.delete(listener) };
  }

  get listenerCount(): number {
    return this.#listeners.size;
  }

  /** One nanosecond apart at least, so that `since` of the last one seen misses none; a clock set back by more is believed. */
  #stamp(): bigint {
    const now = this.#nowNs();
    this.#last = now <= this.#last && this.#last - now < SECOND_NS ? this.#last + 1n : now;
    return this.#last;
  }
}

import { parseFilters } from "#api/docker/filters.ts";
import { Fault } from "#base/fault.ts";
import type { Clock } from "#base/time.ts";
import type { EventBus } from "#engine/events/event-bus.ts";
import { eventFilterKeys, matchesEvent } from "#engine/events/event-filter.ts";
import type { EngineEvent } from "#engine/events/events.ts";
import type { Handler, Route } from "./call.ts";
import { parseTimestamp } from "./query.ts";

/** A client that lets so many events wait is cut off: it can come back with `since`, but could not know of a gap. */
const MAX_WAITING = 4096;
const MAX_TIMER_MS = 2 ** 31 - 1;

export interface EventDeps {
  readonly events: EventBus;
  readonly now: Clock;
}

/** @see Docker Engine API v1.51, GET /events */
export function eventRoutes(deps: EventDeps): readonly Route[] {
  return [{ method: "GET", path: "/events", handle: events(deps) }];
}

function events(deps: EventDeps): Handler {
  return ({ query, version, signal, headers }) => {
    const since = query.text("since") === "0" ? 0n : parseTimestamp(query.text("since"));
    const until = parseTimestamp(query.text("until"));
    if (since !== undefined && until !== undefined && since > until)
      throw new Fault(
        "invalid",
        `\`since\` time (${query.text("since")}) cannot be after \`until\` time (${query.text("until")})`,
      );
    const filters = parseFilters(query.find("filters"), eventFilterKeys, "ignored");
    const encode = version < 52 ? legacyText : eventText;
    const window = { since: since ?? (until === undefined ? undefined : 0n), until };
    const isSequence = headers.accept?.includes("application/json-seq") ?? false;
    return {
      kind: "stream",
      type: version < 52 ? "application/json" : isSequence ? "application/json-seq" : "application/x-ndjson",
      start: "now",
      onFailure: "cut",
      chunks: eventChunks(
        deps,
        window,
        (event) =>
          matchesEvent(filters, event)
            ? `${version >= 52 && isSequence ? "\x1e" : ""}${encode(event)}\n`
            : undefined,
        signal,
      ),
    };
  };
}

/** Nanoseconds since 1970. */
interface Window {
  readonly since: bigint | undefined;
  readonly until: bigint | undefined;
}

/** Subscribed from the moment it is called, not from the first read on: no event is missed in between. */
function eventChunks(
  { events: bus, now }: EventDeps,
  { since, until }: Window,
  encode: (event: EngineEvent) => string | undefined,
  signal: AbortSignal,
): AsyncIterable<string> {
  const waiting: string[] = [];
  let wake = () => {};
  let isOver = signal.aborted;
  let hasOverflowed = false;
  const end = () => {
    isOver = true;
    subscription[Symbol.dispose]();
    wake();
  };
  const take = (event: EngineEvent) => {
    if (until !== undefined && event.timeNano > until) return;
    const text = encode(event);
    if (text === undefined) return;
    if (waiting.push(text) > MAX_WAITING) {
      hasOverflowed = true;
      end();
    } else wake();
  };
  const subscription = bus.subscribe(take, since);
  for (const event of subscription.past) take(event);
  const timer = until === undefined ? undefined : setTimer(end, until - now());
  if (isOver) end();
  else signal.addEventListener("abort", end, { once: true });
  return (async function* () {
    try {
      for (;;) {
        if (hasOverflowed) throw new Fault("unavailable", "client reads events too slowly");
        if (waiting.length > 0) yield waiting.splice(0).join("");
        else if (isOver) return;
        else await new Promise<void>((resolve) => (wake = resolve));
      }
    } finally {
      end();
      clearTimeout(timer);
      signal.removeEventListener("abort", end);
    }
  })();
}

function setTimer(act: () => void, nanoseconds: bigint): NodeJS.Timeout | undefined {
  if (nanoseconds <= 0n) {
    act();
    return undefined;
  }
  const ms = Number(nanoseconds / 1_000_000n);
  return ms > MAX_TIMER_MS ? undefined : setTimeout(act, ms);
}

const legacyText = remembering(encodeLegacy);
const eventText = remembering(encodeEvent);

/** Every listener asks for the text of an event in its turn: it is made once. */
function remembering(encode: (event: EngineEvent) => string): (event: EngineEvent) => string {
  let last: { readonly event: EngineEvent; readonly text: string } | undefined;
  return (event) => {
    if (last?.event !== event) last = { event, text: encode(event) };
    return last.text;
  };
}

/** `timeNano` does not fit a JavaScript number, so it is put in as digits. */
function encodeEvent({ Type, Action, Actor, scope, time, timeNano }: EngineEvent): string {
  return `${JSON.stringify({ Type, Action, Actor, scope, time }).slice(0, -1)},"timeNano":${timeNano}}`;
}

/** Before 1.52, events of containers and images began with the fields that they had before there were types. */
function encodeLegacy(event: EngineEvent): string {
  const text = encodeEvent(event);
  if (event.Type !== "container" && event.Type !== "image") return text;
  const { Action: status, Actor } = event;
  const from = event.Type === "container" ? Actor.Attributes["image"] : undefined;
  const first = { status, id: Actor.ID, ...(from !== undefined && from !== "" && { from }) };
  return `${JSON.stringify(first).slice(0, -1)},${text.slice(1)}`;
}

import assert from "node:assert/strict";
import { test } from "node:test";
import { parseFilters } from "#api/docker/filters.ts";
import { EventBus } from "./event-bus.ts";
import { eventFilterKeys, matchesEvent } from "./event-filter.ts";
import type { EngineEvent } from "./events.ts";

function clockAt(start: bigint): { now: bigint; read: () => bigint } {
  const clock = { now: start, read: () => clock.now };
  return clock;
}

test("EventBus: a listener gets events in order and none after it is disposed", () => {
  const bus = new EventBus(clockAt(5_000_000_000n).read);
  const seen: string[] = [];
  const subscription = bus.subscribe((event) => seen.push(event.Action));
  bus.publish("container", "create", "a");
  bus.publish("container", "start", "a");
  subscription[Symbol.dispose]();
  bus.publish("container", "die", "a");
  assert.deepEqual(seen, ["create", "start"]);
  assert.equal(bus.listenerCount, 0);
});

test("EventBus: replays what is kept since a time, inclusive, oldest first", () => {
  const clock = clockAt(1_000_000_000n);
  const bus = new EventBus(clock.read);
  for (let second = 1; second <= 5; second++) {
    clock.now = BigInt(second) * 1_000_000_000n;
    bus.publish("container", `a${second}`, "x");
  }
  const { past } = bus.subscribe(() => {}, 3_000_000_000n);
  assert.deepEqual(
    past.map((event) => [event.Action, event.time]),
    [
      ["a3", 3],
      ["a4", 4],
      ["a5", 5],
    ],
  );
  assert.deepEqual(bus.subscribe(() => {}).past, []);
});

test("EventBus: keeps the last 1024 when more were published", () => {
  const bus = new EventBus(clockAt(1n).read);
  for (let index = 0; index < 3000; index++) bus.publish("image", String(index), "x");
  const { past } = bus.subscribe(() => {}, 0n);
  assert.equal(past.length, 1024);
  assert.equal(past[0]?.Action, String(3000 - 1024));
  assert.equal(past.at(-1)?.Action, "2999");
});

test("EventBus: times strictly increase while the clock stands still or steps back a little", () => {
  const clock = clockAt(7_000_000_000n);
  const bus = new EventBus(clock.read);
  const times: bigint[] = [];
  bus.subscribe((event) => times.push(event.timeNano));
  bus.publish("container", "a", "x");
  bus.publish("container", "b", "x");
  clock.now -= 500_000_000n;
  bus.publish("container", "c", "x");
  assert.deepEqual(times, [7_000_000_000n, 7_000_000_001n, 7_000_000_002n]);
});

function event(fields: Partial<EngineEvent>): EngineEvent {
  return {
    Type: "container",
    Action: "start",
    Actor: { ID: "abcdef", Attributes: { image: "reg:5000/app:1", name: "web", tier: "front" } },
    scope: "local",
    time: 1,
    timeNano: 1n,
    ...fields,
  };
}

test("matchesEvent: keys and values as Docker matches them", () => {
  const matches = (filter: object, fields: Partial<EngineEvent> = {}) =>
    matchesEvent(parseFilters(JSON.stringify(filter), eventFilterKeys), event(fields));
  assert.ok(matches({}));
  assert.ok(matches({ event: ["start", "die"], type: ["container"] }));
  assert.ok(!matches({ event: ["die"] }));
  assert.ok(matches({ event: ["exec_start"] }, { Action: "exec_start: sh" }));
  assert.ok(matches({ event: { "health_status: healthy": true } }, { Action: "health_status: healthy" }));
  assert.ok(!matches({ event: ["sta"] }));
  assert.ok(matches({ container: ["abc"] }) && matches({ container: ["web"] }));
  assert.ok(!matches({ container: ["other"] }));
  assert.ok(matches({ image: ["reg:5000/app"] }) && matches({ image: ["reg:5000/app:1"] }));
  assert.ok(!matches({ image: ["app"] }));
  assert.ok(matches({ label: ["tier=front"] }) && matches({ label: ["tier"] }));
  assert.ok(!matches({ label: ["tier=back"] }));
  assert.ok(!matches({ type: ["image"] }) && !matches({ scope: ["swarm"] }));
});

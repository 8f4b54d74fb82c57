import assert from "node:assert/strict";
import { test } from "node:test";
import { setImmediate as settle } from "node:timers/promises";
import type { Event } from "#api/kube/types/core.ts";
import { silentLog } from "#base/log.ts";
import { ManualTimers } from "#base/manual-timers.ts";
import { kubeClient } from "#client/kube/kube-client.ts";
import { events } from "#client/kube/resources.ts";
import { EventCorrelator } from "./event-correlator.ts";
import { EventBroadcaster } from "./event-recorder.ts";
import { MemoryApi } from "./memory-api.fixture.ts";

const about = {
  apiVersion: "apps/v1",
  kind: "Deployment",
  metadata: { name: "web", namespace: "shop", uid: "u1", resourceVersion: "7" },
};

test("EventBroadcaster: the same words about the same object are one event that is counted", async (t) => {
  const kube = kubeClient(new MemoryApi(), { userAgent: "test" });
  const timers = new ManualTimers();
  const broadcaster = new EventBroadcaster({ kube, timers, log: silentLog }, t.signal);
  const recorder = broadcaster.recorder("deployment-controller");
  for (let i = 0; i < 3; i++) recorder.record(about, "Normal", "ScalingReplicaSet", "Scaled up");
  recorder.record(about, "Warning", "Failed", "no");
  const listed = async () => (await kube.of(events).list({ namespace: "shop" }, t.signal)).items;
  while ((await listed()).length < 2) await settle();
  const [scaled, failed] = (await listed()) as [Event, Event];
  assert.equal(scaled.count, 3);
  assert.equal(scaled.source?.component, "deployment-controller");
  assert.deepEqual(scaled.involvedObject, {
    kind: "Deployment",
    apiVersion: "apps/v1",
    name: "web",
    namespace: "shop",
    uid: "u1",
    resourceVersion: "7",
  });
  assert.equal(failed.type, "Warning");
});

test("EventCorrelator: ten different messages of one reason become one event", () => {
  const correlator = new EventCorrelator();
  const plans = Array.from({ length: 12 }, (_, i) => {
    const plan = correlator.plan("s", { type: "Warning", reason: "R", message: `m${i}` }, 1000 * i);
    if (plan.do === "create") correlator.created(plan.key, `e${i}`);
    return plan;
  });
  assert.deepEqual(
    plans.map((plan) => plan.do),
    [...Array.from({ length: 10 }, () => "create"), "count", "count"],
  );
  const last = plans.at(-1);
  assert.ok(last?.do === "count" && last.name === "e9" && last.count === 3);
  assert.equal(last.message, "(combined from similar events): m11");
});

test("EventCorrelator: who says too much about an object is not heard for a while", () => {
  const correlator = new EventCorrelator();
  const say = (nowMs: number) => {
    const plan = correlator.plan("s", { type: "Normal", reason: "R", message: "m" }, nowMs);
    if (plan.do === "create") correlator.created(plan.key, "e");
    return plan.do;
  };
  for (let i = 0; i < 25; i++) assert.notEqual(say(0), "drop");
  assert.equal(say(0), "drop");
  assert.equal(say(300_000), "count");
  assert.equal(say(300_000), "drop");
});

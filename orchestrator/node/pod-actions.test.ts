import assert from "node:assert/strict";
import { test } from "node:test";
import type { PodStatus } from "#api/kube/types/core-pods.ts";
import { silentLog } from "#base/log.ts";
import { type ActionDeps, PodActions } from "./pod-actions.ts";
import { aPod, aRunning, aRuntime } from "./pod.fixture.ts";

test("PodActions: a pod that is as it should be costs one look at the runtime, and its status is told", async (t) => {
  const told: PodStatus[] = [];
  let looks = 0;
  const deps = {
    reader: {
      pod: () => {
        looks++;
        return Promise.resolve(aRuntime([aRunning("main")]));
      },
    },
    statuses: { find: () => told.at(-1), set: (_pod: unknown, status: PodStatus) => told.push(status) },
    probes: {
      keep: () => {},
      isReady: () => true,
      isStarted: () => true,
      liveness: () => undefined,
      startup: () => undefined,
    },
    volumes: { ensure: () => Promise.resolve(new Map()) },
    target: (pod: unknown) => pod,
    others: () => [],
    refreshAt: () => undefined,
    timers: { now: () => 0 },
    log: silentLog,
    hostIps: ["192.0.2.1"],
    allowedSysctls: [],
    machine: { memoryBytes: 1, cpus: 1 },
    runtimeName: "gantry",
  };
  const actions = new PodActions(deps as unknown as ActionDeps);
  assert.deepEqual(await actions.sync(aPod({}), t.signal), {});
  assert.equal(looks, 1);
  assert.deepEqual(
    told.map(({ phase }) => phase),
    ["Running"],
  );
});

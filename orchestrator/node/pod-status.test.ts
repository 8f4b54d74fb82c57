import assert from "node:assert/strict";
import { test } from "node:test";
import type { Pod, PodStatus } from "#api/kube/types/core-pods.ts";
import { aContainer, anExited, aPod, aRunning, aRuntime } from "./pod.fixture.ts";
import { type StatusInput, statusOf } from "./pod-status.ts";
import type { RuntimePod } from "./runtime-pod.ts";

function status(pod: Pod, runtime: RuntimePod, more: Partial<StatusInput> = {}): PodStatus {
  return statusOf({
    pod,
    runtime,
    before: {},
    runtimeName: "gantry",
    problems: new Map(),
    isReady: () => true,
    isStarted: () => true,
    hostIps: ["192.0.2.1"],
    isTerminal: false,
    terminationMessage: () => "",
    now: "2026-01-01T00:00:00Z",
    ...more,
  });
}

const conditionOf = (of: PodStatus, type: string) => of.conditions?.find((each) => each.type === type);

test("statusOf: a pod that the runtime does not have yet is pending", () => {
  const told = status(aPod({}), aRuntime([], []));
  assert.equal(told.phase, "Pending");
  assert.equal(told.containerStatuses?.[0]?.state?.waiting?.reason, "ContainerCreating");
  assert.equal(conditionOf(told, "PodReadyToStartContainers")?.status, "False");
  assert.equal(conditionOf(told, "Ready")?.message, "containers with unready status: [main]");
});

test("statusOf: before its init containers have ended a pod initialises", () => {
  const told = status(aPod({ initContainers: [aContainer("one")] }), aRuntime([aRunning("one")]));
  assert.equal(told.phase, "Pending");
  assert.equal(told.containerStatuses?.[0]?.state?.waiting?.reason, "PodInitializing");
  assert.equal(conditionOf(told, "Initialized")?.message, "containers with incomplete status: [one]");
});

test("statusOf: what runs is ready unless its probe says no", () => {
  assert.equal(conditionOf(status(aPod({}), aRuntime([aRunning("main")])), "Ready")?.status, "True");
  const unready = status(aPod({}), aRuntime([aRunning("main")]), { isReady: () => false });
  assert.equal(unready.phase, "Running");
  assert.equal(conditionOf(unready, "Ready")?.reason, "ContainersNotReady");
});

test("statusOf: a gate that nobody has opened keeps a pod from being ready", () => {
  const pod = aPod({ readinessGates: [{ conditionType: "example.com/gate" }] });
  const told = status(pod, aRuntime([aRunning("main")]));
  assert.equal(conditionOf(told, "ContainersReady")?.status, "True");
  assert.equal(conditionOf(told, "Ready")?.reason, "ReadinessGatesNotReady");
});

test("statusOf: a condition's time changes with its status only", () => {
  const first = status(aPod({}), aRuntime([aRunning("main")]));
  const later = status(aPod({}), aRuntime([aRunning("main")]), {
    before: first,
    now: "2026-01-01T01:00:00Z",
  });
  assert.deepEqual(later, first);
});

test("statusOf: phases of ended pods", () => {
  const ends = (restartPolicy: "Always" | "Never" | "OnFailure", exitCode: number, isTerminal = false) =>
    status(aPod({ restartPolicy }), aRuntime([anExited("main", exitCode)]), { isTerminal }).phase;
  assert.equal(ends("Never", 0), "Succeeded");
  assert.equal(ends("Never", 1), "Failed");
  assert.equal(ends("OnFailure", 0), "Succeeded");
  assert.equal(ends("OnFailure", 1), "Running");
  assert.equal(ends("Always", 0), "Running");
  assert.equal(ends("Always", 0, true), "Succeeded");
  assert.equal(ends("Always", 137, true), "Failed");
});

test("statusOf: what waits to be started again says why, and how it ended", () => {
  const problems = new Map([["main", { reason: "CrashLoopBackOff", message: "back-off 10s" }]]);
  const told = status(aPod({}), aRuntime([anExited("main", 3, { attempt: 2 })]), { problems });
  const [main] = told.containerStatuses ?? [];
  assert.deepEqual(main?.state, { waiting: { reason: "CrashLoopBackOff", message: "back-off 10s" } });
  assert.equal(main?.lastState?.terminated?.exitCode, 3);
  assert.equal(main?.restartCount, 2);
  assert.equal(told.phase, "Running");
});

test("statusOf: a verdict on the pod is its phase's reason", () => {
  const verdict = { reason: "Evicted", message: "The node was low on resource: memory." };
  const told = status(aPod({}), aRuntime([anExited("main", 137)]), { verdict, isTerminal: true });
  assert.equal(told.phase, "Failed");
  assert.equal(told.reason, "Evicted");
});

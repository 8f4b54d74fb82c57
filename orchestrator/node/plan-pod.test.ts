import assert from "node:assert/strict";
import { test } from "node:test";
import type { Pod } from "#api/kube/types/core-pods.ts";
import { planPod, type PodPlan, type ProbeVerdicts } from "./plan-pod.ts";
import { aContainer, anExited, aPod, aRunning, aRuntime, aSandbox } from "./pod.fixture.ts";
import type { RuntimePod } from "./runtime-pod.ts";

const noProbes: ProbeVerdicts = { liveness: () => undefined, startup: () => undefined };
const deadIs = (id: string): ProbeVerdicts => ({
  liveness: (each) => (each === id ? "failure" : "success"),
  startup: () => undefined,
});

function plan(pod: Pod, runtime: RuntimePod, probes = noProbes): Partial<Record<keyof PodPlan, unknown>> {
  const { killPod, createSandbox, attempt, kill, startInit, start, startEphemeral } = planPod(
    pod,
    runtime,
    probes,
  );
  const names = (list: readonly { readonly name: string }[]) => list.map(({ name }) => name);
  return {
    ...(killPod && { killPod }),
    ...(createSandbox && { createSandbox, attempt }),
    ...(kill.length > 0 && { kill: kill.map(({ container, message }) => `${container.name}: ${message}`) }),
    ...(startInit.length > 0 && { startInit: names(startInit) }),
    ...(start.length > 0 && { start: names(start) }),
    ...(startEphemeral.length > 0 && { startEphemeral: names(startEphemeral) }),
  };
}

const two = { containers: [aContainer("a"), aContainer("b")] };
const withInit = { initContainers: [aContainer("one"), aContainer("two")] };
const sidecar = aContainer("side", { restartPolicy: "Always" });
const newSandbox = { killPod: true, createSandbox: true };

const cases: readonly {
  readonly name: string;
  readonly pod: Pod;
  readonly runtime: RuntimePod;
  readonly probes?: ProbeVerdicts;
  readonly does: object;
}[] = [
  {
    name: "a new pod gets a sandbox and its containers",
    pod: aPod(two),
    runtime: aRuntime([], []),
    does: { ...newSandbox, attempt: 0, start: ["a", "b"] },
  },
  {
    name: "with init containers only the first of them starts",
    pod: aPod(withInit),
    runtime: aRuntime([], []),
    does: { ...newSandbox, attempt: 0, startInit: ["one"] },
  },
  { name: "what runs is left alone", pod: aPod({}), runtime: aRuntime([aRunning("main")]), does: {} },
  {
    name: "what has ended starts again",
    pod: aPod({}),
    runtime: aRuntime([anExited("main", 0)]),
    does: { start: ["main"] },
  },
  {
    name: "OnFailure leaves success alone",
    pod: aPod({ ...two, restartPolicy: "OnFailure" }),
    runtime: aRuntime([anExited("a", 0), anExited("b", 1)]),
    does: { start: ["b"] },
  },
  {
    name: "Never leaves everything alone while something runs",
    pod: aPod({ ...two, restartPolicy: "Never" }),
    runtime: aRuntime([anExited("a", 1), aRunning("b")]),
    does: {},
  },
  {
    name: "Never ends the pod when all have ended",
    pod: aPod({ restartPolicy: "Never" }),
    runtime: aRuntime([anExited("main", 1)]),
    does: { killPod: true },
  },
  {
    name: "a container's own policy counts more than the pod's",
    pod: aPod({ restartPolicy: "Never", containers: [aContainer("main", { restartPolicy: "OnFailure" })] }),
    runtime: aRuntime([anExited("main", 1)]),
    does: { start: ["main"] },
  },
  {
    name: "a rule restarts by exit code",
    pod: aPod({
      restartPolicy: "Never",
      containers: [
        aContainer("main", {
          restartPolicy: "Never",
          restartPolicyRules: [{ action: "Restart", exitCodes: { operator: "In", values: [42] } }],
        }),
      ],
    }),
    runtime: aRuntime([anExited("main", 42)]),
    does: { start: ["main"] },
  },
  {
    name: "a changed image restarts the container",
    pod: aPod({ containers: [aContainer("main", { image: "other" })] }),
    runtime: aRuntime([aRunning("main")]),
    does: { kill: ["main: Container main definition changed, will be restarted"], start: ["main"] },
  },
  {
    name: "a failed liveness probe restarts the container",
    pod: aPod({}),
    runtime: aRuntime([aRunning("main")]),
    probes: deadIs("main-id"),
    does: { kill: ["main: Container main failed liveness probe, will be restarted"], start: ["main"] },
  },
  {
    name: "with Never it only kills",
    pod: aPod({ restartPolicy: "Never" }),
    runtime: aRuntime([aRunning("main")]),
    probes: deadIs("main-id"),
    does: { kill: ["main: Container main failed liveness probe"] },
  },
  {
    name: "a sandbox that died is made anew, with all containers",
    pod: aPod(two),
    runtime: aRuntime([anExited("a", 137), anExited("b", 137)], [aSandbox({ isReady: false })]),
    does: { ...newSandbox, attempt: 1, start: ["a", "b"] },
  },
  {
    name: "with Never it is not",
    pod: aPod({ restartPolicy: "Never" }),
    runtime: aRuntime([anExited("main", 137)], [aSandbox({ isReady: false })]),
    does: { killPod: true },
  },
  {
    name: "init containers of an older sandbox do not count",
    pod: aPod(withInit),
    runtime: aRuntime([anExited("one", 0, { sandboxId: "old" }), anExited("two", 0, { sandboxId: "old" })]),
    does: { startInit: ["one"] },
  },
  {
    name: "the next init container starts when one has succeeded",
    pod: aPod(withInit),
    runtime: aRuntime([anExited("one", 0)]),
    does: { startInit: ["two"] },
  },
  {
    name: "an init container that fails is tried again",
    pod: aPod(withInit),
    runtime: aRuntime([anExited("one", 1)]),
    does: { startInit: ["one"] },
  },
  {
    name: "with Never it ends the pod",
    pod: aPod({ ...withInit, restartPolicy: "Never" }),
    runtime: aRuntime([anExited("one", 1)]),
    does: { killPod: true },
  },
  {
    name: "after the last one the others start",
    pod: aPod(withInit),
    runtime: aRuntime([anExited("one", 0), anExited("two", 0)]),
    does: { start: ["main"] },
  },
  {
    name: "an init container that was removed does not run again",
    pod: aPod(withInit),
    runtime: aRuntime([aRunning("main")]),
    does: {},
  },
  {
    name: "a sidecar that runs lets the next start",
    pod: aPod({ initContainers: [sidecar, aContainer("two")] }),
    runtime: aRuntime([aRunning("side")]),
    does: { startInit: ["two"] },
  },
  {
    name: "a sidecar whose startup probe waits does not",
    pod: aPod({ initContainers: [{ ...sidecar, startupProbe: {} }, aContainer("two")] }),
    runtime: aRuntime([aRunning("side")]),
    does: {},
  },
  {
    name: "a sidecar that ended starts again beside the others",
    pod: aPod({ initContainers: [sidecar] }),
    runtime: aRuntime([aRunning("main"), anExited("side", 0)]),
    does: { startInit: ["side"] },
  },
  {
    name: "a sidecar alone does not keep a pod",
    pod: aPod({ restartPolicy: "Never", initContainers: [sidecar] }),
    runtime: aRuntime([anExited("main", 0), aRunning("side")]),
    does: { killPod: true },
  },
  {
    name: "an ephemeral container starts once",
    pod: aPod({ ephemeralContainers: [aContainer("debug")] }),
    runtime: aRuntime([aRunning("main")]),
    does: { startEphemeral: ["debug"] },
  },
  {
    name: "and is not started again",
    pod: aPod({ ephemeralContainers: [aContainer("debug")] }),
    runtime: aRuntime([aRunning("main"), anExited("debug", 0)]),
    does: {},
  },
];

for (const { name, pod, runtime, probes, does } of cases) {
  test(`planPod: ${name}`, () => assert.deepEqual(plan(pod, runtime, probes), does));
}

import assert from "node:assert/strict";
import { test } from "node:test";
import type { Pod, PodSpec } from "#api/kube/types/core-pods.ts";
import { cpu, memory, podRequests, ResourceNames } from "./resources.ts";

const pod = (spec: Partial<PodSpec>): Pod => ({
  apiVersion: "v1",
  kind: "Pod",
  metadata: {},
  spec: { containers: [], ...spec },
});
const asking = (requests: Record<string, string>, more = {}) => ({
  name: "c",
  image: "i",
  resources: { requests },
  ...more,
});

test("podRequests: the sum of containers and sidecars, or the greatest init container, and the overhead", () => {
  const names = new ResourceNames();
  const spec = {
    containers: [asking({ cpu: "100m" }), asking({ cpu: "200m", "example.com/gpu": "2" })],
    initContainers: [
      asking({ cpu: "50m" }, { restartPolicy: "Always" }),
      asking({ cpu: "1", memory: "1Gi" }),
    ],
    overhead: { cpu: "10m" },
  };
  const found = podRequests(pod(spec), names);
  assert.equal(found[cpu], 1060);
  assert.equal(found[memory], 2 ** 30);
  assert.equal(found[names.numberOf("example.com/gpu")], 2);
});

test("podRequests: what is asked for the pod as a whole counts instead", () => {
  const found = podRequests(
    pod({ containers: [asking({ cpu: "1", memory: "1Gi" })], resources: { requests: { cpu: "2" } } }),
    new ResourceNames(),
  );
  assert.equal(found[cpu], 2000);
  assert.equal(found[memory], 2 ** 30);
});

test("podRequests: for scores a container that asks for nothing counts as a small one", () => {
  const found = podRequests(pod({ containers: [asking({})] }), new ResourceNames(), true);
  assert.deepEqual([found[cpu], found[memory]], [100, 200 * 2 ** 20]);
});

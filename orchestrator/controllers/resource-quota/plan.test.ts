import assert from "node:assert/strict";
import { test } from "node:test";
import type { Pod } from "#api/kube/types/core-pods.ts";
import type { ResourceQuota } from "#api/kube/types/core.ts";
import { planQuota, resourceOf } from "./plan.ts";

const pod = (name: string, cpu: string, phase: "Running" | "Failed" = "Running"): Pod => ({
  apiVersion: "v1",
  kind: "Pod",
  metadata: { name },
  spec: { containers: [{ name: "c", image: "i", resources: { requests: { cpu } } }] },
  status: { phase },
});

test("planQuota: sums what living pods ask for, and says 0 of what nobody uses", () => {
  const hard = { pods: "5", "requests.cpu": "2", "count/deployments.apps": "3" };
  const quota: ResourceQuota = {
    apiVersion: "v1",
    kind: "ResourceQuota",
    metadata: { name: "q" },
    spec: { hard },
  };
  const counted = new Map([["pods", [pod("a", "500m"), pod("b", "1"), pod("c", "4", "Failed")]]]);
  assert.deepEqual(planQuota(quota, counted), {
    hard,
    used: { pods: "2", "requests.cpu": "1500m", "count/deployments.apps": "0" },
  });
});

test("resourceOf: knows what a limit counts", () => {
  assert.equal(resourceOf("count/jobs.batch"), "jobs.batch");
  assert.equal(resourceOf("services.nodeports"), "services");
  assert.equal(resourceOf("gold.storageclass.storage.k8s.io/requests.storage"), "persistentvolumeclaims");
  assert.equal(resourceOf("limits.memory"), "pods");
});

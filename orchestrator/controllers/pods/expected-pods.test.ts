import assert from "node:assert/strict";
import { test } from "node:test";
import { failure, isStatus } from "#api/kube/status.ts";
import type { Pod } from "#api/kube/types/core-pods.ts";
import { kubeClient } from "#client/kube/kube-client.ts";
import { pods } from "#client/kube/resources.ts";
import { MemoryApi } from "#orchestrator/informers/memory-api.fixture.ts";
import { Expectations } from "../expectations.ts";
import { deletePods } from "./expected-pods.ts";

const owner = { apiVersion: "batch/v1", kind: "Job", metadata: { namespace: "default", name: "sum" } };

function pod(name: string): Pod {
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { namespace: "default", name },
    spec: { containers: [{ name: "c", image: "i" }] },
  };
}

test("deletePods: a pod that cannot be deleted keeps neither the others nor the owner waiting", async (t) => {
  const api = new MemoryApi();
  const kube = kubeClient(api, { userAgent: "test" });
  for (const name of ["a", "b"]) await kube.of(pods).create(pod(name), t.signal);
  api.refuse = ({ method, path }) =>
    method === "DELETE" && path.endsWith("/a") ? failure("InternalError", "not now") : undefined;
  const expectations = new Expectations(() => 0);
  const deps = { kube, events: { record() {} }, expectations };
  const all = [pod("a"), pod("b"), pod("gone")];
  const failed = await deletePods(deps, owner, all, t.signal);
  assert.ok(isStatus(failed, "InternalError"));
  const { items } = await kube.of(pods).list({ namespace: "default" }, t.signal);
  assert.deepEqual(
    items.filter(({ metadata }) => metadata.deletionTimestamp === undefined).map((one) => one.metadata.name),
    ["a"],
  );
  assert.equal(expectations.areMet("default/sum"), false);
  expectations.deletionSeen("default/sum", "default/b");
  assert.equal(expectations.areMet("default/sum"), true);
});

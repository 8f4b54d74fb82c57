import assert from "node:assert/strict";
import { test } from "node:test";
import type { Pod } from "#api/kube/types/core-pods.ts";
import type { Service } from "#api/kube/types/core.ts";
import type { Endpoint, EndpointSlice } from "#api/kube/types/discovery.ts";
import { endpoints, endpointSlices, pods, services } from "#client/kube/resources.ts";
import { openWorld } from "../world.fixture.ts";
import { planSlices } from "./plan-slices.ts";
import { startEndpointsController } from "./reconcile.ts";

const service: Service = {
  apiVersion: "v1",
  kind: "Service",
  metadata: { name: "web", namespace: "default" },
  spec: {
    selector: { app: "web" },
    clusterIP: "10.96.0.7",
    ports: [{ name: "http", port: 80, targetPort: "web", protocol: "TCP" }],
  },
};

function pod(name: string): Pod {
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name, namespace: "default", labels: { app: "web" } },
    spec: { containers: [{ name: "c", image: "i", ports: [{ name: "web", containerPort: 8080 }] }] },
  };
}

test("endpoints: a service has its ready pods, and those that go are told as terminating", async () => {
  await using world = openWorld({ controllers: [startEndpointsController] });
  const { kube, signal } = world;
  await kube.of(services).create(service, signal);
  await world.until(endpointSlices, ([slice]) => slice?.endpoints?.length === 0);
  const made = await kube.of(pods).create(pod("a"), signal);
  const filled = await world.until(endpointSlices, (all) =>
    all.some((one) => one.endpoints?.[0]?.conditions?.ready === true),
  );
  const slice = filled.find(({ endpoints: found }) => found?.length === 1);
  assert.equal(slice?.metadata.labels?.["kubernetes.io/service-name"], "web");
  assert.deepEqual(slice?.ports, [{ name: "http", port: 8080, protocol: "TCP" }]);
  assert.deepEqual(slice?.endpoints, [
    {
      addresses: ["10.244.0.9"],
      conditions: { ready: true, serving: true, terminating: false },
      targetRef: { kind: "Pod", namespace: "default", name: "a", uid: made.metadata.uid },
      nodeName: "node-1",
    },
  ]);
  const [old] = await world.until(endpoints, ([one]) => one?.subsets?.[0]?.addresses?.length === 1);
  assert.deepEqual(old?.subsets?.[0]?.ports, [{ name: "http", port: 8080, protocol: "TCP" }]);
  await kube.of(pods).delete({ namespace: "default", name: "a" }, {}, signal);
  await world.until(endpointSlices, (all) => all.every(({ endpoints: found }) => found?.length === 0));
  await kube.of(services).delete({ namespace: "default", name: "web" }, {}, signal);
  await world.until(endpoints, (all) => all.length === 0);
});

const endpoint = (ip: string): Endpoint => ({ addresses: [ip] });

test("planSlices: what is in a slice stays there, what is new fills it up, and no slice has more than a hundred", () => {
  const ports = [{ name: "", port: 80, protocol: "TCP" as const }];
  const all = Array.from({ length: 150 }, (_, i) => endpoint(`10.0.0.${i}`));
  const metadata = { generateName: "web-" };
  const first = planSlices([{ family: "IPv4", ports, endpoints: all }], [], metadata);
  assert.deepEqual(
    first.create.map((slice) => slice.endpoints?.length),
    [100, 50],
  );
  const existing = first.create.map(
    (slice, i): EndpointSlice => ({ ...slice, metadata: { name: `web-${i}` } }),
  );
  assert.deepEqual(planSlices([{ family: "IPv4", ports, endpoints: all }], existing, metadata), {
    create: [],
    update: [],
    delete: [],
  });
  const next = [...all.slice(10), endpoint("10.0.1.1")];
  const second = planSlices([{ family: "IPv4", ports, endpoints: next }], existing, metadata);
  assert.equal(second.create.length, 0);
  assert.deepEqual(
    second.update.map(({ endpoints: found }) => found?.length),
    [91],
  );
  const third = planSlices([{ family: "IPv4", ports, endpoints: all.slice(0, 20) }], existing, metadata);
  assert.equal(third.delete.length, 1);
});

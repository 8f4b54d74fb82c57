import assert from "node:assert/strict";
import { test } from "node:test";
import { silentLog } from "#base/log.ts";
import type { Service, ServiceSpec } from "#api/kube/types/core.ts";
import { kubeClient } from "#client/kube/kube-client.ts";
import { services } from "#client/kube/resources.ts";
import { systemTimers } from "#host/system-timers.ts";
import { InformerFactory } from "#orchestrator/informers/informer-factory.ts";
import { MemoryApi } from "#orchestrator/informers/memory-api.fixture.ts";
import { parseLbPool } from "./lb-pool.ts";
import { runLoadBalancers } from "./load-balancers.ts";

function service(name: string, spec: ServiceSpec): Service {
  return {
    apiVersion: "v1",
    kind: "Service",
    metadata: { name, namespace: "default" },
    spec: { type: "LoadBalancer", ports: [{ port: 80 }], ...spec },
  };
}

function open() {
  const stop = new AbortController();
  const { signal } = stop;
  const kube = kubeClient(new MemoryApi(), { userAgent: "test" });
  const common = { kube, timers: systemTimers, random: Math.random, log: silentLog };
  const informers = new InformerFactory(kube, common);
  informers.start(signal);
  const served: (readonly string[])[] = [];
  const serve = (addresses: readonly string[]) => {
    served.push(addresses);
    return Promise.resolve();
  };
  const pool = parseLbPool("192.0.2.1-192.0.2.2");
  const ended = runLoadBalancers({ ...common, informers, pool, serve }, signal);
  const ingressOf = async (name: string) =>
    (await kube.of(services).get({ namespace: "default", name }, signal)).status?.loadBalancer?.ingress;
  const until = async (name: string, wanted: string | undefined) => {
    const deadline = performance.now() + 5000;
    while ((await ingressOf(name))?.[0]?.ip !== wanted) {
      assert.ok(performance.now() < deadline, `${name}: ${JSON.stringify(await ingressOf(name))}`);
      await new Promise((go) => setImmediate(go));
    }
  };
  const dispose = async () => {
    stop.abort();
    await Promise.all([ended, informers.ended()]);
  };
  return { kube, signal, served, until, [Symbol.asyncDispose]: dispose };
}

test("load balancers: addresses of the pool, the one that is asked for, none left, and freed ones", async () => {
  await using world = open();
  const { kube, signal, until, served } = world;
  const client = kube.of(services);
  await client.create(service("wish", { loadBalancerIP: "192.0.2.2" }), signal);
  await until("wish", "192.0.2.2");
  await client.create(service("one", {}), signal);
  await until("one", "192.0.2.1");
  await client.create(service("late", {}), signal);
  await client.create(service("others", { loadBalancerClass: "example.com/x" }), signal);
  await client.delete({ namespace: "default", name: "one" }, {}, signal);
  await until("late", "192.0.2.1");
  await until("others", undefined);
  const wish = await client.get({ namespace: "default", name: "wish" }, signal);
  await client.update({ ...wish, spec: { ...wish.spec, type: "ClusterIP" } }, signal);
  await until("wish", undefined);
  assert.deepEqual(served.at(-1), ["192.0.2.1"]);
});

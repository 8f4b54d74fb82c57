import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { jsonLog, silentLog } from "#base/log.ts";
import { endpointSlices, services } from "#client/kube/resources.ts";
import { systemTimers } from "#host/system-timers.ts";
import type { Service, ServiceSpec } from "#api/kube/types/core.ts";
import type { EndpointSlice } from "#api/kube/types/discovery.ts";
import { openProxy, removeProxy } from "#orchestrator/proxy/open-proxy.ts";
import { serviceNames } from "#base/instance-name.ts";
import { ServiceLink } from "#orchestrator/proxy/service-link.ts";
import { ClusterNet, service, slice } from "../support/cluster-net.ts";

// Real packets through real rules, in network namespaces of the test's own.

let net: ClusterNet;
const warnings: string[] = [];
const log = jsonLog((line) => warnings.push(line), { level: "warn", now: () => new Date() });
const instance = "gantry-test";
const { table, link } = serviceNames(instance);

before(async () => {
  net = await ClusterNet.open();
  await ServiceLink.open(link, ["10.96.0.10"], "10.96.0.0/16");
});
after(async () => {
  await removeProxy({ instance, runFolder: net.folder, log: silentLog });
  const left = net.sh("nft list ruleset; ip -o link show type bridge");
  await net[Symbol.asyncDispose]();
  assert.doesNotMatch(left, /table|gsvc/, "nothing is left");
});

function open(): Promise<AsyncDisposable> {
  const { informers, nativeBinary, folder: runFolder, signal } = net;
  const own = new Map([["10.96.0.10", [53]]]);
  const cidrs = { podCidr: "10.244.0.0/16", serviceCidr: "10.96.0.0/16" };
  const common = { instance, nodeName: "here", own, timers: systemTimers, log };
  return openProxy({ informers, nativeBinary, runFolder, ...cidrs, ...common }, signal);
}

/** Until the table holds what the words match, or does not. */
async function untilRules(wanted: RegExp, isWanted = true): Promise<void> {
  const deadline = performance.now() + 5000;
  for (;;) {
    const rules = net.sh(`nft list table ip ${table} 2>/dev/null || true`);
    if (wanted.test(rules) === isWanted) return;
    assert.ok(performance.now() < deadline, `${wanted} in\n${rules}`);
    await new Promise((go) => setTimeout(go, 10));
  }
}

async function make(name: string, spec: ServiceSpec, endpoints?: EndpointSlice): Promise<AsyncDisposable> {
  if (endpoints !== undefined) await net.kube.of(endpointSlices).create(endpoints, net.signal);
  await net.kube.of(services).create(service(name, spec), net.signal);
  await untilRules(new RegExp(`${spec.clusterIP?.replaceAll(".", "\\.")} \\.`));
  return { [Symbol.asyncDispose]: () => remove(name, spec) };
}

async function remove(name: string, { clusterIP = "" }: ServiceSpec): Promise<void> {
  const ref = { namespace: "default", name };
  await net.kube.of(services).delete(ref, {}, net.signal);
  await net.kube
    .of(endpointSlices)
    .delete(ref, {}, net.signal)
    .catch(() => {});
  await untilRules(new RegExp(`${clusterIP.replaceAll(".", "\\.")} `), false);
}

async function setSlice(endpoints: EndpointSlice): Promise<void> {
  const { namespace = "", name = "" } = endpoints.metadata;
  const now = await net.kube.of(endpointSlices).get({ namespace, name }, net.signal);
  await net.kube.of(endpointSlices).update({ ...endpoints, metadata: now.metadata }, net.signal);
}

const both = ["10.244.0.2", "10.244.0.3"];

test("a cluster IP: spread evenly over ready pods, which see the client's own address", async () => {
  await using _proxy = await open();
  await using _service = await make("web", { clusterIP: "10.96.0.5" }, slice("web", both));
  const { world, a, b } = net.peers;
  const heard = await b.ask("tcp", "10.96.0.5:80", { count: 100 });
  const byA = heard.filter((text) => text === "a 10.244.0.3").length;
  assert.ok(byA > 25 && byA < 75, `${byA} of 100`);
  const own = new Set(await a.ask("tcp", "10.96.0.5:80", { count: 20 }));
  assert.deepEqual(own, new Set(["a 10.244.0.1", "b 10.244.0.2"]), "to itself by the node's address");
  const outside = new Set(await world.ask("tcp", "10.96.0.5:80", { count: 20 }));
  assert.deepEqual(outside, new Set(["a 10.244.0.1", "b 10.244.0.1"]), "from outside by the node's address");
  assert.match(
    net.sh("exec 3<>/dev/tcp/10.96.0.5/80; cat <&3".replace(/^/, "bash -c '") + "'"),
    /^[ab] 10\.244\.0\.1$/,
  );
});

test("no endpoints, other ports, unknown addresses: refused at once, refused at once, dropped", async () => {
  await using _proxy = await open();
  await using _service = await make("none", { clusterIP: "10.96.0.6" }, slice("none", []));
  const { a } = net.peers;
  assert.deepEqual(await a.ask("tcp", "10.96.0.6:80"), ["ECONNREFUSED"]);
  assert.deepEqual(await a.ask("udp", "10.96.0.6:80"), ["ECONNREFUSED"]);
  await setSlice(slice("none", both));
  await untilRules(/10\.96\.0\.6 \. tcp \. 80 \. 0:1/);
  assert.match((await a.ask("tcp", "10.96.0.6:80"))[0] ?? "", /^[ab] /);
  assert.deepEqual(await a.ask("tcp", "10.96.0.6:81"), ["ECONNREFUSED"]);
  assert.deepEqual(await a.ask("tcp", "10.96.0.99:80", { waitMs: 200 }), ["ETIMEDOUT"]);
});

test("node ports: on all addresses of the node, of 127.0.0.1 too; TCP and UDP with the same number", async () => {
  await using _proxy = await open();
  const ports = [
    { name: "t", port: 80, nodePort: 30080, protocol: "TCP" as const },
    { name: "u", port: 80, nodePort: 30080, protocol: "UDP" as const },
  ];
  const there = slice(
    "node",
    ["10.244.0.2"],
    [
      { name: "t", port: 8080, protocol: "TCP" },
      { name: "u", port: 8080, protocol: "UDP" },
    ],
  );
  await using _service = await make("node", { type: "NodePort", clusterIP: "10.96.0.7", ports }, there);
  const { world, b } = net.peers;
  assert.deepEqual(await world.ask("tcp", "192.0.2.1:30080"), ["a 10.244.0.1"]);
  assert.deepEqual(await world.ask("udp", "192.0.2.1:30080"), ["a 10.244.0.1"]);
  assert.deepEqual(await b.ask("tcp", "10.244.0.1:30080"), ["a 10.244.0.1"]);
  assert.deepEqual(await b.ask("udp", "10.96.0.7:80"), ["a 10.244.0.3"]);
  assert.equal(net.sh("bash -c 'exec 3<>/dev/tcp/127.0.0.1/30080; cat <&3'"), "a 10.244.0.1");
});

test("external addresses and traffic policies: Local keeps the client's address and drops without a pod here", async () => {
  await using _proxy = await open();
  const spec: ServiceSpec = {
    type: "NodePort",
    clusterIP: "10.96.0.8",
    externalIPs: ["198.51.100.1"],
    externalTrafficPolicy: "Local",
    ports: [{ port: 80, nodePort: 30081 }],
  };
  await using _service = await make("local", spec, slice("local", both)); // of them a is on this node
  const { world, a, b } = net.peers;
  const only = new Set(await world.ask("tcp", "192.0.2.1:30081", { count: 10 }));
  assert.deepEqual(only, new Set(["a 192.0.2.2"]));
  assert.deepEqual(await world.ask("tcp", "198.51.100.1:80"), ["a 192.0.2.2"]);
  const within = new Set(await a.ask("tcp", "198.51.100.1:80", { count: 20 }));
  assert.deepEqual(within, new Set(["a 10.244.0.1", "b 10.244.0.2"]), "the cluster itself reaches all");
  await setSlice(slice("local", ["10.244.0.3"]));
  await untilRules(/tcp \. 30081 : drop/);
  assert.deepEqual(await world.ask("tcp", "192.0.2.1:30081", { waitMs: 200 }), ["ETIMEDOUT"]);
  assert.deepEqual(await b.ask("tcp", "10.96.0.8:80"), ["b 10.244.0.1"]);
  await using _inner = await make(
    "inner",
    { clusterIP: "10.96.0.9", internalTrafficPolicy: "Local" },
    slice("inner", both),
  );
  assert.deepEqual(new Set(await b.ask("tcp", "10.96.0.9:80", { count: 10 })), new Set(["a 10.244.0.3"]));
});

test("session affinity: a client stays until its pod goes or its time is over, and when it is switched off", async () => {
  await using _proxy = await open();
  const sticky: ServiceSpec = {
    clusterIP: "10.96.0.11",
    sessionAffinity: "ClientIP",
    sessionAffinityConfig: { clientIP: { timeoutSeconds: 1 } },
  };
  await using _service = await make("sticky", sticky, slice("sticky", both));
  const { world } = net.peers;
  const first = new Set(await world.ask("tcp", "10.96.0.11:80", { count: 20 }));
  assert.equal(first.size, 1);
  const isA = first.has("a 10.244.0.1");
  await setSlice(slice("sticky", [isA ? "10.244.0.3" : "10.244.0.2"]));
  await untilRules(new RegExp(`10\\.96\\.0\\.11 \\. tcp \\. 80 \\. 0:1`), false);
  const second = new Set(await world.ask("tcp", "10.96.0.11:80", { count: 5 }));
  assert.deepEqual(second, new Set([isA ? "b 10.244.0.1" : "a 10.244.0.1"]));
  assert.match(net.sh(`nft list map ip ${table} clients`), /192\.0\.2\.2 .*timeout 1s/);
  await untilRules(/192\.0\.2\.2/, false);
  await setSlice(slice("sticky", both));
  const now = await net.kube.of(services).get({ namespace: "default", name: "sticky" }, net.signal);
  const spec = { ...sticky, ports: now.spec?.ports ?? [], sessionAffinity: "None" as const };
  await net.kube.of(services).update({ ...now, spec } as Service, net.signal);
  await untilRules(/10\.96\.0\.11 \. tcp \. 80 : goto services_foreign_2[ ,\n]/);
  assert.equal(new Set(await world.ask("tcp", "10.96.0.11:80", { count: 40 })).size, 2);
});

test("session affinity: of UDP too, and by node ports", async () => {
  await using _proxy = await open();
  const spec: ServiceSpec = {
    type: "NodePort",
    clusterIP: "10.96.0.16",
    sessionAffinity: "ClientIP",
    ports: [{ port: 80, nodePort: 30082, protocol: "UDP" }],
  };
  const ports = [{ name: "", port: 8080, protocol: "UDP" as const }];
  await using _service = await make("both", spec, slice("both", both, ports));
  const { world } = net.peers;
  const heard = new Set(await world.ask("udp", "192.0.2.1:30082", { count: 20 }));
  assert.equal(heard.size, 1, String([...heard]));
  assert.match([...heard][0] ?? "", /^[ab] 10\.244\.0\.1$/);
});

test("terminating pods are used while there is nobody else", async () => {
  await using _proxy = await open();
  const going = { ready: false, serving: true, terminating: true };
  const a = { addresses: ["10.244.0.2"], conditions: going };
  await using _service = await make("going", { clusterIP: "10.96.0.12" }, slice("going", [a]));
  const { world } = net.peers;
  assert.deepEqual(await world.ask("tcp", "10.96.0.12:80"), ["a 10.244.0.1"]);
  await setSlice(slice("going", [a, "10.244.0.3"]));
  await untilRules(/10\.96\.0\.12 \. tcp \. 80 \. none : 10\.244\.0\.3/);
  assert.deepEqual(
    new Set(await world.ask("tcp", "10.96.0.12:80", { count: 10 })),
    new Set(["b 10.244.0.1"]),
  );
});

test("UDP: a flow goes on to another pod when its pod is gone", async () => {
  await using _proxy = await open();
  const ports = [{ name: "", port: 8080, protocol: "UDP" as const }];
  const spec = { clusterIP: "10.96.0.13", ports: [{ port: 80, protocol: "UDP" as const }] };
  await using _service = await make("udp", spec, slice("udp", ["10.244.0.2"], ports));
  const { world, b } = net.peers;
  assert.deepEqual(await b.ask("udp", "10.96.0.13:80", { localPort: 5000 }), ["a 10.244.0.3"]);
  assert.deepEqual(await world.ask("udp", "10.96.0.13:80", { localPort: 5000 }), ["a 10.244.0.1"]);
  await setSlice(slice("udp", ["10.244.0.3"], ports));
  await untilRules(/10\.96\.0\.13 \. udp \. 80 \. none : 10\.244\.0\.3/);
  const deadline = performance.now() + 3000;
  for (;;) {
    const heard = await world.ask("udp", "10.96.0.13:80", { localPort: 5000, waitMs: 200 });
    if (heard[0] === "b 10.244.0.1") break;
    assert.ok(performance.now() < deadline, String(heard));
  }
});

test("load balancers: only from the source ranges", async () => {
  await using _proxy = await open();
  const spec: ServiceSpec = {
    type: "LoadBalancer",
    clusterIP: "10.96.0.14",
    loadBalancerSourceRanges: ["198.51.100.0/24", "198.51.100.0/25"],
  };
  await using _service = await make("lb", spec, slice("lb", ["10.244.0.2"]));
  const now = await net.kube.of(services).get({ namespace: "default", name: "lb" }, net.signal);
  const ingress = [{ ip: "203.0.113.1", ipMode: "VIP" }];
  const balanced = { ...now, status: { loadBalancer: { ingress } } };
  const made = await net.kube.of(services).updateStatus(balanced, net.signal);
  await untilRules(/203\.0\.113\.1 \. tcp \. 80 \. none/);
  const { world, b } = net.peers;
  assert.deepEqual(await world.ask("tcp", "203.0.113.1:80", { waitMs: 200 }), ["ETIMEDOUT"]);
  const spec2 = { ...made.spec, loadBalancerSourceRanges: ["192.0.2.0/24"] };
  await net.kube.of(services).update({ ...made, spec: spec2 }, net.signal);
  await untilRules(/allowed \{[^}]*192\.0\.2\.0\/24/s);
  assert.deepEqual(await world.ask("tcp", "203.0.113.1:80"), ["a 10.244.0.1"]);
  assert.deepEqual(await b.ask("tcp", "203.0.113.1:80", { waitMs: 200 }), ["ETIMEDOUT"]);
});

test("others flush the table: it is back; the proxy starts again: connections go on", async () => {
  assert.deepEqual(warnings, [], "all that came before were single elements");
  const first = await open();
  const made = await make("back", { clusterIP: "10.96.0.15" }, slice("back", both));
  net.sh(`nft flush table ip ${table}`);
  await untilRules(/chain prerouting \{\s+type nat[^}]*jump find/s);
  net.sh("nft flush ruleset");
  await untilRules(/10\.96\.0\.15/);
  await first[Symbol.asyncDispose]();
  const { world } = net.peers;
  assert.match(
    (await world.ask("tcp", "10.96.0.15:80"))[0] ?? "",
    /^[ab] 10\.244\.0\.1$/,
    "without a proxy too",
  );
  await using _second = await open();
  await using _service = made;
  assert.match((await world.ask("tcp", "10.96.0.15:80"))[0] ?? "", /^[ab] 10\.244\.0\.1$/);
});

test("addresses of the node's own are for the node and its pods alone", async () => {
  await using _proxy = await open();
  const { world, a } = net.peers;
  assert.deepEqual(await world.ask("tcp", "10.96.0.10:53", { waitMs: 200 }), ["ETIMEDOUT"]);
  assert.deepEqual(
    await a.ask("tcp", "10.96.0.10:53"),
    ["ECONNREFUSED"],
    "nobody listens, but it is reached",
  );
});

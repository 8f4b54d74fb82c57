import assert from "node:assert/strict";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { after, before, test } from "node:test";
import { silentLog } from "#base/log.ts";
import { endpointSlices, namespaces, services } from "#client/kube/resources.ts";
import { decodeMessage, encodeMessage, rcode, typeA } from "#host/dns/message.ts";
import { replyTo } from "#host/dns/reply.ts";
import { systemTimers } from "#host/system-timers.ts";
import { ensureDnsService } from "#orchestrator/dns/dns-service.ts";
import { openDns } from "#orchestrator/dns/open-dns.ts";
import { serviceNames } from "#base/instance-name.ts";
import { openProxy, removeProxy } from "#orchestrator/proxy/open-proxy.ts";
import { ServiceLink } from "#orchestrator/proxy/service-link.ts";
import { ClusterNet, service, slice } from "../support/cluster-net.ts";

// The cluster's name server on the node's own address, asked by pods.

const instance = "gantry-test";
const address = "10.96.0.10";
let net: ClusterNet;
let resolvConf = "";
const open = new AsyncDisposableStack();

before(async () => {
  net = open.use(await ClusterNet.open());
  await ServiceLink.open(serviceNames(instance).link, [address], "10.96.0.0/16");
  const { informers, nativeBinary, folder: runFolder, signal } = net;
  open.defer(() => removeProxy({ instance, runFolder, log: silentLog }));
  const common = { informers, timers: systemTimers, log: silentLog };
  const cidrs = { podCidr: "10.244.0.0/16", serviceCidr: "10.96.0.0/16" };
  const own = new Map([[address, [53]]]);
  await ensureDnsService(net.kube, address, signal);
  await ensureDnsService(net.kube, address, signal);
  for (const name of ["default", "kube-system"])
    await net.kube
      .of(namespaces)
      .create({ apiVersion: "v1", kind: "Namespace", metadata: { name }, spec: {} }, signal);
  open.use(
    await openProxy(
      { ...common, ...cidrs, own, instance, nativeBinary, runFolder, nodeName: "here" },
      signal,
    ),
  );
  const names = { address, domain: "cluster.local", ownPrefixes: ["10.96.", "10.244."] };
  open.use(await openDns({ ...common, ...names, resolvConf: () => resolvConf }, signal));
});
after(() => open.disposeAsync());

function ask(question: string, type = "A"): Promise<string[]> {
  return net.peers.a.ask("dns", `${address}:53`, { question, type });
}

test("pods hear of services by the service of the cluster's DNS", async () => {
  const { world } = net.peers;
  assert.deepEqual(await ask("kube-dns.kube-system.svc.cluster.local"), ['["10.96.0.10"]']);
  assert.deepEqual(await ask("_dns._udp.kube-dns.kube-system.svc.cluster.local", "SRV"), [
    '[{"name":"kube-dns.kube-system.svc.cluster.local","port":53,"priority":0,"weight":50,"type":"SRV"}]',
  ]);
  assert.deepEqual(await ask("10.0.96.10.in-addr.arpa", "PTR"), [
    '["kube-dns.kube-system.svc.cluster.local"]',
  ]);
  assert.deepEqual(await ask("dns-version.cluster.local", "TXT"), ['[["1.1.0"]]']);
  assert.deepEqual(await ask("none.default.svc.cluster.local"), ["ENOTFOUND"]);
  assert.deepEqual(await ask("kube-dns.kube-system.svc.cluster.local", "AAAA"), ["ENODATA"]);
  const asked = { question: "kube-dns.kube-system.svc.cluster.local" };
  assert.deepEqual(await world.ask("dns", `${address}:53`, asked), ["ETIMEOUT"], "others cannot ask");
});

test("a headless service with more pods than fit into a datagram is told by TCP, and changes at once", async () => {
  const all = Array.from({ length: 90 }, (_, at) => `10.244.1.${at}`);
  const { signal } = net;
  await net.kube.of(services).create(service("many", { clusterIP: "None" }), signal);
  const made = await net.kube.of(endpointSlices).create(slice("many", all), signal);
  const name = "many.default.svc.cluster.local";
  const heard = async () => JSON.parse((await ask(name))[0] ?? "") as string[];
  await until(async () => (await ask(name))[0] !== "ENOTFOUND");
  assert.deepEqual((await heard()).toSorted(), all.toSorted());
  await net.kube
    .of(endpointSlices)
    .update({ ...slice("many", ["10.244.1.7"]), metadata: made.metadata }, signal);
  await until(async () => (await heard()).length === 1);
});

test("other names are asked of the machine's servers, and so is what an external name leads to", async () => {
  const server = createSocket("udp4");
  using _server = { [Symbol.dispose]: () => server.close() };
  server.bind(53, "127.0.0.1");
  await once(server, "listening");
  server.on("message", (bytes, from) => {
    const query = decodeMessage(bytes);
    const name = query?.questions[0]?.name ?? "";
    if (query === undefined) return;
    const record = { name, type: typeA, class: 1, ttl: 60, data: "192.0.2.80" };
    const isKnown = name === "www.example.com";
    const reply = replyTo(query, isKnown ? rcode.ok : rcode.noSuchName, isKnown ? [record] : []);
    server.send(encodeMessage(reply), from.port, from.address);
  });
  assert.deepEqual(await ask("www.example.com"), ["ESERVFAIL"], "nobody to ask");
  resolvConf = "search example.com\nnameserver 10.96.0.10\nnameserver 127.0.0.1\n";
  assert.deepEqual(await ask("www.example.com"), ['["192.0.2.80"]']);
  assert.deepEqual(await ask("none.example.com"), ["ENOTFOUND"]);
  const far = service("far", { type: "ExternalName", externalName: "www.example.com", clusterIP: "" });
  await net.kube.of(services).create(far, net.signal);
  const name = "far.default.svc.cluster.local";
  await until(async () => (await ask(name))[0] !== "ENOTFOUND");
  assert.deepEqual(await ask(name), ['["192.0.2.80"]']);
  assert.deepEqual(await ask(name, "CNAME"), ['["www.example.com"]']);
});

async function until(isSo: () => Promise<boolean>): Promise<void> {
  const deadline = performance.now() + 5000;
  while (!(await isSo())) assert.ok(performance.now() < deadline, "in time");
}

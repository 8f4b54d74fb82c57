import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { join } from "node:path";
import { after, before, test } from "node:test";
import type { Service } from "#api/kube/types/core.ts";
import { endpoints, endpointSlices, services } from "#client/kube/resources.ts";
import { loadBusybox } from "../support/busybox-image.ts";
import { checkout } from "../support/engine.ts";
import { LiveCluster, type PodSpec } from "../support/live-cluster.ts";
import { nodeAddress } from "../support/live-place.ts";
import { isReady, shell, waits } from "../support/pod-cases.ts";

// What conformance asks of the network between pods, of services and of names, each test by its name there.

let cluster: LiveCluster;
const image = "net";
const ips = new Map<string, string>();
const ip = (pod: string) => ips.get(pod) ?? assert.fail(pod);

/** Answers with its name by HTTP on two ports and by UDP; `/method` tells of the request. */
const serves = [
  "mkdir -p /www/some; hostname > /www/index.html; hostname > /www/some/path",
  "httpd -p 8080 -h /www; httpd -p 8081 -h /www; udp serve 8082 $(hostname) &",
  `nc -ll -p 8083 -e sh -c 'read method path rest; text="$method $path"; printf "HTTP/1.0 200 OK\\r\\nContent-Length: %d\\r\\n\\r\\n" $(printf %s "$text" | wc -c); [ $method = HEAD ] || printf %s "$text"' &`,
  waits,
].join("\n");

before(async () => {
  cluster = await LiveCluster.start();
  await loadBusybox(cluster.engine, "net:latest", {}, (rootfs) => {
    const source = join(checkout, "test/support/udp.c");
    execFileSync("gcc", ["-static", "-O1", "-o", join(rootfs, "bin/udp"), source], { stdio: "ignore" });
  });
  const signal = AbortSignal.timeout(20_000);
  const server: PodSpec = { containers: [shell("main", serves, { image })] };
  const labels = (which: string) => ({ labels: { app: "web", which } });
  const ready = { readinessProbe: { httpGet: { port: 8080 }, periodSeconds: 1 } };
  await Promise.all([
    cluster.pod(
      "a",
      { containers: [{ ...shell("main", serves, { image }), ...ready }] },
      signal,
      labels("a"),
    ),
    cluster.pod(
      "b",
      { containers: [{ ...shell("main", serves, { image }), ...ready }] },
      signal,
      labels("b"),
    ),
    cluster.pod("client", { containers: [shell("main", waits, { image })] }, signal),
    cluster.pod("named", { ...server, hostname: "querier", subdomain: "headless" }, signal, {
      labels: { app: "headless" },
    }),
  ]);
  for (const name of ["a", "b", "client", "named"])
    ips.set(name, (await cluster.when(name, isReady, signal)).status?.podIP ?? "");
});
after(() => cluster[Symbol.asyncDispose]());

/** What the client's words write, as soon as they succeed. */
const untilSaid = async (script: string, signal: AbortSignal, pod = "client") =>
  (
    await cluster.sh(pod, `until said=$(${script}) 2>/dev/null; do usleep 30000; done; echo "$said"`, signal)
  ).trim();
const fetched = (where: string, signal: AbortSignal, path = "") =>
  untilSaid(`timeout 1 wget -qO- http://${where}/${path}`, signal);

async function service(
  name: string,
  spec: Partial<Service["spec"] & object>,
  signal: AbortSignal,
): Promise<Service> {
  const usual = { selector: { app: "web" }, ports: [{ port: 80, targetPort: 8080 }] };
  const made = {
    apiVersion: "v1",
    kind: "Service",
    metadata: { name, namespace: "default" },
    spec: { ...usual, ...spec },
  } as const;
  return await cluster.kube.of(services).create(made as Service, signal);
}

const changed = (name: string, spec: object, signal: AbortSignal) =>
  cluster.kube.of(services).patch({ namespace: "default", name }, { spec }, { type: "merge" }, signal);

/** Names of who answers, until all of them have. */
async function answering(where: string, wanted: readonly string[], signal: AbortSignal): Promise<void> {
  const each = wanted.map((name) => `grep -q ${name} /tmp/said`).join(" && ");
  await cluster.sh(
    "client",
    `: > /tmp/said; until timeout 1 wget -qO- http://${where}/ >> /tmp/said; ${each}; do usleep 20000; done`,
    signal,
  );
}

async function askUdp(host: string, port: number): Promise<string> {
  const socket = createSocket("udp4");
  socket.send("?", port, host);
  const [answer] = (await once(socket, "message", { signal: AbortSignal.timeout(5000) })) as [Buffer];
  socket.close();
  return answer.toString();
}
const askHttp = async (where: string) => (await (await fetch(`http://${where}/`)).text()).trim();

const granular = "Networking Granular Checks: Pods should function for";

test(`${granular} intra-pod communication: http`, async (t) => {
  assert.equal(await fetched(`${ip("a")}:8080`, t.signal), "a");
  assert.equal(
    await untilSaid(
      `timeout 1 wget -qO- http://${ip("client")}:1 || timeout 1 wget -qO- http://${ip("b")}:8080`,
      t.signal,
      "a",
    ),
    "b",
  );
});

test(`${granular} intra-pod communication: udp`, async (t) => {
  assert.equal(await untilSaid(`udp ask ${ip("a")} 8082`, t.signal), "a");
  assert.equal(await untilSaid(`udp ask ${ip("b")} 8082`, t.signal, "a"), "b");
});

test(`${granular} node-pod communication: http`, async () => {
  assert.equal(await askHttp(`${ip("a")}:8080`), "a");
});

test(`${granular} node-pod communication: udp`, async () => {
  assert.equal(await askUdp(ip("b"), 8082), "b");
});

test("DNS should provide DNS for pods for Subdomain", async (t) => {
  await service("headless", { clusterIP: "None", selector: { app: "headless" } }, t.signal);
  const said = await untilSaid("nslookup querier.headless.default.svc.cluster.local", t.signal);
  assert.ok(said.includes(`Address: ${ip("named")}`), said);
  assert.equal(
    (await cluster.sh("named", "hostname -f 2>/dev/null || head -9 /etc/hosts", t.signal)).includes(
      "querier.headless.default.svc.cluster.local",
    ),
    true,
  );
});

test("DNS should resolve DNS of partial qualified names for services", async (t) => {
  const { spec } = await service("partial", {}, t.signal);
  for (const name of [
    "partial",
    "partial.default",
    "partial.default.svc",
    "partial.default.svc.cluster.local",
  ]) {
    const said = await untilSaid(`ping -c 1 -W 1 ${name} | grep PING`, t.signal);
    assert.ok(said.startsWith(`PING ${name} (${spec?.clusterIP})`), said);
  }
});

for (const [title, resource] of [
  ["EndpointSlice should create and delete EndpointSlices", endpointSlices],
  ["EndpointsController should create and delete Endpoints", endpoints],
] as const)
  test(`${title} for a Service with a selector that matches no pods`, async (t) => {
    const name = `empty-${resource.resource}`;
    await service(name, { selector: { app: "nobody" } }, t.signal);
    const of = {
      namespace: "default",
      ...(resource === endpointSlices
        ? { labelSelector: `kubernetes.io/service-name=${name}` }
        : { fieldSelector: `metadata.name=${name}` }),
    };
    const count = async () =>
      (
        await cluster.kube.requests.json<{ items: unknown[] }>(
          {
            method: "GET",
            path: `/${resource.group === "" ? "api/v1" : "apis/discovery.k8s.io/v1"}/namespaces/default/${resource.resource}`,
            query: of,
          },
          t.signal,
        )
      ).items.length;
    await until(async () => (await count()) === 1, t.signal);
    await cluster.kube.of(services).delete({ namespace: "default", name }, {}, t.signal);
    await until(async () => (await count()) === 0, t.signal);
  });

async function until(holds: () => Promise<boolean>, signal: AbortSignal): Promise<void> {
  while (!(await holds())) {
    signal.throwIfAborted();
    await new Promise((go) => setTimeout(go, 20));
  }
}

function slice(
  name: string,
  of: string,
  pods: readonly string[],
  ports: readonly object[],
  signal: AbortSignal,
): Promise<unknown> {
  const labels = { "kubernetes.io/service-name": of };
  const made = {
    apiVersion: "discovery.k8s.io/v1",
    kind: "EndpointSlice",
    metadata: { name, labels },
    addressType: "IPv4",
    endpoints: pods.map((pod) => ({ addresses: [ip(pod)], conditions: { ready: true } })),
    ports,
  };
  return cluster.create(made, signal);
}

/** A service whose slices somebody else makes. */
async function unselected(name: string, ports: readonly object[], signal: AbortSignal): Promise<string> {
  const made = { apiVersion: "v1", kind: "Service", metadata: { name }, spec: { ports } };
  const { spec } = (await cluster.create(made, signal)) as unknown as Service;
  return spec?.clusterIP ?? "";
}

test("EndpointSlice should support a Service with multiple endpoint IPs specified in multiple EndpointSlices", async (t) => {
  const address = await unselected("slices", [{ name: "web", port: 80, targetPort: 8080 }], t.signal);
  const ports = [{ name: "web", port: 8080, protocol: "TCP" }];
  await Promise.all(["a", "b"].map((pod) => slice(`slices-${pod}`, "slices", [pod], ports, t.signal)));
  await answering(`${address}:80`, ["a", "b"], t.signal);
});

test("EndpointSlice should support a Service with multiple ports specified in multiple EndpointSlices", async (t) => {
  const two = [
    { name: "one", port: 81, targetPort: 8080 },
    { name: "two", port: 82, targetPort: 8081 },
  ];
  const address = await unselected("ports", two, t.signal);
  await slice("ports-a", "ports", ["a"], [{ name: "one", port: 8080, protocol: "TCP" }], t.signal);
  await slice("ports-b", "ports", ["b"], [{ name: "two", port: 8081, protocol: "TCP" }], t.signal);
  assert.equal(await fetched(`${address}:81`, t.signal), "a");
  assert.equal(await fetched(`${address}:82`, t.signal), "b");
});

test("Services should serve multiport endpoints from pods", async (t) => {
  const ports = [
    { name: "one", port: 80, targetPort: 8080 },
    { name: "two", port: 81, targetPort: 8081 },
  ];
  const { spec } = await service("multiport", { selector: { which: "a" }, ports } as object, t.signal);
  for (const port of [80, 81]) assert.equal(await fetched(`${spec?.clusterIP}:${port}`, t.signal), "a");
});

test("HostPort validates that there is no conflict between pods with same hostPort but different hostIP and protocol", async (t) => {
  const at = (hostIP: string, protocol: "TCP" | "UDP", containerPort: number): PodSpec => ({
    containers: [
      shell("main", serves, { image, ports: [{ containerPort, hostPort: 54_323, hostIP, protocol }] }),
    ],
  });
  await cluster.pod("port-1", at("127.0.0.1", "TCP", 8080), t.signal);
  await cluster.pod("port-2", at(nodeAddress, "TCP", 8080), t.signal);
  await cluster.pod("port-3", at(nodeAddress, "UDP", 8082), t.signal);
  for (const name of ["port-1", "port-2", "port-3"]) await cluster.when(name, isReady, t.signal);
  await cluster.sh("port-1", "until wget -qO- localhost:8080 >/dev/null; do usleep 20000; done", t.signal);
  assert.equal(await askHttp("127.0.0.1:54323"), "port-1");
  await cluster.sh("port-2", "until wget -qO- localhost:8080 >/dev/null; do usleep 20000; done", t.signal);
  assert.equal(await askHttp(`${nodeAddress}:54323`), "port-2");
  await cluster.sh("port-3", "until udp ask 127.0.0.1 8082 >/dev/null; do usleep 20000; done", t.signal);
  assert.equal(await askUdp(nodeAddress, 54_323), "port-3");
});

test("Services should be able to change the type from ExternalName to ClusterIP", async (t) => {
  await service(
    "external-1",
    { type: "ExternalName", externalName: "example.com", selector: {}, ports: [] } as object,
    t.signal,
  );
  const after = await changed(
    "external-1",
    {
      type: "ClusterIP",
      externalName: null,
      selector: { app: "web" },
      ports: [{ port: 80, targetPort: 8080 }],
    },
    t.signal,
  );
  assert.match(after.spec?.clusterIP ?? "", /^10\.96\./);
  await answering(`${after.spec?.clusterIP}:80`, ["a", "b"], t.signal);
});

test("Services should be able to change the type from ExternalName to NodePort", async (t) => {
  await service(
    "external-2",
    { type: "ExternalName", externalName: "example.com", selector: {}, ports: [] } as object,
    t.signal,
  );
  const after = await changed(
    "external-2",
    {
      type: "NodePort",
      externalName: null,
      selector: { app: "web" },
      ports: [{ port: 80, targetPort: 8080 }],
    },
    t.signal,
  );
  await answering(`${nodeAddress}:${after.spec?.ports?.[0]?.nodePort}`, ["a", "b"], t.signal);
  await answering(`${after.spec?.clusterIP}:80`, ["a", "b"], t.signal);
});

for (const type of ["ClusterIP", "NodePort"] as const)
  test(`Services should be able to change the type from ${type} to ExternalName`, async (t) => {
    const name = `becomes-${type.toLowerCase()}`;
    await service(`${name}-target`, {}, t.signal);
    await service(name, { type }, t.signal);
    const externalName = `${name}-target.default.svc.cluster.local`;
    const after = await changed(name, { type: "ExternalName", externalName }, t.signal);
    assert.equal(after.spec?.clusterIP ?? "", "");
    const said = await untilSaid(`nslookup ${name}.default.svc.cluster.local | grep canonical`, t.signal);
    assert.match(said, new RegExp(`canonical name = ${externalName}`));
  });

test("Services should be able to switch session affinity for NodePort service", async (t) => {
  const { spec } = await service("sticky", { type: "NodePort", sessionAffinity: "ClientIP" }, t.signal);
  const where = `${nodeAddress}:${spec?.ports?.[0]?.nodePort}`;
  const first = await fetched(where, t.signal);
  const all = await cluster.sh(
    "client",
    `for i in 1 2 3 4 5 6 7 8 9 10 11 12; do wget -qO- http://${where}/; done | sort -u`,
    t.signal,
  );
  assert.equal(all.trim(), first);
  await changed("sticky", { sessionAffinity: "None" }, t.signal);
  await answering(where, ["a", "b"], t.signal);
  await changed("sticky", { sessionAffinity: "ClientIP" }, t.signal);
  await cluster.sh(
    "client",
    `until [ $(for i in 1 2 3 4 5 6 7 8 9 10 11 12; do wget -qO- http://${where}/; done | sort -u | wc -l) = 1 ]; do :; done`,
    t.signal,
  );
});

test("Service endpoints latency should not be very high", async (t) => {
  const names = Array.from({ length: 50 }, (_, at) => `quick-${at}`);
  const watch = await cluster.kube
    .of(endpoints)
    .watch({ namespace: "default", labelSelector: "latency=yes" }, t.signal);
  const begun = new Map<string, number>();
  const create = async (name: string) => {
    begun.set(name, performance.now());
    const spec = { selector: { app: "web" }, ports: [{ port: 80, targetPort: 8080 }] };
    await cluster.create(
      { apiVersion: "v1", kind: "Service", metadata: { name, labels: { latency: "yes" } }, spec } as never,
      t.signal,
    );
  };
  const created = Promise.all(names.map(create));
  const tookMs = new Map<string, number>();
  for await (const { object } of watch) {
    const { name = "" } = object.metadata;
    if ((object.subsets ?? []).length > 0) tookMs.set(name, performance.now() - (begun.get(name) ?? 0));
    if (tookMs.size === names.length) break;
  }
  await created;
  assert.ok(Math.max(...tookMs.values()) < 10_000);
});

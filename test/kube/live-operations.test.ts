import assert from "node:assert/strict";
import { once } from "node:events";
import https from "node:https";
import { after, before, test } from "node:test";
import type { Pod } from "#api/kube/types/core-pods.ts";
import { nodes, pods } from "#client/kube/resources.ts";
import { LiveCluster, type PodSpec } from "../support/live-cluster.ts";
import { nodeAddress } from "../support/live-place.ts";
import { isReady, shell, waits } from "../support/pod-cases.ts";

// What an administrator does with a cluster whose pods run: kubectl, requests through the API to pods, taints, priorities.

let cluster: LiveCluster;
let tls: https.Server;

/** Answers every method with it and the path. */
const echoes = [
  `nc -ll -p 8080 -e sh -c 'read method path rest; text="$method $path"; printf "HTTP/1.0 200 OK\\nContent-Length: %d\\n\\n" $(printf %s "$text" | wc -c); [ $method = HEAD ] || printf %s "$text"' &`,
  waits,
].join("\n");
const ports = [{ name: "web", containerPort: 8080 }];
const server: PodSpec = { containers: [shell("main", echoes, { ports })] };

before(async () => {
  cluster = await LiveCluster.start(["1.35"]);
  const signal = AbortSignal.timeout(20_000);
  await cluster.pod("server", server, signal, { labels: { app: "server" } });
  await cluster.pod("of-host", { hostNetwork: true, containers: [shell("main", waits)] }, signal, {
    labels: { app: "of-host" },
  });
  const service = (name: string, targetPort: number | string, port: object) =>
    cluster.create(
      {
        apiVersion: "v1",
        kind: "Service",
        metadata: { name },
        spec: { selector: { app: name }, ports: [{ targetPort, ...port }] },
      } as never,
      signal,
    );
  await service("server", "web", { name: "portname", port: 80 });
  // A server with a certificate, at the address of a pod.
  const identity = { cert: cluster.pki("kubelet.crt"), key: cluster.pki("kubelet.key") };
  tls = https.createServer(
    identity,
    (request, answer) => void answer.end(`tls ${request.method} ${request.url}`),
  );
  tls.listen(0, nodeAddress);
  await once(tls, "listening");
  await service("of-host", (tls.address() as { readonly port: number }).port, { name: "tlsport", port: 443 });
  for (const name of ["server", "of-host"]) await cluster.when(name, isReady, signal);
});
after(async () => {
  tls.close();
  await cluster[Symbol.asyncDispose]();
});

async function kubectl(
  line: string,
  input = "",
  code = 0,
  env: Readonly<Record<string, string>> = {},
): Promise<string> {
  const words = line.match(/'[^']*'|\S+/g)?.map((word) => word.replace(/^'|'$/g, "")) ?? [];
  const said = await cluster.kubectl("1.35", words, { input, env });
  assert.equal(said.code, code, `kubectl ${line}: ${said.err}${said.out}`);
  return said.out + said.err;
}

const base = "/api/v1/namespaces/default";

/** What comes back through the API, once it does. */
async function proxied(path: string, signal: AbortSignal, method = "GET"): Promise<string> {
  for (;;) {
    const answer = await cluster.kube.requests.transport.send({ method: method as "GET", path }, signal);
    const parts: Uint8Array[] = [];
    for await (const part of answer.body) parts.push(part);
    if (answer.status === 503) continue; // nobody listens yet, or the service has not heard of it
    assert.equal(answer.status, 200, `${method} ${path}`);
    return Buffer.concat(parts).toString();
  }
}

const methods = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];

for (const [what, behind] of [
  ["Proxy", ""],
  ["ProxyWithPath", "/some/path/with"],
] as const)
  test(`Proxy version v1 A set of valid responses are returned for both pod and service ${what}`, async (t) => {
    for (const place of ["pods/server:8080", "services/server:portname"])
      for (const method of methods) {
        const path = behind === "" ? "/" : `${behind}/${method}`;
        const said = await proxied(`${base}/${place}/proxy${path}?method=${method}`, t.signal, method);
        assert.equal(
          said,
          method === "HEAD" ? "" : `${method} ${path}?method=${method}`,
          `${method} ${place}`,
        );
      }
  });

test("Proxy version v1 should proxy through a service and a pod", async (t) => {
  for (const place of [
    "services/server:portname",
    "services/http:server:portname",
    "services/server:80",
    "pods/server:8080",
    "pods/http:server:8080",
  ])
    assert.equal(await proxied(`${base}/${place}/proxy/x`, t.signal), "GET /x", place);
  const { port } = tls.address() as { readonly port: number };
  for (const place of [
    "services/https:of-host:tlsport",
    "services/https:of-host:443",
    `pods/https:of-host:${port}`,
  ])
    assert.equal(await proxied(`${base}/${place}/proxy/x`, t.signal), "tls GET /x", place);
});

for (const [kind, apiVersion, title] of [
  ["ReplicaSet", "apps/v1", "ReplicaSet"],
  ["ReplicationController", "v1", "ReplicationController"],
] as const)
  test(`${title} should serve a basic image on each replica with a public image`, async (t) => {
    const labels = { of: kind.toLowerCase() };
    const serves = `mkdir -p /www; hostname > /www/index.html; httpd -p 8080 -h /www; ${waits}`;
    const template = {
      metadata: { labels },
      spec: { terminationGracePeriodSeconds: 1, containers: [shell("main", serves)] },
    };
    const selector = kind === "ReplicaSet" ? { matchLabels: labels } : labels;
    const metadata = { name: `basic-${labels.of}` };
    await cluster.create(
      { apiVersion, kind, metadata, spec: { replicas: 2, selector, template } } as never,
      t.signal,
    );
    const own = await cluster.whenPods((all) => {
      const found = all.filter((pod) => pod.metadata.labels?.["of"] === labels.of && isReady(pod));
      return found.length === 2 ? found : undefined;
    }, t.signal);
    for (const {
      metadata: { name = "" },
    } of own)
      assert.equal((await proxied(`${base}/pods/${name}:8080/proxy/`, t.signal)).trim(), name);
    await kubectl(`delete ${kind} ${metadata.name} --grace-period=0`);
  });

test("kubectl: a Deployment is exposed, its image set, edited, restarted and undone, and all of it is in its history", async () => {
  const labels = { app: "shop" };
  const template = {
    metadata: { labels },
    spec: { terminationGracePeriodSeconds: 1, containers: [shell("main", waits)] },
  };
  const deployment = {
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: { name: "shop" },
    spec: { selector: { matchLabels: labels }, template },
  };
  await kubectl("create -f -", JSON.stringify(deployment));
  await kubectl("wait --for=condition=Available deployment/shop --timeout=20s");
  await kubectl("expose deployment shop --port=80 --target-port=8080");
  await kubectl("set image deployment/shop main=test:latest");
  await kubectl("edit deployment/shop", "", 0, { KUBE_EDITOR: "sed -i 's/^\\(  replicas: \\)1/\\12/'" });
  await kubectl("rollout status deployment/shop --timeout=20s");
  await kubectl("rollout restart deployment/shop");
  await kubectl("rollout status deployment/shop --timeout=20s");
  assert.match(await kubectl("rollout history deployment/shop"), /\n1 .*\n2 .*\n3 /);
  await kubectl("rollout undo deployment/shop --to-revision=1");
  await kubectl("rollout status deployment/shop --timeout=20s");
  assert.equal(
    await kubectl(
      "get deployment shop -o 'jsonpath={.spec.replicas} {.spec.template.spec.containers[0].image}'",
    ),
    "2 test",
  );
  await kubectl("delete deployment shop");
});

test("kubectl: debug joins a pod that runs", async () => {
  const words =
    "debug server -i --image=test --image-pull-policy=IfNotPresent --target=main -c tool -- sh -c 'pidof nc >/dev/null && echo found'";
  assert.match(await kubectl(words), /found/);
});

test("kubectl: tokens are made, and speak for their account", async () => {
  await kubectl("create serviceaccount robot");
  await kubectl("create rolebinding robot --clusterrole=view --serviceaccount=default:robot");
  assert.match(await kubectl("auth can-i list pods --as=system:serviceaccount:default:robot"), /^yes/);
  assert.match(
    await kubectl("auth can-i delete pods --as=system:serviceaccount:default:robot", "", 1),
    /^no/,
  );
  const token = (await kubectl("create token robot --duration=10m")).trim();
  assert.match(
    await kubectl(
      `--kubeconfig=/dev/null --server=https://127.0.0.1:6443 --insecure-skip-tls-verify --token=${token} auth whoami`,
    ),
    /system:serviceaccount:default:robot/,
  );
});

test("kubectl: a drain waits for what a budget allows, and the node takes pods again afterwards", async (t) => {
  const labels = { app: "guarded" };
  await cluster.pod("guarded", { containers: [shell("main", waits)] }, t.signal, { labels });
  await cluster.when("guarded", isReady, t.signal);
  await kubectl("create poddisruptionbudget guard --selector=app=guarded --min-available=1");
  await kubectl("wait --for=jsonpath={.status.currentHealthy}=1 pdb/guard --timeout=20s");
  const drain = `drain ${cluster.nodeName} --force --pod-selector=app=guarded`;
  assert.match(
    await kubectl(`${drain} --timeout=1s`, "", 1),
    /Cannot evict pod as it would violate the pod's disruption budget/,
  );
  assert.match(await kubectl("get nodes"), /Ready,SchedulingDisabled/);
  await kubectl("delete pdb guard");
  assert.match(await kubectl(`${drain} --timeout=20s`), /pod\/guarded evicted/);
  await cluster.pod("waits", { containers: [shell("main", waits)] }, t.signal);
  const isUnschedulable = (pod: Pod) =>
    pod.status?.conditions?.some(({ reason }) => reason === "Unschedulable") === true;
  await cluster.when("waits", isUnschedulable, t.signal);
  await kubectl(`uncordon ${cluster.nodeName}`);
  await cluster.when("waits", isReady, t.signal);
});

test("SchedulerPredicates validates that there exists conflict between pods with same hostPort and protocol but one using 0.0.0.0 hostIP", async (t) => {
  const at = (hostIP: string): PodSpec => ({
    containers: [shell("main", waits, { ports: [{ containerPort: 8080, hostPort: 54_322, hostIP }] })],
  });
  await cluster.pod("port-4", at(""), t.signal);
  await cluster.when("port-4", isReady, t.signal);
  await cluster.pod("port-5", at(nodeAddress), t.signal);
  const refused = (pod: Pod) =>
    pod.status?.conditions?.find(({ type }) => type === "PodScheduled")?.message ?? "";
  const pod = await cluster.when("port-5", (each) => refused(each) !== "", t.signal);
  assert.match(
    refused(pod),
    /0\/1 nodes are available: 1 node\(s\) didn't have free ports for the requested pod ports/,
  );
  for (const name of ["port-4", "port-5"]) await cluster.delete(name, t.signal);
});

const extended = "example.com/fakecpu";

/** The node has so much of a resource that nobody else uses. */
async function offer(amount: string, signal: AbortSignal): Promise<void> {
  const status = { capacity: { [extended]: amount }, allocatable: { [extended]: amount } };
  const patch = { type: "merge", subresource: "status" } as const;
  await cluster.kube.of(nodes).patch({ name: cluster.nodeName }, { status }, patch, signal);
}

const wants = (amount: string, more: Partial<PodSpec> = {}): PodSpec => {
  const resources = { requests: { [extended]: amount }, limits: { [extended]: amount } };
  return { ...more, containers: [shell("main", waits, { resources })] };
};

async function priorities(signal: AbortSignal): Promise<void> {
  await offer("10", signal);
  for (const [name, value] of [
    ["low", 1],
    ["high", 1000],
  ] as const)
    await cluster.create(
      { apiVersion: "scheduling.k8s.io/v1", kind: "PriorityClass", metadata: { name }, value } as never,
      signal,
    );
}

test("SchedulerPreemption validates lower priority pod preemption by critical pod", async (t) => {
  await priorities(t.signal);
  await cluster.pod("low-1", wants("8", { priorityClassName: "low" }), t.signal);
  await cluster.when("low-1", isReady, t.signal);
  const spec = {
    ...wants("8", { priorityClassName: "system-cluster-critical" }),
    terminationGracePeriodSeconds: 1,
    automountServiceAccountToken: false,
  };
  const metadata = { name: "critical", namespace: "kube-system" };
  await cluster.kube.of(pods).create({ apiVersion: "v1", kind: "Pod", metadata, spec } as Pod, t.signal);
  await cluster.when("critical", isReady, t.signal, "kube-system");
  await cluster.gone("low-1", t.signal);
  await cluster.delete("critical", t.signal, "kube-system");
});

test("SchedulerPreemption validates pod disruption condition is added to the preempted pod", async (t) => {
  const spec = wants("8", { priorityClassName: "low" });
  await cluster.pod("victim", spec, t.signal, { finalizers: ["example.com/kept"] });
  await cluster.when("victim", isReady, t.signal);
  await cluster.pod("preemptor", wants("8", { priorityClassName: "high" }), t.signal);
  const disrupted = ({ status }: Pod) => status?.conditions?.find(({ type }) => type === "DisruptionTarget");
  const victim = await cluster.when("victim", (pod) => disrupted(pod) !== undefined, t.signal);
  assert.deepEqual([disrupted(victim)?.status, disrupted(victim)?.reason], ["True", "PreemptionByScheduler"]);
  await cluster.when("preemptor", isReady, t.signal);
  await cluster.kube
    .of(pods)
    .patch(
      { namespace: "default", name: "victim" },
      { metadata: { finalizers: null } },
      { type: "merge" },
      t.signal,
    );
  await cluster.gone("victim", t.signal);
  await cluster.delete("preemptor", t.signal);
});

test("SchedulerPreemption PreemptionExecutionPath runs ReplicaSets to verify preemption running path", async (t) => {
  await offer("5", t.signal);
  const set = (name: string, replicas: number, amount: string, priorityClassName: string) => {
    const labels = { set: name };
    const template = {
      metadata: { labels },
      spec: { terminationGracePeriodSeconds: 1, ...wants(amount, { priorityClassName }) },
    };
    return cluster.create(
      {
        apiVersion: "apps/v1",
        kind: "ReplicaSet",
        metadata: { name },
        spec: { replicas, selector: { matchLabels: labels }, template },
      } as never,
      t.signal,
    );
  };
  const ready = (name: string, count: number) =>
    cluster.whenPods(
      (all) =>
        all.filter((pod) => pod.metadata.labels?.["set"] === name && isReady(pod)).length === count
          ? true
          : undefined,
      t.signal,
    );
  await set("p1", 3, "1", "low");
  await ready("p1", 3);
  await set("p2", 1, "4", "high");
  await ready("p2", 1);
  await ready("p1", 1); // what was left room for
  await kubectl("delete replicaset p1 p2");
});

const taint = (effect: string) => kubectl(`taint nodes ${cluster.nodeName} evict-taint=yes:${effect}`);
const untaint = () => kubectl(`taint nodes ${cluster.nodeName} evict-taint-`);
const tolerates = (tolerationSeconds?: number): PodSpec => ({
  tolerations: [
    {
      key: "evict-taint",
      operator: "Equal",
      value: "yes",
      effect: "NoExecute",
      ...(tolerationSeconds !== undefined && { tolerationSeconds }),
    },
  ],
  containers: [shell("main", waits)],
});

test("NoExecuteTaintManager Single Pod removing taint cancels eviction", async (t) => {
  await cluster.pod("stays", tolerates(3), t.signal);
  await cluster.pod("marks", tolerates(1), t.signal);
  for (const name of ["stays", "marks"]) await cluster.when(name, isReady, t.signal);
  await taint("NoExecute");
  await cluster.gone("marks", t.signal);
  await untaint();
  await new Promise((go) => setTimeout(go, 3000)); // longer than was tolerated
  assert.equal(cluster.find("stays")?.metadata.deletionTimestamp, undefined);
});

test("NoExecuteTaintManager Multiple Pods evicts pods with minTolerationSeconds", async (t) => {
  await cluster.pod("short", tolerates(1), t.signal);
  await cluster.pod("long", tolerates(1000), t.signal);
  for (const name of ["short", "long"]) await cluster.when(name, isReady, t.signal);
  await taint("NoExecute");
  await cluster.gone("short", t.signal);
  assert.equal(cluster.find("long")?.metadata.deletionTimestamp, undefined);
  await untaint();
});

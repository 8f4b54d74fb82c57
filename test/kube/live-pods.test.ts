import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { Container, Pod } from "#api/kube/types/core-pods.ts";
import { events, pods } from "#client/kube/resources.ts";
import { connectWebSocketCommand } from "../support/connect-command.ts";
import { LiveCluster } from "../support/live-cluster.ts";
import { nodeAddress, textOf } from "../support/live-place.ts";
import { openWebSocket } from "../support/open-upgrade.ts";
import { hasEnded, isReady, isRunning, shell, statusOf, waits } from "../support/pod-cases.ts";

// What conformance asks of a pod as it lives: its changes, generations, ephemeral containers, streams, each test by its name there.

let cluster: LiveCluster;
before(async () => {
  cluster = await LiveCluster.start();
  const signal = AbortSignal.timeout(20_000);
  await cluster.pod("runs", { containers: [shell("main", `echo container is alive; ${waits}`)] }, signal, {
    labels: { a: "b" },
  });
  await cluster.when("runs", isReady, signal);
});
after(() => cluster[Symbol.asyncDispose]());

const ref = (name: string) => ({ namespace: "default", name });
const patch = (name: string, body: object, signal: AbortSignal, subresource?: string) =>
  cluster.kube
    .of(pods)
    .patch(ref(name), body, { type: "strategic", ...(subresource !== undefined && { subresource }) }, signal);
const wss = (path: string) => new URL(`https://127.0.0.1:6443/api/v1/namespaces/default/pods/${path}`);

test("Pods should get a host IP", () => {
  const { status } = cluster.find("runs") ?? {};
  assert.equal(status?.hostIP, nodeAddress);
  assert.deepEqual(status?.hostIPs, [{ ip: nodeAddress }]);
});

test("Pods should be updated", async (t) => {
  await patch("runs", { metadata: { labels: { a: "c" } } }, t.signal);
  const found = (labelSelector: string) =>
    cluster.kube.of(pods).list({ namespace: "default", labelSelector }, t.signal);
  assert.equal((await found("a=c")).items.length, 1);
  assert.equal((await found("a=b")).items.length, 0);
});

test("Pods should support remote command execution over websockets", async (t) => {
  const url = wss("runs/exec?command=echo&command=remote+execution+test&stdout=1&stderr=1");
  const streams = { stdin: false, stdout: true, stderr: true, tty: false };
  const access = { ca: cluster.endpoint.ca, ...cluster.credentials };
  using command = await connectWebSocketCommand(url, streams, access, t.signal);
  assert.equal(await textOf(command.stdout), "remote execution test\n");
  assert.equal((await command.status).status, "Success");
});

test("Pods should support retrieving logs from the container over websockets", async (t) => {
  const access = { ca: cluster.endpoint.ca, ...cluster.credentials };
  const socket = await openWebSocket(wss("runs/log?container=main"), ["binary.k8s.io"], access, t.signal);
  let text = "";
  socket.on("message", (data: Buffer) => {
    text += data.toString();
  });
  socket.resume();
  await new Promise((resolve) => socket.once("close", resolve));
  assert.equal(text, "container is alive\n");
});

test("Pods should allow activeDeadlineSeconds to be updated", async (t) => {
  await cluster.pod("late", { containers: [shell("main", waits)] }, t.signal);
  await cluster.when("late", isRunning, t.signal);
  await patch("late", { spec: { activeDeadlineSeconds: 1 } }, t.signal);
  const { status } = await cluster.when("late", hasEnded, t.signal);
  assert.deepEqual([status?.phase, status?.reason], ["Failed", "DeadlineExceeded"]);
});

test("Pods should contain environment variables for services", async (t) => {
  const spec = { selector: { a: "c" }, ports: [{ port: 8765, targetPort: 8080 }] };
  await cluster.create(
    { apiVersion: "v1", kind: "Service", metadata: { name: "foo-service" }, spec },
    t.signal,
  );
  const made = await cluster.raw("/api/v1/namespaces/default/services/foo-service", t.signal);
  const { clusterIP } = (JSON.parse(made) as { readonly spec: { readonly clusterIP: string } }).spec;
  await cluster.pod(
    "links",
    { restartPolicy: "Never", containers: [shell("main", "env | grep ^FOO_SERVICE | sort")] },
    t.signal,
  );
  await cluster.when("links", hasEnded, t.signal);
  const url = `tcp://${clusterIP}:8765`;
  assert.deepEqual((await cluster.said("links", t.signal)).trim().split("\n"), [
    `FOO_SERVICE_PORT=${url}`,
    `FOO_SERVICE_PORT_8765_TCP=${url}`,
    `FOO_SERVICE_PORT_8765_TCP_ADDR=${clusterIP}`,
    "FOO_SERVICE_PORT_8765_TCP_PORT=8765",
    "FOO_SERVICE_PORT_8765_TCP_PROTO=tcp",
    `FOO_SERVICE_SERVICE_HOST=${clusterIP}`,
    "FOO_SERVICE_SERVICE_PORT=8765",
  ]);
});

test("Pods should run through the lifecycle of Pods and PodStatus", async (t) => {
  const client = cluster.kube.of(pods);
  const labelSelector = "lifecycle=whole";
  const watch = await client.watch({ namespace: "default", labelSelector }, t.signal);
  const spec = { terminationGracePeriodSeconds: 1, containers: [shell("main", waits)] };
  const name = "lifecycle";
  await cluster.pod(name, spec, t.signal, { labels: { lifecycle: "whole" } });
  await cluster.when(name, isReady, t.signal);
  await patch(
    name,
    { metadata: { labels: { more: "yes" } }, spec: { activeDeadlineSeconds: 1000 } },
    t.signal,
  );
  const status = await client.get(ref(name), t.signal);
  const conditions = (status.status?.conditions ?? []).map((each) =>
    each.type === "Ready" ? { ...each, status: "False" as const } : each,
  );
  const changed = await patch(name, { status: { conditions } }, t.signal, "status");
  assert.equal(isReady(changed), false);
  await cluster.when(name, isReady, t.signal); // the node knows better
  const body = { kind: "DeleteOptions", apiVersion: "v1" };
  await cluster.kube.requests.json(
    { method: "DELETE", path: "/api/v1/namespaces/default/pods", query: { labelSelector }, body },
    t.signal,
  );
  const seen: string[] = [];
  for await (const { type, object } of watch) {
    if (seen.at(-1) !== type) seen.push(type);
    if (type === "DELETED") assert.equal(object.metadata.labels?.["more"], "yes");
    if (type === "DELETED") break;
  }
  assert.deepEqual(seen, ["ADDED", "MODIFIED", "DELETED"]);
});

const ephemeral = (name: string, script: string) => ({ ...shell(name, script), targetContainerName: "main" });

test("Ephemeral Containers will start an ephemeral container in an existing pod", async (t) => {
  const spec = { ephemeralContainers: [ephemeral("debugger", "pidof sleep; echo polo; sleep 1000")] };
  await patch("runs", { spec }, t.signal, "ephemeralcontainers");
  await cluster.when("runs", (pod) => statusOf(pod, "debugger")?.state?.running !== undefined, t.signal);
  assert.match(await cluster.heard("runs", /polo/, t.signal, { container: "debugger" }), /^\d.*\npolo\n$/);
});

test("Ephemeral Containers should update the ephemeral containers in an existing pod", async (t) => {
  const spec = { ephemeralContainers: [ephemeral("another", "echo again")] };
  const patched = await patch("runs", { spec }, t.signal, "ephemeralcontainers");
  assert.deepEqual(patched.spec?.ephemeralContainers?.map(({ name }) => name).toSorted(), [
    "another",
    "debugger",
  ]);
  await cluster.when("runs", (pod) => statusOf(pod, "another")?.state?.terminated?.exitCode === 0, t.signal);
  assert.equal(statusOf(cluster.find("runs") ?? assert.fail(), "main")?.restartCount, 0);
});

test("KubeletManagedEtcHosts should test kubelet managed /etc/hosts file", async (t) => {
  const own = { volumeMounts: [{ name: "hosts", mountPath: "/etc/hosts" }] };
  const volumes = [{ name: "hosts", hostPath: { path: "/etc/hosts", type: "File" as const } }];
  const containers = [shell("one", waits), shell("two", waits), shell("own", waits, own)];
  await cluster.pod("hosts", { volumes, containers }, t.signal);
  await cluster.pod("of-host", { hostNetwork: true, containers: [shell("main", waits)] }, t.signal);
  await Promise.all(["hosts", "of-host"].map((name) => cluster.when(name, isReady, t.signal)));
  const file = (pod: string, container: string) => cluster.sh(pod, "cat /etc/hosts", t.signal, container);
  const managed = "# Kubernetes-managed hosts file.\n";
  for (const name of ["one", "two"]) assert.ok((await file("hosts", name)).startsWith(managed));
  for (const [pod, name] of [
    ["hosts", "own"],
    ["of-host", "main"],
  ] as const)
    assert.ok(!(await file(pod, name)).startsWith(managed));
});

/** Until the node has told of a pod of that generation. */
const observed = (name: string, generation: number, signal: AbortSignal) =>
  cluster.when(
    name,
    ({ status }) =>
      status?.observedGeneration === generation &&
      status.conditions?.find(({ type }) => type === "Ready")?.observedGeneration === generation,
    signal,
  );

test("Pods Extended (pod generation) Pod Generation pod generation should start at 1 and increment per update", async (t) => {
  const spec = { initContainers: [shell("init", "true")], containers: [shell("main", waits)] };
  const made = await cluster.pod("counted", spec, t.signal);
  assert.equal(made.metadata.generation, 1);
  await cluster.when("counted", isReady, t.signal);
  const toleration = { key: "foo-1", operator: "Exists", effect: "NoSchedule", tolerationSeconds: undefined };
  const tolerations = [...(made.spec?.tolerations ?? []), toleration];
  const updates: readonly (readonly [object, number])[] = [
    [{}, 1],
    [{ spec: { tolerations } }, 2],
    [{ spec: { activeDeadlineSeconds: 1000 } }, 3],
    [{ spec: { initContainers: [{ name: "init", image: "test:latest" }] } }, 4],
    [{ metadata: { annotations: { key: "value" } } }, 4],
    [{ metadata: { generation: 1 } }, 4],
    [{ spec: { containers: [{ name: "main", image: "test:latest" }] } }, 5],
  ];
  for (const [body, generation] of updates) {
    const after = await patch("counted", body, t.signal);
    assert.equal(after.metadata.generation, generation, JSON.stringify(body));
    await observed("counted", generation, t.signal);
  }
});

test("Pods Extended (pod generation) Pod Generation custom-set generation on new pods and graceful delete", async (t) => {
  const spec = {
    terminationGracePeriodSeconds: 30,
    containers: [shell("main", `trap 'sleep 1; exit 0' TERM; sleep 1000 & wait`)],
  };
  const made = await cluster.pod("own-number", spec, t.signal, { generation: 100 });
  assert.equal(made.metadata.generation, 1);
  await cluster.when("own-number", isReady, t.signal);
  await cluster.kube.of(pods).delete(ref("own-number"), {}, t.signal);
  const ending = await cluster.when(
    "own-number",
    ({ metadata }) => metadata.deletionTimestamp !== undefined,
    t.signal,
  );
  assert.equal(ending.metadata.generation, 2);
  await cluster.when("own-number", ({ status }) => status?.observedGeneration === 2, t.signal);
  await cluster.gone("own-number", t.signal);
});

test("Pods Extended (pod generation) Pod Generation issue 500 podspec updates and verify generation and observedGeneration eventually converge", async (t) => {
  await cluster.pod("changes", { containers: [shell("main", waits)] }, t.signal);
  await cluster.when("changes", isReady, t.signal);
  for (let seconds = 10_500; seconds > 10_000; seconds--)
    await patch("changes", { spec: { activeDeadlineSeconds: seconds } }, t.signal);
  const pod = await observed("changes", 501, t.signal);
  assert.equal(pod.metadata.generation, 501);
});

type Amounts = Readonly<Record<string, string>>;
interface Resize {
  readonly before: { readonly requests?: Amounts; readonly limits?: Amounts };
  readonly after: { readonly requests?: Amounts; readonly limits?: Amounts };
}

async function resize(name: string, changes: readonly Resize[], signal: AbortSignal): Promise<void> {
  const containers = changes.map(({ before: resources }, at) =>
    shell(`c${at}`, waits, { resources } as Partial<Container>),
  );
  await cluster.pod(name, { containers }, signal);
  const first = await cluster.when(name, isReady, signal);
  const wanted = changes.map(({ after }, at) => ({ name: `c${at}`, resources: after }));
  await patch(name, { spec: { containers: wanted } }, signal, "resize");
  const isResized = (pod: Pod) =>
    pod.metadata.generation === pod.status?.observedGeneration &&
    !pod.status?.conditions?.some(
      ({ type }) => type === "PodResizeInProgress" || type === "PodResizePending",
    ) &&
    changes.every(({ after }, at) => matches(statusOf(pod, `c${at}`)?.resources, after));
  const pod = await cluster.when(name, isResized, signal);
  for (const at of changes.keys())
    assert.equal(statusOf(pod, `c${at}`)?.containerID, statusOf(first, `c${at}`)?.containerID);
  const spec = pod.spec?.containers ?? [];
  for (const [at, { after }] of changes.entries()) assert.ok(matches(spec[at]?.resources, after));
}

function matches(found: Resize["after"] | undefined, wanted: Resize["after"]): boolean {
  return (["requests", "limits"] as const).every((kind) =>
    Object.entries(wanted[kind] ?? {}).every(([name, amount]) => found?.[kind]?.[name] === amount),
  );
}

const inPlace = "Pod InPlace Resize Container";

test(`${inPlace} burstable pods - extended 6 containers - various operations performed (including adding limits and requests)`, async (t) => {
  const [cpu, memory] = ["20m", "20Mi"];
  const both = { requests: { cpu, memory } };
  const six: readonly Resize[] = [
    { before: { requests: { cpu } }, after: { requests: { cpu: "25m" }, limits: { cpu: "35m" } } },
    { before: { requests: { memory } }, after: { requests: { memory: "25Mi" }, limits: { memory: "35Mi" } } },
    { before: both, after: { requests: { cpu, memory: "15Mi" } } },
    { before: { requests: { cpu } }, after: { requests: { cpu: "15m", memory } } },
    { before: { requests: { memory } }, after: { requests: { cpu, memory: "25Mi" } } },
    { before: both, after: { requests: { cpu: "25m", memory: "25Mi" } } },
  ];
  await resize("six", six, t.signal);
});

test(`${inPlace} burstable pods - extended resize with equivalents`, async (t) => {
  // What the kernel cannot tell from what was there is as good as done.
  const before = { requests: { cpu: "2m" }, limits: { cpu: "10m" } };
  await resize("equal", [{ before, after: { requests: { cpu: "1m" }, limits: { cpu: "5m" } } }], t.signal);
});

test(`${inPlace} resize pod via the replace endpoint`, async (t) => {
  const resources = { requests: { cpu: "20m", memory: "20Mi" } };
  await cluster.pod("replaced", { containers: [shell("c1", waits, { resources })] }, t.signal);
  await cluster.when("replaced", isReady, t.signal);
  const path = "/api/v1/namespaces/default/pods/replaced/resize";
  const wanted = { cpu: "30m", memory: "30Mi" };
  for (;;) {
    const pod = await cluster.kube.of(pods).get(ref("replaced"), t.signal);
    const [container] = pod.spec?.containers ?? [];
    const body = {
      ...pod,
      spec: { ...pod.spec, containers: [{ ...container, resources: { requests: wanted } }] },
    };
    try {
      await cluster.kube.requests.json({ method: "PUT", path, body }, t.signal);
      break;
    } catch (error) {
      if (!/the object has been modified/.test(String(error))) throw error;
    }
  }
  await cluster.when(
    "replaced",
    (pod) =>
      matches(statusOf(pod, "c1")?.resources, { requests: wanted }) && pod.status?.observedGeneration === 2,
    t.signal,
  );
  const [main, resized] = await Promise.all([
    cluster.raw("/api/v1/namespaces/default/pods/replaced", t.signal),
    cluster.raw(path, t.signal),
  ]);
  assert.deepEqual(JSON.parse(resized), JSON.parse(main));
});

test("RuntimeClass should schedule a Pod requesting a RuntimeClass without PodOverhead", async (t) => {
  const classOf = (name: string, handler: string) =>
    cluster.create(
      { apiVersion: "node.k8s.io/v1", kind: "RuntimeClass", metadata: { name }, handler },
      t.signal,
    );
  await Promise.all([classOf("own", "crun"), classOf("strange", "nothing")]);
  const spec = (runtimeClassName: string) => ({ runtimeClassName, containers: [shell("main", waits)] });
  const made = await cluster.pod("of-class", spec("own"), t.signal);
  assert.equal(made.spec?.overhead, undefined);
  const pod = await cluster.when("of-class", isReady, t.signal);
  assert.equal(pod.spec?.nodeName, cluster.nodeName);
  await cluster.pod("strange", spec("strange"), t.signal);
  const fieldSelector = "involvedObject.name=strange,reason=FailedCreatePodSandBox";
  const watch = await cluster.kube.of(events).watch({ namespace: "default", fieldSelector }, t.signal);
  for await (const { object } of watch) {
    assert.match(
      object.message ?? "",
      /^Failed to create pod sandbox: .*no runtime for "nothing" is configured$/,
    );
    break;
  }
});

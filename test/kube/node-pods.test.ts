import assert from "node:assert/strict";
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import type { IncomingMessage } from "node:http";
import https from "node:https";
import { join } from "node:path";
import { after, before, test } from "node:test";
import type { Container, Pod } from "#api/kube/types/core-pods.ts";
import type { Node } from "#api/kube/types/core.ts";
import { configMaps, pods } from "#client/kube/resources.ts";
import { connectSpdyCommand } from "../support/connect-command.ts";
import { NodeUnderTest } from "../support/node.ts";

let node: NodeUnderTest;
before(async () => {
  node = await NodeUnderTest.start();
});
after(() => node[Symbol.asyncDispose]());

const image = "test";

function shell(name: string, script: string, more: Partial<Container> = {}): Container {
  return { name, image, imagePullPolicy: "IfNotPresent", command: ["sh", "-c", script], ...more };
}

/** Ends at once when it is told to, as a good container does. */
const waits = "trap 'exit 0' TERM; sleep 1000 & wait";

/** What a container has said, as soon as it is that; else all it says until it ends or the test does. */
async function heard(path: string, wanted: RegExp, signal: AbortSignal): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
  const access = {
    ca: node.pki("ca.crt"),
    cert: node.pki("apiserver-kubelet-client.crt"),
    key: node.pki("apiserver-kubelet-client.key"),
  };
  const request = https.get(
    {
      ...access,
      host: "127.0.0.1",
      port: node.port,
      path: `/containerLogs/default/${path}?follow=true`,
      signal,
    },
    resolve,
  );
  request.on("error", reject);
  let text = "";
  for await (const chunk of await promise) {
    text += String(chunk);
    if (wanted.test(text)) break; // ends the connection
  }
  return text;
}

const isReady = (pod: Pod) => pod.status?.conditions?.find(({ type }) => type === "Ready")?.status === "True";

test("a node registers, and becomes ready", async (t) => {
  const isUp = ({ status }: Node) =>
    status?.conditions?.find(({ type }) => type === "Ready")?.status === "True";
  const found = await node.whenNode(isUp, t.signal);
  assert.equal(found.metadata.labels?.["kubernetes.io/os"], "linux");
  assert.equal(found.status?.capacity?.["pods"], "110");
});

test("a pod runs, says what it has to say, and goes without a trace", async (t) => {
  await node.create("simple", { containers: [shell("main", `echo hello; ${waits}`)] }, t.signal);
  const pod = await node.when("simple", isReady, t.signal);
  assert.equal(pod.status?.phase, "Running");
  assert.equal(pod.status?.qosClass, "BestEffort");
  assert.equal(await heard("simple/main", /hello\n/, t.signal), "hello\n");
  await node.delete("simple", t.signal);
});

test("init containers run one after the other, sidecars beside the others", async (t) => {
  const mounts = { volumeMounts: [{ name: "data", mountPath: "/data" }] };
  await node.create(
    "init",
    {
      volumes: [{ name: "data", emptyDir: {} }],
      initContainers: [
        shell("one", "echo one >> /data/log", mounts),
        shell("side", `echo side >> /data/log; ${waits}`, { ...mounts, restartPolicy: "Always" }),
        shell("two", "echo two >> /data/log", mounts),
      ],
      containers: [shell("main", `cat /data/log; ${waits}`, mounts)],
    },
    t.signal,
  );
  const pod = await node.when("init", isReady, t.signal);
  assert.deepEqual(
    pod.status?.initContainerStatuses?.map(({ name, ready, started }) => [name, ready, started]),
    [
      ["one", true, false],
      ["side", true, true],
      ["two", true, false],
    ],
  );
  assert.match(
    await heard("init/main", /(two[^]*side|side[^]*two)\n/, t.signal),
    /^one\n(side\ntwo|two\nside)\n$/,
  );
  await node.delete("init", t.signal);
});

test("a container's end shows in the pod's phase, with its last words", async (t) => {
  await node.create(
    "ends",
    {
      restartPolicy: "Never",
      containers: [shell("well", "exit 0"), shell("badly", "echo why > /dev/termination-log; exit 3")],
    },
    t.signal,
  );
  const pod = await node.when("ends", ({ status }) => status?.phase === "Failed", t.signal);
  const ended = pod.status?.containerStatuses?.find(({ name }) => name === "badly")?.state?.terminated;
  assert.equal(ended?.exitCode, 3);
  assert.equal(ended?.reason, "Error");
  assert.equal(ended?.message, "why\n");
  await node.delete("ends", t.signal);
});

test("a container that fails is started again, and then waits", async (t) => {
  await node.create("loops", { containers: [shell("main", "exit 1")] }, t.signal);
  const isLooping = (pod: Pod) =>
    pod.status?.containerStatuses?.[0]?.state?.waiting?.reason === "CrashLoopBackOff";
  const pod = await node.when("loops", isLooping, t.signal);
  const [status] = pod.status?.containerStatuses ?? [];
  assert.equal(status?.restartCount, 1);
  assert.match(
    status?.state?.waiting?.message ?? "",
    /^back-off 10s restarting failed container=main pod=loops_default\(/,
  );
  assert.equal(status?.lastState?.terminated?.exitCode, 1);
  await node.delete("loops", t.signal);
});

test("variables and files come from the pod, from ConfigMaps, and follow them", async (t) => {
  const made = {
    apiVersion: "v1",
    kind: "ConfigMap",
    metadata: { name: "settings", namespace: "default" },
    data: { a: "1" },
  } as const;
  await node.kube.of(configMaps).create(made, t.signal);
  await node.create(
    "reads",
    {
      volumes: [{ name: "settings", configMap: { name: "settings" } }],
      containers: [
        shell(
          "main",
          `echo $(NAME) $A; until test "$(cat /etc/settings/a)" = 2; do usleep 50000; done; echo new; touch /ready; ${waits}`,
          {
            env: [
              { name: "NAME", valueFrom: { fieldRef: { fieldPath: "metadata.name" } } },
              { name: "A", valueFrom: { configMapKeyRef: { name: "settings", key: "a" } } },
            ],
            volumeMounts: [{ name: "settings", mountPath: "/etc/settings" }],
            readinessProbe: { exec: { command: ["test", "-e", "/ready"] }, periodSeconds: 1 },
          },
        ),
      ],
    },
    t.signal,
  );
  await node.when("reads", ({ status }) => status?.containerStatuses?.[0]?.started === true, t.signal);
  await node.kube
    .of(configMaps)
    .patch({ namespace: "default", name: "settings" }, { data: { a: "2" } }, { type: "merge" }, t.signal);
  await node.when("reads", isReady, t.signal);
  assert.equal(await heard("reads/main", /new\n/, t.signal), "reads 1\nnew\n");
  await node.delete("reads", t.signal);
});

test("a container that its liveness probe finds dead is started again, one whose startup probe waits is not ready", async (t) => {
  const liveness = { exec: { command: ["test", "-e", "/alive"] }, periodSeconds: 1, failureThreshold: 1 };
  const startup = { tcpSocket: { port: 80 }, periodSeconds: 1, failureThreshold: 30 };
  const http = { httpGet: { path: "/index.html", port: 80 }, periodSeconds: 1 };
  await node.create(
    "probed",
    {
      containers: [
        shell("dies", `touch /alive; sleep 1; rm /alive; ${waits}`, { livenessProbe: liveness }),
        shell("serves", `mkdir /www; echo hi > /www/index.html; httpd -p 80 -h /www; ${waits}`, {
          startupProbe: startup,
          readinessProbe: http,
        }),
      ],
    },
    t.signal,
  );
  const find = (pod: Pod, name: string) => pod.status?.containerStatuses?.find((each) => each.name === name);
  const pod = await node.when(
    "probed",
    (each) => (find(each, "dies")?.restartCount ?? 0) > 0 && find(each, "serves")?.ready === true,
    t.signal,
  );
  assert.equal(find(pod, "serves")?.started, true);
  assert.equal(find(pod, "serves")?.restartCount, 0);
  await node.delete("probed", t.signal);
});

test("hooks run after the start and before the end, and the end is waited for", async (t) => {
  const folder = join(node.root, "hooks");
  mkdirSync(folder);
  const write = (word: string) => ({ exec: { command: ["sh", "-c", `echo ${word} >> /hooks/log`] } });
  await node.create(
    "hooked",
    {
      terminationGracePeriodSeconds: 20,
      volumes: [{ name: "hooks", hostPath: { path: folder, type: "Directory" } }],
      containers: [
        shell("main", "trap 'echo term >> /hooks/log; exit 0' TERM; sleep 1000 & wait", {
          lifecycle: { postStart: write("post"), preStop: write("pre") },
          volumeMounts: [{ name: "hooks", mountPath: "/hooks" }],
        }),
      ],
    },
    t.signal,
  );
  await node.when("hooked", isReady, t.signal);
  await node.delete("hooked", t.signal);
  assert.equal(readFileSync(join(folder, "log"), "utf8"), "post\npre\nterm\n");
});

test("a command is run by the runtime and its streams come through the agent", async (t) => {
  await node.create("runs", { containers: [shell("main", waits)] }, t.signal);
  await node.when("runs", isReady, t.signal);
  const url = new URL(
    `https://127.0.0.1:${node.port}/exec/default/runs/main?command=cat&input=1&output=1&error=1`,
  );
  const wanted = { stdin: true, stdout: true, stderr: true, tty: false };
  const access = {
    ca: node.pki("ca.crt"),
    cert: node.pki("apiserver-kubelet-client.crt"),
    key: node.pki("apiserver-kubelet-client.key"),
  };
  using command = await connectSpdyCommand(url, wanted, access, t.signal);
  command.stdin?.end("there and back\n");
  let text = "";
  for await (const chunk of command.stdout ?? []) text += String(chunk);
  assert.equal(text, "there and back\n");
  assert.equal((await command.status).status, "Success");
  await node.delete("runs", t.signal);
});

test("a container's limits change while it runs", async (t) => {
  const resources = (cpu: string, memory: string) => ({ requests: { cpu, memory }, limits: { cpu, memory } });
  const files = "/sys/fs/cgroup/memory/memory.limit_in_bytes /sys/fs/cgroup/memory.max";
  const container = shell(
    "main",
    `until cat ${files} 2>/dev/null | grep -q ^67108864; do usleep 50000; done; touch /done; ${waits}`,
    {
      resources: resources("100m", "32Mi"),
      readinessProbe: { exec: { command: ["test", "-e", "/done"] }, periodSeconds: 1 },
    },
  );
  await node.create("grows", { containers: [container] }, t.signal);
  await node.when("grows", ({ status }) => status?.phase === "Running", t.signal);
  const patch = { spec: { containers: [{ name: "main", resources: resources("200m", "64Mi") }] } };
  await node.kube
    .of(pods)
    .patch(
      { namespace: "default", name: "grows" },
      patch,
      { type: "strategic", subresource: "resize" },
      t.signal,
    );
  const grown = await node.when("grows", isReady, t.signal);
  assert.equal(grown.status?.containerStatuses?.[0]?.resources?.limits?.["memory"], "64Mi");
  assert.equal(grown.status?.containerStatuses?.[0]?.restartCount, 0);
  await node.delete("grows", t.signal);
});

test("a pod from a file runs, has a mirror in the API, and goes with its file", async (t) => {
  const file = join(node.root, "cluster/node/manifests/web.json");
  const pod = {
    kind: "Pod",
    metadata: { name: "web" },
    spec: { terminationGracePeriodSeconds: 1, containers: [shell("main", waits)] },
  };
  writeFileSync(file, JSON.stringify(pod));
  const mirror = await node.when("web-node-under-test", isReady, t.signal);
  await node.kube
    .of(pods)
    .delete({ namespace: "default", name: "web-node-under-test" }, { gracePeriodSeconds: 0 }, t.signal);
  const again = await node.when(
    "web-node-under-test",
    (each) => each.metadata.uid !== mirror.metadata.uid && isReady(each),
    t.signal,
  );
  assert.deepEqual(again.status?.containerStatuses, mirror.status?.containerStatuses);
  rmSync(file);
  await node.gone("web-node-under-test", t.signal);
});

test("an agent that begins again finds its pods, and ends those that were deleted meanwhile", async (t) => {
  await node.create("stays", { containers: [shell("main", waits)] }, t.signal);
  await node.create("goes", { containers: [shell("main", waits)] }, t.signal);
  const before = await node.when("stays", isReady, t.signal);
  await node.when("goes", isReady, t.signal);
  await node.stopAgent();
  const deleted = node.delete("goes", t.signal);
  await node.startAgent();
  await deleted;
  const now = await node.when("stays", isReady, t.signal);
  assert.deepEqual(now.status?.containerStatuses, before.status?.containerStatuses);
  await node.delete("stays", t.signal);
});

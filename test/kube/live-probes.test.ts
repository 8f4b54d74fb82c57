import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type Server, type Socket } from "node:net";
import { after, before, test } from "node:test";
import type { Container, Pod } from "#api/kube/types/core-pods.ts";
import { int, message } from "#base/protobuf.ts";
import { events } from "#client/kube/resources.ts";
import { serveGrpc } from "#rpc/grpc-server.ts";
import { LiveCluster, type PodSpec } from "../support/live-cluster.ts";
import { nodeAddress } from "../support/live-place.ts";
import { hasEnded, isReady, isRunning, shell, statusOf, waits } from "../support/pod-cases.ts";

// What conformance asks of probes, hooks, init containers and restarts, each test by its name there.

let cluster: LiveCluster;
let grpc: Server;
const asked: string[] = [];
const peers = new Set<Socket>();

/** Says that all is well, as a program behind a pod's port would. */
function serveHealth(): Server {
  const answer = message({ status: int(1) }).encode({ status: 1 });
  const check = async (call: { messages: AsyncIterable<Buffer>; send(bytes: Uint8Array): Promise<void> }) => {
    for await (const _request of call.messages) asked.push("health");
    await call.send(answer);
  };
  return createServer((socket) => {
    peers.add(socket);
    void serveGrpc(socket, new Map([["/grpc.health.v1.Health/Check", check]]), AbortSignal.timeout(60_000));
  });
}

before(async () => {
  cluster = await LiveCluster.start();
  grpc = serveHealth();
  grpc.listen(0, nodeAddress);
  await once(grpc, "listening");
  const signal = AbortSignal.timeout(20_000);
  await Promise.all(Object.entries(pods()).map(([name, spec]) => cluster.pod(name, spec, signal)));
});
after(async () => {
  for (const peer of peers) peer.destroy();
  grpc.close();
  await cluster[Symbol.asyncDispose]();
});

const often = { periodSeconds: 1, failureThreshold: 1 };
/** Ready once a probe has been answered so many times; the answers are lines of a file. */
const probed = (times = 3): Partial<Container> => ({
  readinessProbe: { exec: { command: ["sh", "-c", `test $(wc -l < /hits) -ge ${times}`] }, periodSeconds: 1 },
});
const web = (answer: string) =>
  [
    "mkdir -p /www/cgi-bin; touch /hits",
    `printf '#!/bin/sh\\necho "$QUERY_STRING" >> /hits\\n${answer}\\necho Content-Type: text/plain; echo; echo ok\\n' > /www/cgi-bin/healthz`,
    "chmod +x /www/cgi-bin/healthz; httpd -p 8080 -h /www",
    waits,
  ].join("\n");
const healthz = { path: "/cgi-bin/healthz", port: 8080 };
const main = (script: string, more: Partial<Container> = {}): PodSpec => ({
  containers: [shell("main", script, more)],
});
const counting = {
  volumes: [{ name: "v", emptyDir: {} }],
  mounts: { volumeMounts: [{ name: "v", mountPath: "/v" }] },
};
const ends = "echo x >> /v/f; n=$(wc -l < /v/f); [ $n -eq 1 ] && exit 1; [ $n -eq 2 ] && exit 0; sleep 1000";
const init = (restartPolicy: "Never" | "Always", second: string): PodSpec => ({
  restartPolicy,
  initContainers: [shell("init1", "true"), shell("init2", second)],
  containers: [shell("main", "true")],
});
const failsAlways = { exec: { command: ["sh", "-c", "echo >> /v/hits; false"] } };

/** All of them at once: what takes its time takes it beside the others. */
function pods(): Readonly<Record<string, PodSpec>> {
  const restarting = (restartPolicy: "Always" | "OnFailure" | "Never"): PodSpec => ({
    restartPolicy,
    volumes: counting.volumes,
    containers: [shell("main", ends, counting.mounts)],
  });
  const { port } = grpc.address() as { readonly port: number };
  return {
    "restart-always": restarting("Always"),
    "restart-failure": restarting("OnFailure"),
    "restart-never": restarting("Never"),
    "init-never": init("Never", "true"),
    "init-fails": init("Never", "false"),
    "init-again": {
      ...init("Always", "true"),
      initContainers: [shell("init1", "false"), shell("init2", "true")],
    },
    "http-well": main(web(""), { ...probed(), livenessProbe: { httpGet: healthz, ...often } }),
    "http-ill": main(web("[ $(wc -l < /hits) -gt 2 ] && echo Status: 500 Internal Server Error"), {
      livenessProbe: { httpGet: healthz, ...often, initialDelaySeconds: 1 },
    }),
    "exec-well": main(`echo ok > /tmp/health; ${waits}`, {
      ...probed(),
      livenessProbe: { exec: { command: ["sh", "-c", "echo >> /hits; cat /tmp/health"] }, ...often },
    }),
    "tcp-well": main(`nc -ll -p 8080 -e sh -c 'echo >> /hits' & ${waits}`, {
      ...probed(),
      livenessProbe: { tcpSocket: { port: 8080 }, periodSeconds: 1, initialDelaySeconds: 1 },
    }),
    "grpc-well": main(`nc -ll -p 5000 -e sh -c 'echo >> /hits; exec nc ${nodeAddress} ${port}' & ${waits}`, {
      ...probed(),
      livenessProbe: { grpc: { port: 5000 }, periodSeconds: 1, initialDelaySeconds: 1 },
    }),
    "grpc-ill": main(waits, { livenessProbe: { grpc: { port: 2333 }, ...often } }),
    again: main(waits, { livenessProbe: { exec: { command: ["false"] }, ...often } }),
    late: main(waits, {
      readinessProbe: { exec: { command: ["true"] }, initialDelaySeconds: 3, periodSeconds: 1 },
    }),
    never: {
      volumes: counting.volumes,
      containers: [
        shell("main", waits, { ...counting.mounts, readinessProbe: { ...failsAlways, periodSeconds: 1 } }),
        shell("counts", waits, {
          ...counting.mounts,
          readinessProbe: {
            exec: { command: ["sh", "-c", "test $(wc -l < /v/hits) -ge 3"] },
            periodSeconds: 1,
          },
        }),
      ],
    },
    handler: main(web("")),
  };
}

const restarts = (pod: Pod, name = "main") => statusOf(pod, name)?.restartCount ?? 0;

for (const [kind, pod] of [
  ["a /healthz http", "http-well"],
  ['a exec "cat /tmp/health"', "exec-well"],
  ["a tcp:8080", "tcp-well"],
  ["a GRPC", "grpc-well"],
] as const)
  test(`Probing container should not be restarted with ${kind} liveness probe`, async (t) => {
    const found = await cluster.when(pod, isReady, t.signal);
    assert.equal(restarts(found), 0);
    if (pod === "grpc-well") assert.ok(asked.length >= 3);
  });

for (const [kind, pod, told] of [
  ["a /healthz http", "http-ill", "Liveness probe failed: HTTP probe failed with statuscode: 500"],
  ["a GRPC", "grpc-ill", 'Liveness probe failed: timeout: failed to connect service "'],
] as const)
  test(`Probing container should be restarted with ${kind} liveness probe`, async (t) => {
    await cluster.when(pod, (each) => restarts(each) > 0, t.signal);
    const fieldSelector = `involvedObject.name=${pod},reason=Unhealthy`;
    const { items } = await cluster.kube.of(events).list({ namespace: "default", fieldSelector }, t.signal);
    assert.ok(
      items.some(({ message = "" }) => message.startsWith(told)),
      JSON.stringify(items.map((each) => each.message)),
    );
  });

test("Probing container with readiness probe should not be ready before initial delay and never restart", async (t) => {
  const pod = await cluster.when("late", isReady, t.signal);
  const begun = Date.parse(statusOf(pod, "main")?.state?.running?.startedAt ?? "");
  const ready = pod.status?.conditions?.find(({ type }) => type === "Ready")?.lastTransitionTime ?? "";
  assert.ok(Date.parse(ready) - begun >= 2000, `${ready} after ${new Date(begun).toISOString()}`); // both of whole seconds
  assert.equal(restarts(pod), 0);
});

test("Probing container with readiness probe that fails should never be ready and never restart", async (t) => {
  const pod = await cluster.when("never", (each) => statusOf(each, "counts")?.ready === true, t.signal);
  assert.equal(statusOf(pod, "main")?.ready, false);
  assert.equal(isReady(pod), false);
  assert.equal(restarts(pod), 0);
});

test("InitContainer should invoke init containers on a RestartNever pod", async (t) => {
  const pod = await cluster.when("init-never", hasEnded, t.signal);
  assert.equal(pod.status?.phase, "Succeeded");
  assert.equal(pod.status?.conditions?.find(({ type }) => type === "Initialized")?.status, "True");
  for (const name of ["init1", "init2"]) assert.equal(statusOf(pod, name)?.state?.terminated?.exitCode, 0);
});

test("InitContainer should not start app containers and fail the pod if init containers fail on a RestartNever pod", async (t) => {
  const pod = await cluster.when("init-fails", hasEnded, t.signal);
  assert.equal(pod.status?.phase, "Failed");
  assert.equal(statusOf(pod, "init2")?.state?.terminated?.exitCode, 1);
  assert.equal(statusOf(pod, "main")?.state?.waiting?.reason, "PodInitializing");
  const initialized = pod.status?.conditions?.find(({ type }) => type === "Initialized");
  assert.equal(initialized?.reason, "ContainersNotInitialized");
  assert.equal(initialized?.message, "containers with incomplete status: [init2]");
});

test("Container Lifecycle Hook when create a pod with lifecycle hook should execute poststart http hook properly", async (t) => {
  await hook("poststart", (httpGet) => ({ postStart: { httpGet } }), t.signal);
  await hits("msg=poststart", t.signal);
});

test("Container Lifecycle Hook when create a pod with lifecycle hook should execute prestop http hook properly", async (t) => {
  await hook("prestop", (httpGet) => ({ preStop: { httpGet } }), t.signal);
  await cluster.delete("prestop", t.signal);
  await hits("msg=prestop", t.signal);
});

type HttpGet = { readonly host: string; readonly port: number; readonly path: string };

async function hook(
  name: string,
  lifecycle: (httpGet: HttpGet) => NonNullable<Container["lifecycle"]>,
  signal: AbortSignal,
): Promise<void> {
  const { status } = await cluster.when("handler", isRunning, signal);
  await hits("", signal); // it listens
  const httpGet = { host: status?.podIP ?? "", port: 8080, path: `${healthz.path}?msg=${name}` };
  await cluster.pod(name, main(waits, { lifecycle: lifecycle(httpGet) }), signal);
  await cluster.when(name, isReady, signal);
}

async function hits(wanted: string, signal: AbortSignal): Promise<void> {
  const listens = "until wget -qO- localhost:8080/cgi-bin/healthz >/dev/null; do usleep 20000; done";
  await cluster.sh("handler", `${listens}; until grep -q '${wanted}' /hits; do usleep 20000; done`, signal);
}

test("Container Runtime blackbox test when starting a container that exits should run with the expected status", async (t) => {
  const never = await cluster.when("restart-never", hasEnded, t.signal);
  assert.deepEqual([never.status?.phase, restarts(never)], ["Failed", 0]);
  const failure = await cluster.when("restart-failure", hasEnded, t.signal);
  assert.deepEqual([failure.status?.phase, restarts(failure)], ["Succeeded", 1]);
  assert.equal(statusOf(failure, "main")?.ready, false);
  const always = await cluster.when("restart-always", (pod) => restarts(pod) === 2 && isReady(pod), t.signal);
  assert.ok(statusOf(always, "main")?.state?.running);
});

test("Probing container should have monotonically increasing restart count", async (t) => {
  const counts: number[] = [];
  const add = (pod: Pod) => {
    if (counts.at(-1) !== restarts(pod)) counts.push(restarts(pod));
    return counts.at(-1) === 2;
  };
  await cluster.when("again", add, t.signal);
  assert.deepEqual(
    counts,
    [...new Set(counts)].toSorted((a, b) => a - b),
  );
});

test("InitContainer should not start app containers if init containers fail on a RestartAlways pod", async (t) => {
  const pod = await cluster.when("init-again", (each) => restarts(each, "init1") >= 2, t.signal);
  assert.equal(pod.status?.phase, "Pending");
  assert.ok(statusOf(pod, "init2")?.state?.waiting);
  assert.ok(statusOf(pod, "main")?.state?.waiting);
  assert.equal(restarts(pod, "main"), 0);
});

import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import type { Transport } from "#client/transport.ts";
import { httpsTransport } from "#rpc/https-transport.ts";

/**
 * How fast the Kubernetes API is: from exec to /readyz, pod creates, gets, lists, and events to many watchers. Everything over
 * HTTP/2 and TLS, as the administrator, against a server of its own without a node.
 *
 * node bench/kube.ts [--pods 5000] [--watchers 1000] [--clients 64] [--nodes 5000] [--scheduled 3000]
 */
const { values } = parseArgs({
  options: {
    pods: { type: "string", default: "5000" },
    watchers: { type: "string", default: "1000" },
    clients: { type: "string", default: "64" },
    nodes: { type: "string", default: "5000" },
    scheduled: { type: "string", default: "3000" },
  },
});
const [podCount, watcherCount, clientCount] = [values.pods, values.watchers, values.clients].map(Number);
const [nodeCount, scheduledCount] = [values.nodes, values.scheduled].map(Number);
const folder = mkdtempSync(join(tmpdir(), "gantry-bench-"));
const root = join(folder, "root");
const gantry = join(import.meta.dirname, "../bin/gantry");
const { signal } = new AbortController();

interface Server extends AsyncDisposable {
  readonly port: number;
  readonly pid: number;
  readonly readyMs: number;
}

async function startServer(): Promise<Server> {
  const started = performance.now();
  const child = spawn(
    gantry,
    [
      "server",
      "--root",
      root,
      "--run",
      join(folder, "run"),
      "--disable-agent",
      "--kube-listen",
      "127.0.0.1:0",
    ],
    { stdio: ["ignore", "ignore", "pipe"] },
  );
  let log = "";
  for await (const chunk of child.stderr) {
    log += String(chunk);
    const line = log.split("\n").find((one) => one.includes("the cluster is served"));
    if (line === undefined) continue;
    const { port } = JSON.parse(line) as { readonly port: number };
    const readyMs = performance.now() - started;
    return {
      port,
      pid: child.pid ?? 0,
      readyMs,
      async [Symbol.asyncDispose]() {
        const gone = new Promise((resolve) => child.once("exit", resolve));
        child.kill("SIGTERM");
        await gone;
      },
    };
  }
  throw new Error(`the server did not start: ${log}`);
}

function connect(port: number) {
  const config = readFileSync(join(root, "kubeconfig"), "utf8");
  const dataOf = (name: string) =>
    Buffer.from(new RegExp(`${name}: (\\S+)`).exec(config)?.[1] ?? "", "base64").toString();
  return httpsTransport({
    host: "127.0.0.1",
    port,
    ca: dataOf("certificate-authority-data"),
    credentials: () => ({ cert: dataOf("client-certificate-data"), key: dataOf("client-key-data") }),
  });
}

const pods = "/api/v1/namespaces/default/pods";

function pod(name: string, schedulerName = "nobody"): Uint8Array {
  const container = {
    name: "main",
    image: "registry.example.com/team/app:v1.2.3",
    ports: [{ containerPort: 8080, name: "http" }],
    env: [
      { name: "A", value: "1" },
      { name: "POD", valueFrom: { fieldRef: { fieldPath: "metadata.name" } } },
    ],
    resources: { requests: { cpu: "100m", memory: "64Mi" }, limits: { memory: "128Mi" } },
    readinessProbe: { httpGet: { path: "/healthz", port: 8080 } },
    volumeMounts: [{ name: "data", mountPath: "/data" }],
  };
  const metadata = { name, labels: { app: "bench", tier: "web" } };
  // What nobody schedules measures the API alone.
  const spec = {
    schedulerName,
    containers: [container],
    volumes: [{ name: "data", emptyDir: {} }],
  };
  return Buffer.from(JSON.stringify({ apiVersion: "v1", kind: "Pod", metadata, spec }));
}

async function call(
  transport: Transport,
  method: "GET" | "POST",
  path: string,
  bytes?: Uint8Array,
): Promise<number> {
  const body = bytes === undefined ? {} : { body: { type: "application/json", bytes } };
  const answer = await transport.send({ method, path, ...body }, signal);
  let length = 0;
  const held: Uint8Array[] = [];
  for await (const chunk of answer.body) {
    length += chunk.length;
    if (answer.status >= 300) held.push(chunk);
  }
  if (answer.status >= 300) throw new Error(`${method} ${path}: ${Buffer.concat(held).toString()}`);
  return length;
}

async function spread(count: number, work: (index: number) => Promise<unknown>): Promise<number> {
  let next = 0;
  const started = performance.now();
  await Promise.all(
    Array.from({ length: clientCount ?? 1 }, async () => {
      while (next < count) await work(next++);
    }),
  );
  return count / ((performance.now() - started) / 1000);
}

function rssMb(pid: number): number {
  return Math.round(
    Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1] ?? 0) / 1024,
  );
}

/** Milliseconds of processor time. */
function cpuMs(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]?.split(" ") ?? [];
  return (Number(fields[11]) + Number(fields[12])) * 10;
}

async function fanOut(transport: Transport, watchers: number, events: number): Promise<number> {
  const stop = new AbortController();
  let seen = 0;
  const done = Promise.withResolvers<void>();
  const readers = Array.from({ length: watchers }, async () => {
    const path = `/api/v1/namespaces/default/configmaps?watch=true`;
    const answer = await transport.send({ method: "GET", path }, stop.signal);
    const reading = (async () => {
      for await (const chunk of answer.body) {
        for (const byte of chunk) if (byte === 10) seen++;
        if (seen >= watchers * events) done.resolve();
      }
    })().catch(() => undefined);
    return { reading };
  });
  const opened = await Promise.all(readers);
  const started = performance.now();
  for (let at = 0; at < events; at++) {
    const object = {
      apiVersion: "v1",
      kind: "ConfigMap",
      metadata: { name: `event-${at}` },
      data: { at: String(at) },
    };
    await call(
      transport,
      "POST",
      "/api/v1/namespaces/default/configmaps",
      Buffer.from(JSON.stringify(object)),
    );
  }
  await done.promise;
  const rate = (watchers * events) / ((performance.now() - started) / 1000);
  stop.abort();
  await Promise.all(opened.map(({ reading }) => reading));
  return rate;
}

/** Pods that get one of many nodes, from the first creation until the last one is seen to have it, in pods a second. */
async function schedule(transport: Transport, nodes: number, count: number): Promise<number> {
  await spread(nodes, async (at) => {
    const metadata = { name: `node-${at}`, labels: { "topology.kubernetes.io/zone": `zone-${at % 3}` } };
    const allocatable = { cpu: "16", memory: "64Gi", pods: "110" };
    const conditions = [{ type: "Ready", status: "True", lastHeartbeatTime: new Date().toISOString() }];
    const node = {
      apiVersion: "v1",
      kind: "Node",
      metadata,
      status: { allocatable, capacity: allocatable, conditions },
    };
    await call(transport, "POST", "/api/v1/nodes", Buffer.from(JSON.stringify(node)));
  });
  const stop = new AbortController();
  const path = `${pods}?watch=true&fieldSelector=spec.schedulerName%3Ddefault-scheduler,spec.nodeName!%3D`;
  const answer = await transport.send({ method: "GET", path }, stop.signal);
  const started = performance.now();
  const creating = spread(count, (at) => call(transport, "POST", pods, pod(`s-${at}`, "default-scheduler")));
  let seen = 0;
  for await (const chunk of answer.body) {
    for (const byte of chunk) if (byte === 10) seen++;
    if (seen >= count) break;
  }
  const rate = count / ((performance.now() - started) / 1000);
  stop.abort();
  await creating;
  return rate;
}

async function measure(): Promise<void> {
  const say = (what: string, value: number, unit: string) =>
    console.log(`${what.padEnd(42)} ${value.toFixed(value < 10 ? 1 : 0).padStart(9)} ${unit}`);
  {
    await using cold = await startServer();
    say("exec to ready, keys and roles made", cold.readyMs, "ms");
  }
  await using server = await startServer();
  say("exec to ready, warm", server.readyMs, "ms");
  say("memory when idle", rssMb(server.pid), "MB");
  const count = podCount ?? 0;
  await using transport = connect(server.port);
  await spread(200, (at) => call(transport, "POST", pods, pod(`warm-${at}`)));
  const before = cpuMs(server.pid);
  say(
    `pod creates, ${clientCount} at a time`,
    await spread(count, (at) => call(transport, "POST", pods, pod(`p-${at}`))),
    "/s",
  );
  say("  of the server's processor for each", (cpuMs(server.pid) - before) / count, "ms");
  say("gets", await spread(count, (at) => call(transport, "GET", `${pods}/p-${at}`)), "/s");
  const started = performance.now();
  const bytes = await call(transport, "GET", pods);
  say(`a list of ${count} pods`, performance.now() - started, "ms");
  say("  its size", bytes / 1024, "KiB");
  say("lists of 500", await spread(50, () => call(transport, "GET", `${pods}?limit=500`)), "/s");
  say(`events to ${watcherCount} watchers`, await fanOut(transport, watcherCount ?? 1, 100), "/s");
  say(`memory with ${count} pods`, rssMb(server.pid), "MB");
  const [nodes, scheduled] = [nodeCount ?? 0, scheduledCount ?? 0];
  const from = cpuMs(server.pid);
  say(`pods created and scheduled on ${nodes} nodes`, await schedule(transport, nodes, scheduled), "/s");
  say("  of the server's processor for each, nodes too", (cpuMs(server.pid) - from) / scheduled, "ms");
}

try {
  await measure();
} finally {
  rmSync(folder, { recursive: true, force: true });
}
process.exit(0);

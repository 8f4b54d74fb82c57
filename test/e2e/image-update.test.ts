import assert from "node:assert/strict";
import { type ChildProcess, execFile } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer, request, type Server } from "node:http";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, beforeEach, test } from "node:test";
import { loadBusybox } from "../support/busybox-image.ts";
import { checkout, EngineUnderTest } from "../support/engine.ts";

const folder = mkdtempSync(join(tmpdir(), "gantry-update-"));
const proxySocket = join(folder, "proxy.sock");
const reference = "acme/app:1";
let engine: EngineUnderTest;
let proxy: Server;
let running: ChildProcess | undefined;
/** How many changes go through before the program is killed, and whether the next one still reaches the engine. */
let killAt = Infinity;
let passesLast = false;
let changes = 0;

/** Between program and engine: ends the program at a change of its. */
function startProxy(): Server {
  const server = createServer((asked, answer) => {
    const isChange =
      /^(POST|DELETE)$/.test(asked.method ?? "") && asked.url?.includes("/containers/") === true;
    const isLast = isChange && ++changes === killAt;
    if (isLast) running?.kill("SIGKILL");
    if (isLast && !passesLast) return void asked.destroy();
    const forwarded = request(
      { socketPath: engine.socket, method: asked.method, path: asked.url, headers: asked.headers },
      (got) => {
        answer.writeHead(got.statusCode ?? 500, got.headers);
        got.pipe(answer);
        got.on("error", () => answer.destroy());
      },
    );
    forwarded.on("error", () => answer.destroy());
    answer.on("close", () => void (answer.writableFinished || forwarded.destroy()));
    asked.pipe(forwarded);
  });
  server.on("upgrade", (_asked, socket: Socket) => socket.pipe(connect(engine.socket)).pipe(socket));
  return server.listen(proxySocket);
}

function update(...args: readonly string[]): Promise<{ readonly code: number | null; readonly out: string }> {
  const { promise, resolve } = Promise.withResolvers<{
    readonly code: number | null;
    readonly out: string;
  }>();
  const env = { ...process.env, DOCKER_HOST: `unix://${proxySocket}`, GANTRY_ROOT: folder };
  const words = ["image", "update", "--no-pull", "--wait", "200ms", "--health-timeout", "20s", ...args];
  const child = execFile(join(checkout, "bin/gantry"), words, { env }, (error, out, err) =>
    resolve({
      code: error === null ? 0 : typeof error.code === "number" ? error.code : null,
      out: out + err,
    }),
  );
  running = child;
  return promise;
}

interface Inspected {
  readonly Id: string;
  readonly Image: string;
  readonly Config: {
    readonly Env: readonly string[];
    readonly Cmd: readonly string[];
    readonly Labels: object;
  };
  readonly State: { readonly Running: boolean; readonly Health?: { readonly Status: string } };
  readonly Mounts: readonly { readonly Name?: string; readonly Destination: string }[];
  readonly HostConfig: object;
}

async function inspect(name: string): Promise<Inspected> {
  const answer = await engine.api("GET", `/containers/${name}/json`);
  assert.equal(answer.status, 200, answer.body);
  return answer.json as Inspected;
}

const names = async () =>
  (
    (await engine.api("GET", "/containers/json?all=1")).json as readonly {
      readonly Names: readonly string[];
    }[]
  )
    .flatMap(({ Names }) => Names)
    .toSorted();

const imageId = async () =>
  ((await engine.api("GET", `/images/${reference}/json`)).json as { readonly Id: string }).Id;

async function run(name: string, body: object): Promise<Inspected> {
  const made = await engine.api("POST", `/containers/create?name=${name}`, { Image: reference, ...body });
  assert.equal(made.status, 201, made.body);
  assert.equal((await engine.api("POST", `/containers/${name}/start`)).status, 204);
  return await inspect(name);
}

/** A build of the image with another default. */
const publish = (build: string, config: object = {}) =>
  loadBusybox(engine, reference, {
    Env: ["PATH=/bin", `BUILD=${build}`],
    Cmd: ["sh", "-c", "trap exit TERM; while :; do sleep 0.1 & wait $!; done"],
    Labels: { build },
    Volumes: { "/data": {} },
    ...config,
  });

before(async () => {
  engine = await EngineUnderTest.start("10.237.0.1/16");
  proxy = startProxy();
});
beforeEach(async () => {
  killAt = Infinity;
  for (const name of await names()) await engine.api("DELETE", `/containers${name}?force=1&v=1`);
  await publish("1");
});
after(async () => {
  for (const name of await names()) await engine.api("DELETE", `/containers${name}?force=1&v=1`);
  proxy.closeAllConnections();
  await new Promise((resolve) => proxy.close(resolve));
  await engine[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true });
});

test("image update: a container of the new image with the same settings takes the old one's place", async () => {
  const old = await run("web", {
    Env: ["OWN=yes"],
    Labels: { mine: "1" },
    HostConfig: { Memory: 64 << 20, RestartPolicy: { Name: "on-failure", MaximumRetryCount: 3 } },
  });
  await publish("2");
  const { code, out } = await update(reference);
  assert.equal(code, 0, out);
  const fresh = await inspect("web");
  assert.equal(fresh.Image, await imageId());
  assert.notEqual(fresh.Id, old.Id);
  assert.equal(fresh.State.Running, true);
  assert.deepEqual(fresh.Config.Env.toSorted(), ["BUILD=2", "OWN=yes", "PATH=/bin"]);
  assert.deepEqual(fresh.Config.Labels, { build: "2", mine: "1" });
  assert.deepEqual(
    fresh.Mounts.map(({ Name }) => Name),
    old.Mounts.map(({ Name }) => Name),
  );
  assert.deepEqual({ ...fresh.HostConfig, Binds: null }, { ...old.HostConfig, Binds: null });
  assert.deepEqual(await names(), ["/web"]);
  assert.match((await update(reference)).out, /up to date/);
  assert.equal((await inspect("web")).Id, fresh.Id);
});

test("image update: what ends, or is unhealthy, is taken back", async () => {
  const old = await run("web", {});
  await publish("2", { Cmd: ["false"] });
  const ended = await update(reference);
  assert.equal(ended.code, 1);
  assert.match(ended.out, /rolled back: .*ended with 1/);
  await publish("3", {
    Healthcheck: { Test: ["CMD", "false"], Interval: 20_000_000, Retries: 2, Timeout: 5e9 },
  });
  const unhealthy = await update(reference);
  assert.match(unhealthy.out, /rolled back: .*unhealthy/);
  const now = await inspect("web");
  assert.deepEqual([now.Id, now.State.Running], [old.Id, true]);
  assert.deepEqual(await names(), ["/web"]);
});

test("image update: a second one waits for nobody and changes nothing", async () => {
  await run("web", {});
  await publish("2");
  const outcomes = await Promise.all([update("--wait", "3s", reference), update("--wait", "3s", reference)]);
  assert.deepEqual(new Set(outcomes.map(({ code }) => code)), new Set([0, 1]));
  assert.match(outcomes.map(({ out }) => out).join(), /another image update of this daemon is running/);
  assert.equal((await inspect("web")).Image, await imageId());
});

test("image update: a health check that passes lets the new one in", async () => {
  await run("web", {});
  await publish("2", {
    Healthcheck: { Test: ["CMD", "true"], Interval: 20_000_000, Retries: 2, Timeout: 5e9 },
  });
  const { code, out } = await update("--all");
  assert.equal(code, 0, out);
  const { Image, State } = await inspect("web");
  assert.deepEqual([Image, State.Health?.Status], [await imageId(), "healthy"]);
});

test("image update: what would be lost, or break others, stays as it is", async () => {
  await run("once", { HostConfig: { AutoRemove: true } });
  await run("web", {});
  await run("sidecar", { Image: await imageId(), HostConfig: { NetworkMode: "container:web" } });
  await publish("2");
  const { code, out } = await update(reference);
  assert.equal(code, 1);
  assert.match(out, /once: not updated: it was started with --rm/);
  assert.match(out, /web: not updated: sidecar lives in its namespaces/);
  assert.deepEqual(await names(), ["/once", "/sidecar", "/web"]);
});

/** @returns whether it got to its end */
async function killedAt(change: number, passes: boolean): Promise<boolean> {
  for (const name of await names()) await engine.api("DELETE", `/containers${name}?force=1&v=1`);
  await publish("1");
  const old = await run("web", {});
  await publish(`2.${change}`);
  [changes, killAt, passesLast] = [0, change, passes];
  const isWhole = (await update(reference)).code === 0;
  killAt = Infinity;
  const { code, out } = await update(reference);
  assert.equal(code, 0, `${change}: ${out}`);
  const { Image, State, Mounts } = await inspect("web");
  assert.deepEqual([Image, State.Running], [await imageId(), true], `${change}: ${out}`);
  assert.deepEqual(
    Mounts.map(({ Name }) => Name),
    old.Mounts.map(({ Name }) => Name),
  );
  assert.deepEqual(await names(), ["/web"], String(change));
  return isWhole;
}

test("image update: killed before any change, or right after the last ones, it is finished or taken back", async () => {
  let count = 1;
  while (!(await killedAt(count, false))) count++;
  assert.ok(count > 6);
  for (const change of [count - 2, count - 1]) await killedAt(change, true);
});

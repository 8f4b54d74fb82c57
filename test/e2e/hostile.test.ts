import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { Agent } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { after, before, test } from "node:test";
import fc from "fast-check";
import { openFakeEngine } from "#engine/docker-api/fake-engine.ts";
import { attempts, send } from "#engine/docker-api/hostile-requests.fixture.ts";
import { dockerRoutes } from "#engine/docker-api/routes.ts";
import {
  configOf,
  digestOfBytes,
  dockerArchive,
  layerOf,
  ociImage,
  ociLayout,
  ociManifestType,
  tarOf,
} from "#engine/images/archives.fixture.ts";
import { loadBusybox } from "../support/busybox-image.ts";
import { EngineUnderTest } from "../support/engine.ts";

// Requests that are wrong in thousands of ways, to a real daemon: it answers each as a mistake of the client's, stays alive,
// touches nothing but its own folders and finds nothing to complain of in its log.

let engine: EngineUnderTest;
let agent: Agent;
/** A folder of the host that archives and requests point at. */
let victim: string;
let hostBefore: readonly string[];
let requests = 0;

before(async () => {
  victim = mkdtempSync(join(tmpdir(), "gantry-victim-"));
  writeFileSync(join(victim, "secret"), "secret");
  engine = await EngineUnderTest.start("10.224.0.1/16");
  await loadBusybox(engine);
  agent = new Agent({ keepAlive: true, maxSockets: 8 });
  hostBefore = hostFolders();
});
after(async () => {
  agent.destroy();
  try {
    await loadBusybox(engine); // which a request may have removed
    assert.equal((await engine.docker("run", "--rm", "test", "echo", "alive")).stdout, "alive\n");
    assert.deepEqual(hostFolders(), hostBefore);
    assert.deepEqual(readdirSync(victim), ["secret"]);
    assert.equal(readFileSync(join(victim, "secret"), "utf8"), "secret");
    const complaints = engine.log.split("\n").filter((line) => line.includes('"level":"error"'));
    assert.deepEqual(complaints, []);
    assert.ok(requests >= 1500, `only ${requests} requests`);
  } finally {
    await removeNetworks();
    await engine[Symbol.asyncDispose]();
    rmSync(victim, { recursive: true });
  }
});

/** Where something that got out would most likely turn up. */
function hostFolders(): readonly string[] {
  return ["/", "/etc", "/var", "/var/lib", "/usr", "/root", "/home", "/opt", "/srv"].flatMap((folder) =>
    readdirSync(folder).map((name) => join(folder, name)),
  );
}

async function removeNetworks(): Promise<void> {
  const { json } = await engine.api("GET", "/containers/json?all=1");
  for (const { Id } of json as { Id: string }[]) await engine.api("DELETE", `/containers/${Id}?force=1`);
  await engine.api("POST", "/networks/prune");
}

/** There is no registry here, and that is no fault of whoever asks for one. */
const asksRegistry = /\/(auth|distribution\/|images\/create|images\/search|images\/.*\/push)/;

function assertNoFailure(status: number, what: string): void {
  requests++;
  const isFine = status < 500 || status === 501 || status === 503;
  assert.ok(isFine || (status === 500 && asksRegistry.test(what)), `${status} for ${what}`);
}

const junk = fc.oneof(
  fc.jsonValue({ maxDepth: 2 }),
  fc.constantFrom<unknown>(
    "",
    -1,
    1e30,
    "a\0b",
    "../..",
    "x".repeat(5000),
    [[]],
    { a: null },
    [null],
    "\ud800",
  ),
);

/** Right about half of the time. */
function mostly(...good: readonly unknown[]): fc.Arbitrary<unknown> {
  return fc.oneof({ weight: 4, arbitrary: fc.constantFrom(...good) }, { weight: 1, arbitrary: junk });
}

/** A few of the members, so that one that is wrong does not hide the others. */
function some(
  members: Readonly<Record<string, fc.Arbitrary<unknown>>>,
): fc.Arbitrary<Record<string, unknown>> {
  return fc
    .subarray(Object.keys(members), { maxLength: 3 })
    .chain((names) => fc.record(Object.fromEntries(names.map((name) => [name, members[name] ?? junk]))));
}

const hostConfig = some({
  Memory: mostly(0, 67108864, 1, -1),
  MemorySwap: mostly(0, -1),
  NanoCpus: mostly(0, 1e9),
  CpuShares: mostly(0, 512),
  CpusetCpus: mostly("", "0", "0-9999", "x"),
  PidsLimit: mostly(null, 100, -1),
  NetworkMode: mostly("bridge", "none", "container:nope", "nope"),
  IpcMode: mostly("private", "shareable", "none", "container:x"),
  PidMode: mostly("", "container:x"),
  CapAdd: mostly(null, ["NET_ADMIN"], ["NOPE"], ["ALL"]),
  CapDrop: mostly(null, ["ALL"]),
  SecurityOpt: mostly(null, ["no-new-privileges"], ["seccomp={}"], ["seccomp=unconfined"], ["x=y"]),
  Ulimits: mostly(null, [{ Name: "nofile", Soft: 10, Hard: 20 }], [{ Name: "x", Soft: 2, Hard: 1 }]),
  Tmpfs: mostly(null, { "/tmp": "" }, { "/x": "size=1k,bad" }, { "../x": "" }),
  PortBindings: mostly(
    null,
    { "80/tcp": [{ HostPort: "" }] },
    { "x/y": [] },
    { "80/tcp": [{ HostPort: "99999" }] },
  ),
  RestartPolicy: mostly({ Name: "no" }, { Name: "always", MaximumRetryCount: 1 }),
  LogConfig: mostly({ Type: "json-file", Config: {} }, { Type: "none" }, { Type: "x" }),
  Sysctls: mostly(null, { "net.ipv4.ip_forward": "1" }, { "kernel.core_pattern": "|/x" }),
  ShmSize: mostly(0, 1048576, -5),
  Devices: mostly(null, [{ PathOnHost: "/nope", PathInContainer: "/dev/x", CgroupPermissions: "rwm" }]),
  Mounts: mostly(null, [{ Type: "tmpfs", Target: "/m" }], [{ Type: "bind", Source: "/nope", Target: "/m" }]),
  ExtraHosts: mostly(null, ["a:1.2.3.4"], ["a"]),
  Dns: mostly(null, ["1.1.1.1"], ["x"]),
  CgroupParent: mostly("", "../../x"),
  OomScoreAdj: mostly(0, 1000, 5000),
  ReadonlyRootfs: mostly(false, true),
  Annotations: mostly(null, { "run.oci.handler": "x" }),
  Runtime: mostly("", "nope"),
  GroupAdd: mostly(null, ["1"], ["nope"]),
});

const required = fc.record({
  Image: fc.oneof(
    { weight: 19, arbitrary: fc.constantFrom<unknown>("test", "test:latest") },
    { weight: 1, arbitrary: junk },
  ),
  Cmd: mostly(["true"], "true", ["nope"], ["true", "x"]),
  HostConfig: fc.oneof({ weight: 19, arbitrary: hostConfig }, { weight: 1, arbitrary: junk }),
});

const optional = some({
  Entrypoint: mostly(null, [""], ["/bin/sh", "-c"]),
  Env: mostly(["A=b"], ["A"], ["=x"], null),
  User: mostly("", "0:0", "nobody", "nope", "99999999999"),
  WorkingDir: mostly("", "/tmp", "relative", "/proc/self/fd/7"),
  Hostname: mostly("", "host", "x".repeat(300), "a b"),
  Labels: mostly({}, { a: "b" }),
  Volumes: mostly(null, {}, { "/v": {} }, { "/../../v": {} }),
  ExposedPorts: mostly({}, { "80/tcp": {} }, { "0/x": {} }),
  StopSignal: mostly("SIGTERM", "SIGNOPE", "99"),
  StopTimeout: mostly(null, 1, -1),
  Tty: mostly(false, true),
  OpenStdin: mostly(false, true),
  Healthcheck: mostly(null, { Test: ["NONE"] }, { Test: ["CMD", "x"], Interval: 1 }),
  NetworkingConfig: mostly(null, { EndpointsConfig: { bridge: {} } }, { EndpointsConfig: { nope: {} } }),
});

const createBody = fc.tuple(required, optional).map(([first, rest]) => ({ ...rest, ...first }));

test("create, start and remove with bodies that are right in most of their members", async () => {
  const seen = new Set<number>();
  await fc.assert(
    fc.asyncProperty(fc.array(createBody, { minLength: 8, maxLength: 8 }), async (bodies) => {
      await Promise.all(bodies.map((body) => live(body, seen)));
    }),
    { numRuns: 60, endOnFailure: true },
  );
  for (const status of [201, 400]) assert.ok(seen.has(status), `no ${status} among the answers`);
});

async function live(body: object, seen: Set<number>): Promise<void> {
  const text = JSON.stringify(body);
  const created = await engine.api("POST", "/containers/create", body);
  assertNoFailure(created.status, `create ${text}`);
  seen.add(created.status);
  if (created.status !== 201) return;
  const { Id } = created.json as { Id: string };
  const started = await engine.api("POST", `/containers/${Id}/start`);
  assertNoFailure(started.status, `start ${text}: ${started.body}`);
  assertNoFailure((await engine.api("GET", `/containers/${Id}/json`)).status, "inspect");
  const removed = await engine.api("DELETE", `/containers/${Id}?force=1&v=1`);
  assert.ok([204, 404, 409].includes(removed.status), removed.body);
}

function layers(): readonly Buffer[] {
  const hostile = tarOf(
    { path: `../../../../../..${victim}/up`, content: "x" },
    { path: `${victim}/absolute`, content: "x" },
    { path: "link", linkTo: victim },
    { path: "link/through", content: "x" },
    { path: ".wh...", content: "" },
  );
  return [layerOf("a"), layerOf("b", "more"), hostile];
}

function seeds(): readonly Buffer[] {
  const parts = layers();
  const { manifest, blobs } = ociImage(parts.slice(0, 2));
  const descriptor = { mediaType: ociManifestType, digest: digestOfBytes(manifest), size: manifest.length };
  return [
    dockerArchive([{ layers: parts.slice(0, 2), tags: ["seed:1"] }]),
    dockerArchive([{ layers: parts, tags: ["seed:2"] }]),
    ociLayout([descriptor], blobs),
  ];
}

const manifestBody = fc.array(
  fc.record(
    {
      Config: mostly("config.json", "../config.json", "layer.tar"),
      RepoTags: mostly(["seed:3"], null, ["Bad Name"], [""]),
      Layers: mostly(["layer.tar"], ["/etc/passwd"], [], ["layer.tar", "layer.tar"]),
    },
    { requiredKeys: [] },
  ),
  { maxLength: 2 },
);

/** Sound archives with a byte changed, cut, joined, or with a manifest or a config of their own. */
function archives(): fc.Arbitrary<Buffer> {
  const seed = fc.constantFrom(...seeds());
  const layer = layerOf("a");
  return fc.oneof(
    fc
      .tuple(seed, fc.nat(), fc.nat(255))
      .map(([bytes, at, byte]) => Buffer.from(bytes).fill(byte, at % bytes.length, (at % bytes.length) + 1)),
    fc.tuple(seed, fc.nat()).map(([bytes, at]) => bytes.subarray(0, at % bytes.length)),
    fc.tuple(seed, seed, fc.nat()).map(([a, b, at]) => Buffer.concat([a.subarray(0, at % a.length), b])),
    fc.uint8Array({ maxLength: 2000 }).map((bytes) => Buffer.from(bytes)),
    fc
      .tuple(manifestBody, fc.oneof(fc.constant(configOf([layer])), fc.json()))
      .map(([manifest, config]) =>
        tarOf(
          { path: "layer.tar", content: layer },
          { path: "config.json", content: config },
          { path: "manifest.json", content: JSON.stringify(manifest) },
        ),
      ),
    seed,
  );
}

test("load and import with archives that are broken, lie or point outside", async () => {
  const answers = new Set<string>();
  await fc.assert(
    fc.asyncProperty(
      fc.array(archives(), { minLength: 4, maxLength: 4 }),
      fc.boolean(),
      async (batch, isLoad) => {
        const path = isLoad ? "/images/load" : "/images/create?fromSrc=-";
        await Promise.all(
          batch.map(async (bytes) => {
            const { status, body } = await engine.upload("POST", path, Readable.from([bytes]));
            assertNoFailure(status, `${path}: ${body}`);
            answers.add(body.includes("error") || status >= 400 ? "refused" : "taken");
          }),
        );
      },
    ),
    { numRuns: 45, endOnFailure: true },
  );
  assert.deepEqual([...answers].sort(), ["refused", "taken"]);
});

test("docker cp with archives that are broken or point outside", async () => {
  await engine.docker("create", "--name", "copied", "test", "true");
  await fc.assert(
    fc.asyncProperty(
      archives(),
      fc.constantFrom("/", "/tmp", "/nope", "/etc/passwd", "../.."),
      async (bytes, path) => {
        const url = `/containers/copied/archive?path=${encodeURIComponent(path)}`;
        const { status, body } = await engine.upload("PUT", url, Readable.from([bytes]));
        assertNoFailure(status, `${path}: ${body}`);
      },
    ),
    { numRuns: 25, endOnFailure: true },
  );
});

test("any route with names, parameters, bodies and headers that are right about half of the time", async () => {
  await using fake = await openFakeEngine();
  const routes = dockerRoutes(fake.deps);
  await engine.docker("run", "-d", "--name", "one", "test", "sleep", "1000");
  await fc.assert(
    fc.asyncProperty(
      fc.array(attempts(routes, ["one", "test"]), { minLength: 24, maxLength: 24 }),
      async (batch) => {
        const answers = await Promise.all(batch.map((attempt) => send(agent, engine.socket, attempt)));
        for (const { status, url } of answers) assertNoFailure(status, url);
      },
    ),
    { numRuns: 70, endOnFailure: true },
  );
});

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { createReadStream, mkdtempSync, readdirSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { EngineUnderTest } from "../support/engine.ts";
import { Door, makeLayeredArchive, RegistryUnderTest } from "../support/registry.ts";

/** What ends in the middle. */
const victims = ["connection", "registry", "engine"] as const;
type Victim = (typeof victims)[number];

const layerBytes = [300_000, 200_000, 1000, 500_000];
const wholeBytes = layerBytes.reduce((sum, bytes) => sum + bytes, 0);
/** What else passes: heads, documents, the rest of archives. */
const otherBytes = 60_000;

interface Stage {
  readonly registry: RegistryUnderTest;
  readonly door: Door;
  readonly engine: EngineUnderTest;
  /** Of the image, as its registry is reached through the door. */
  readonly name: string;
  readonly id: string;
  /** Of the image's whole tree. */
  readonly treeDigest: string;
}

async function withStage(run: (stage: Stage) => Promise<void>): Promise<void> {
  await using registry = await RegistryUnderTest.start();
  await using door = await Door.open(registry.port);
  await using engine = await EngineUnderTest.start();
  const name = `localhost:${door.port}/ended:1`;
  await load(engine, name);
  const id = await engine.dockerOk("inspect", "-f", "{{.Id}}", name);
  await run({ registry, door, engine, name, id, treeDigest: await treeOf(engine, name) });
}

/** With plain layers: what is pushed is compressed on its way. */
async function load(engine: EngineUnderTest, reference: string): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "gantry-layers-"));
  try {
    const archive = makeLayeredArchive(folder, reference, layerBytes, true);
    assert.match(
      (await engine.upload("POST", "/images/load", createReadStream(archive))).body,
      /Loaded image/,
    );
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** The digest of what a container of the image has: the file of each layer, with owner, mode and times. */
async function treeOf(engine: EngineUnderTest, name: string): Promise<string> {
  const container = await engine.dockerOk("create", name);
  const hash = createHash("sha256");
  for (const index of layerBytes.keys()) {
    const { status, body } = await engine.api(
      "GET",
      `/containers/${container}/archive?path=/random-${index}`,
    );
    assert.equal(status, 200);
    hash.update(body);
  }
  await engine.dockerOk("rm", container);
  return hash.digest("hex");
}

/** Runs a command that its victim does not survive; returns whether it succeeded nevertheless. */
async function endedIn(
  stage: Stage,
  victim: Victim,
  bytes: number,
  args: readonly string[],
): Promise<boolean> {
  const { door, engine, registry } = stage;
  [door.received, door.sent] = [0, 0];
  door.holdsAfter = bytes;
  const held = new Promise<void>((resolve) => {
    door.onHold = resolve;
  });
  const work = engine.docker(...args);
  const isHeld = await Promise.race([held.then(() => true), work.then(() => false)]);
  if (isHeld && victim === "engine") await engine.stop("SIGKILL");
  if (isHeld && victim === "registry") await registry.kill();
  door.holdsAfter = Number.POSITIVE_INFINITY;
  door.onHold = () => {};
  if (isHeld) door.slam();
  if (isHeld && victim === "registry") await registry.up();
  const { code } = await work;
  if (isHeld && victim === "engine") await engine.up();
  return code === 0;
}

/** An image is there whole or not at all. */
async function assertWholeOrAbsent({ engine, name, id, treeDigest }: Stage): Promise<void> {
  const images = await engine.dockerOk("images", "-q", "--no-trunc");
  if (images === "") return;
  assert.equal(images, id);
  assert.equal(await treeOf(engine, name), treeDigest);
}

/** Nothing but the image's layers, and nothing that only came halfway. */
function assertNothingElse({ engine }: Stage): void {
  assert.equal(readdirSync(join(engine.root, "snapshots")).length, layerBytes.length + 1);
  assert.deepEqual(readdirSync(join(engine.root, "partial")), []);
  assert.deepEqual(readdirSync(join(engine.root, "ingest")), []);
}

function partialBytes({ engine }: Stage): number {
  const folder = join(engine.root, "partial");
  return readdirSync(folder).reduce((sum, file) => sum + statSync(join(folder, file)).size, 0);
}

async function pullRound(stage: Stage, victim: Victim, bytes: number): Promise<boolean> {
  const { door, engine, name, id, treeDigest } = stage;
  await engine.dockerOk("rmi", "-f", id);
  const isDone = await endedIn(stage, victim, bytes, ["pull", name]);
  await assertWholeOrAbsent(stage);
  const kept = isDone ? wholeBytes : partialBytes(stage);
  door.received = 0;
  await engine.dockerOk("pull", name);
  assert.ok(
    door.received <= wholeBytes + otherBytes - kept,
    `${door.received} bytes came anew, ${kept} had been kept`,
  );
  assert.equal(await engine.dockerOk("images", "-q", "--no-trunc"), id);
  assert.equal(await treeOf(engine, name), treeDigest);
  assertNothingElse(stage);
  return !isDone;
}

async function pushRound(stage: Stage, victim: Victim, bytes: number, round: number): Promise<boolean> {
  const { door, engine, id, registry } = stage;
  const target = `localhost:${door.port}/pushed-${round}:1`;
  await engine.dockerOk("tag", id, target);
  const isDone = await endedIn(stage, victim, bytes, ["push", target]);
  if (!isDone) assert.equal(await statusOf(registry, `/v2/pushed-${round}/manifests/1`), 404);
  await engine.dockerOk("push", target);
  await assertRegistryHas(registry, `pushed-${round}`);
  await engine.dockerOk("rmi", target);
  assertNothingElse(stage);
  return !isDone;
}

async function statusOf({ port }: RegistryUnderTest, path: string): Promise<number> {
  const answer = await fetch(`http://127.0.0.1:${port}${path}`, { headers: { Accept: "*/*" } });
  await answer.arrayBuffer();
  return answer.status;
}

/** The image of that repository, each blob with the digest that the manifest says. */
async function assertRegistryHas({ port }: RegistryUnderTest, repository: string): Promise<void> {
  const base = `http://127.0.0.1:${port}/v2/${repository}`;
  const headers = { Accept: "application/vnd.oci.image.manifest.v1+json" };
  const manifest = (await (await fetch(`${base}/manifests/1`, { headers })).json()) as {
    readonly config: { readonly digest: string };
    readonly layers: readonly { readonly digest: string }[];
  };
  assert.equal(manifest.layers.length, layerBytes.length);
  for (const { digest } of [manifest.config, ...manifest.layers]) {
    const bytes = await (await fetch(`${base}/blobs/${digest}`)).bytes();
    assert.equal(`sha256:${createHash("sha256").update(bytes).digest("hex")}`, digest);
  }
}

test("connection, registry or engine: whatever ends at whatever byte of a push or pull, no image is ever half there, and the next try goes on", async (t) => {
  const rounds = Number(process.env["REGISTRY_ENDS"] ?? 6);
  await withStage(async (stage) => {
    // Nothing of this layer set is known to be compressed before the first push is through.
    const broken = new Map<string, number>();
    await stage.engine.dockerOk("push", stage.name);
    for (let round = 0; round < rounds; round++) {
      const victim = victims[Math.floor(round / 2) % victims.length] as Victim;
      const bytes = Math.floor(Math.random() * (wholeBytes + otherBytes / 10));
      const isPush = round % 2 === 0;
      const what = `${isPush ? "push" : "pull"} round ${round}, ${victim} after ${bytes} bytes`;
      try {
        const hasFailed = isPush
          ? await pushRound(stage, victim, bytes, round)
          : await pullRound(stage, victim, bytes);
        if (hasFailed) broken.set(victim, (broken.get(victim) ?? 0) + 1);
      } catch (error) {
        throw new Error(what, { cause: error });
      }
    }
    t.diagnostic(`${rounds} ends; client saw a failure of: ${JSON.stringify(Object.fromEntries(broken))}`);
  });
});

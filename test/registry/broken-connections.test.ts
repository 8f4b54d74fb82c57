import assert from "node:assert/strict";
import { createReadStream, mkdtempSync, readdirSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { EngineUnderTest } from "../support/engine.ts";
import { Door, makeLayeredArchive, RegistryUnderTest } from "../support/registry.ts";

async function loadLayered(
  engine: EngineUnderTest,
  reference: string,
  sizes: readonly number[],
): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "gantry-layers-"));
  try {
    const archive = makeLayeredArchive(folder, reference, sizes);
    const { body } = await engine.upload("POST", "/images/load", createReadStream(archive));
    assert.match(body, /Loaded image/);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

async function idOf(engine: EngineUnderTest, name: string): Promise<string> {
  return ((await engine.api("GET", `/images/${name}/json`)).json as { readonly Id: string }).Id;
}

test("a connection that breaks at any byte costs no more than time, both ways", async () => {
  const rounds = Number(process.env["REGISTRY_CUTS"] ?? 20);
  await using registry = await RegistryUnderTest.start();
  await using door = await Door.open(registry.port);
  await using engine = await EngineUnderTest.start();
  const name = `localhost:${door.port}/layered:1`;
  await loadLayered(engine, name, [300_000, 200_000, 1000, 500_000]);
  const id = await idOf(engine, name);
  for (let round = 0; round < rounds; round++) {
    door.budget = Math.floor(Math.random() * 1_200_000);
    const isPush = round % 2 === 0;
    const target = isPush ? `localhost:${door.port}/layered-${round}:1` : name;
    if (isPush) await engine.docker("tag", id, target);
    const budget = door.budget;
    let done = await engine.docker(isPush ? "push" : "pull", target);
    door.budget = Number.POSITIVE_INFINITY;
    // A cut in the very first exchange is the client's to repeat, as with Docker.
    if (done.code !== 0) done = await engine.docker(isPush ? "push" : "pull", target);
    assert.equal(done.code, 0, `${isPush ? "push" : "pull"} cut after ${budget} bytes: ${done.stderr}`);
    if (isPush) {
      if (round === 0) await engine.docker("push", name);
      await engine.docker("rmi", "-f", id);
    } else assert.equal((await engine.docker("create", name)).code, 0);
    if (!isPush) assert.equal(await idOf(engine, name), id);
    for (const container of (await engine.docker("ps", "-aq")).stdout.split("\n").filter(Boolean))
      await engine.docker("rm", container);
  }
  assert.ok(door.cuts > rounds / 4, `only ${door.cuts} cuts`);
});

test("an engine that is killed in the middle of a pull leaves no image, and the next pull goes on from what is there", async () => {
  await using registry = await RegistryUnderTest.start();
  await using door = await Door.open(registry.port);
  await using engine = await EngineUnderTest.start();
  const name = `localhost:${door.port}/big:1`;
  const size = 24_000_000;
  await loadLayered(engine, name, [1_000_000, size]);
  const id = await idOf(engine, name);
  assert.equal((await engine.docker("push", name)).code, 0);
  await engine.docker("rmi", "-f", id);

  [door.received, door.sent] = [0, 0];
  door.holdsAfter = 12_000_000;
  const pull = engine.docker("pull", name);
  const folder = join(engine.root, "partial");
  const bytesKept = () =>
    readdirSync(folder).reduce((sum, file) => sum + statSync(join(folder, file)).size, 0);
  // What has come through the door is still on its way to the disk.
  while (bytesKept() < 5_000_000) await new Promise((resolve) => setTimeout(resolve, 5));
  await engine.stop("SIGKILL");
  assert.notEqual((await pull).code, 0);
  const kept = bytesKept();
  door.holdsAfter = Number.POSITIVE_INFINITY;
  door.slam();

  await engine.up();
  assert.equal((await engine.docker("images", "-q")).stdout, "");
  door.received = 0;
  assert.equal((await engine.docker("pull", name)).code, 0);
  assert.ok(door.received < size + 1_000_000 - kept + 200_000, `${door.received} bytes came anew`);
  assert.equal(await idOf(engine, name), id);
  assert.equal((await engine.docker("create", name)).code, 0);
  assert.deepEqual(readdirSync(folder), []);
});

test("a registry that is killed and comes back costs no more than time", async () => {
  await using registry = await RegistryUnderTest.start();
  await using door = await Door.open(registry.port);
  await using engine = await EngineUnderTest.start();
  const name = `localhost:${door.port}/big:1`;
  await loadLayered(engine, name, [8_000_000]);
  const id = await idOf(engine, name);
  for (const command of ["push", "pull"]) {
    [door.received, door.sent] = [0, 0];
    door.holdsAfter = 3_000_000;
    const work = engine.docker(command, name);
    while (door.received + door.sent < door.holdsAfter)
      await new Promise((resolve) => setTimeout(resolve, 5));
    await registry.kill();
    door.holdsAfter = Number.POSITIVE_INFINITY;
    door.slam();
    await registry.up();
    const { code, stderr } = await work;
    assert.equal(code, 0, `${command}: ${stderr}`);
    if (command === "push") await engine.docker("rmi", "-f", id);
  }
  assert.equal(await idOf(engine, name), id);
});

import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { Readable } from "node:stream";
import { after, before, test } from "node:test";
import { tarEnd } from "#oci/tar/writer.ts";
import { loadBusybox } from "../support/busybox-image.ts";
import { EngineUnderTest } from "../support/engine.ts";
import { tarEntry } from "../support/tar.ts";
import { SmallDisk } from "../support/small-disk.ts";

const megabyte = 1024 * 1024;

let disk: SmallDisk;
let engine: EngineUnderTest;

before(async () => {
  disk = new SmallDisk(64);
  engine = await EngineUnderTest.start("10.216.0.1/16", join(disk.path, "root"));
  await loadBusybox(engine, "base:latest");
});
after(async () => {
  using _disk = disk;
  await engine[Symbol.asyncDispose]();
});

function folders(): readonly string[] {
  return ["ingest", "snapshots", "blobs/sha256", "build/tmp"].flatMap((folder) => {
    try {
      return readdirSync(join(engine.root, folder)).map((name) => join(folder, name));
    } catch {
      return []; // not made yet
    }
  });
}

for (const [claim, dockerfile, size, leaveBytes] of [
  ["the context", "FROM base\nCOPY . /\n", 12 * megabyte, 6 * megabyte],
  ["a copied layer", "FROM base\nCOPY . /\n", 12 * megabyte, 20 * megabyte],
  ["a RUN", "FROM base\nRUN head -c 50000000 /dev/zero > /x\n", 10, 10 * megabyte],
] as const)
  test(`build: a disk that ${claim} fills is said so, and nothing is left`, { timeout: 40_000 }, async () => {
    const before = folders();
    disk.fill(leaveBytes);
    try {
      const body = Buffer.concat([
        tarEntry("Dockerfile", Buffer.from(dockerfile)),
        tarEntry("big", Buffer.alloc(size, 7)),
        tarEnd,
      ]);
      const answer = await engine.upload("POST", "/build?nocache=1", Readable.from([body]));
      assert.match(answer.body, /no space left on device|returned a non-zero code: 1/i);
      await engine.api("POST", "/build/prune?all=1");
      assert.deepEqual(folders(), before);
      assert.equal((await engine.api("GET", "/_ping")).status, 200);
    } finally {
      disk.empty();
    }
  });

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { MemorySnapshotter } from "./memory-snapshotter.ts";
import { snapshotterContract } from "./snapshotter.contract.ts";

async function open() {
  const folder = await mkdtemp(join(tmpdir(), "gantry-snapshots-"));
  return {
    snapshotter: new MemorySnapshotter(),
    folder,
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true }),
  };
}

snapshotterContract("MemorySnapshotter", open, { skip: false });

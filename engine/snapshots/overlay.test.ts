import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { existsSync, readdirSync, readFileSync, readlinkSync } from "node:fs";
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { test } from "node:test";
import { isFault } from "#base/fault.ts";
import { silentLog } from "#base/log.ts";
import { openEngineDatabase } from "#engine/metadata/engine-database.ts";
import { blobOf, digestOf, tarOf } from "./layer-fixtures.ts";
import { OverlaySnapshotter } from "./overlay.ts";
import { type SnapshotterUnderTest, snapshotterContract } from "./snapshotter.contract.ts";

const isRoot = process.getuid?.() === 0;
const skip = !isRoot;

interface Opened extends SnapshotterUnderTest {
  readonly snapshotter: OverlaySnapshotter;
  /** The same folder and database as a daemon that starts again sees them. */
  reopen(): Promise<OverlaySnapshotter>;
}

/** Checks when it ends that the folder holds what the table says and nothing else, and that no worker is left. */
async function open(root?: string): Promise<Opened> {
  const folder = root ?? (await mkdtemp(join(tmpdir(), "gantry-snapshots-")));
  await mkdir(join(folder, "snapshots"));
  const db = openEngineDatabase(join(folder, "db"));
  const start = async () => {
    const snapshotter = new OverlaySnapshotter({ root: join(folder, "snapshots"), db, log: silentLog });
    await snapshotter.reconcile();
    return snapshotter;
  };
  return {
    snapshotter: await start(),
    folder,
    reopen: start,
    [Symbol.asyncDispose]: async () => {
      const ids = db.sql
        .prepare("SELECT id FROM snapshots")
        .all()
        .map((row) => String(row["id"]));
      assert.deepEqual(readdirSync(join(folder, "snapshots")).sort(), [...ids, "empty"].sort());
      assert.deepEqual(workers(), []);
      db[Symbol.dispose]();
      if (root === undefined) await rm(folder, { recursive: true });
    },
  };
}

/** Worker processes that this test process started. */
function workers(): readonly number[] {
  return readFileSync(`/proc/self/task/${process.pid}/children`, "latin1")
    .split(" ")
    .filter((pid) => pid !== "" && commandOf(pid).includes("rooted-worker"))
    .map(Number);
}

function commandOf(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "latin1");
  } catch {
    return "";
  }
}

snapshotterContract("OverlaySnapshotter", () => open(), { skip });

const chain = digestOf("layer");
const slowArchive = () => tarOf([{ path: "big", content: Buffer.alloc(64 << 20, "x") }]);

test("OverlaySnapshotter: a layer holds exactly what GNU tar unpacks", { skip }, async (t) => {
  await using subject = await open();
  const source = join(subject.folder, "source");
  execFileSync("sh", [
    "-ec",
    `mkdir -p "$1/a/b" && cd "$1" && echo hi > a/f && ln a/f a/b/g && ln -s ../f a/b/l && mkfifo p && mknod n c 1 3
     chmod 4755 a/f && chmod 1777 a && chown 5:6 a/b && truncate -s 9M sparse && printf x | dd of=sparse bs=1 seek=5M conv=notrunc 2>/dev/null
     touch -d "2001-01-01 00:00:00.123456789" a/f a . && touch -hd "1969-12-31 23:59:50.5 UTC" a/b/l`,
    "sh",
    source,
  ]);
  const archive = execFileSync("tar", ["--format=pax", "-S", "-C", source, "-cf", "-", "."], {
    maxBuffer: 1 << 26,
  });
  await subject.snapshotter.unpack(chain, undefined, blobOf(subject.folder, archive), t.signal);
  const list = (folder: string) =>
    execFileSync("find", [".", "-printf", "%p %y %m %U:%G %T@ %l %n %D\\n"], { cwd: folder })
      .toString()
      .split("\n")
      .map((line) => line.replace(/ \d+$/, ""))
      .sort();
  const fs = join(subject.snapshotter.root, "1", "fs");
  assert.deepEqual(list(fs), list(source));
  assert.equal(execFileSync("tar", ["-df", "-"], { cwd: fs, input: archive }).toString(), "");
  assert.ok(Number(execFileSync("stat", ["-c", "%b", join(fs, "sparse")])) < 100, "holes are holes");
});

test("OverlaySnapshotter: a worker that is killed leaves nothing", { skip }, async (t) => {
  await using subject = await open();
  const unpacked = subject.snapshotter.unpack(
    chain,
    undefined,
    blobOf(subject.folder, slowArchive()),
    t.signal,
  );
  unpacked.catch(() => {});
  let pid: number | undefined;
  while (pid === undefined) {
    await delay(2);
    [pid] = workers();
  }
  process.kill(pid, "SIGKILL");
  await assert.rejects(unpacked, (error) => isFault(error, "internal"));
  assert.deepEqual(subject.snapshotter.list(), []);
});

test("OverlaySnapshotter: a daemon that is killed while it unpacks leaves nothing that the next one does not remove", {
  skip,
}, async () => {
  await using subject = await open();
  const source = blobOf(subject.folder, slowArchive());
  const program = `
    import { openEngineDatabase } from "#engine/metadata/engine-database.ts";
    import { OverlaySnapshotter } from "#engine/snapshots/overlay.ts";
    import { silentLog } from "#base/log.ts";
    const db = openEngineDatabase(process.argv[1] + "/other.db");
    const snapshots = new OverlaySnapshotter({ root: process.argv[1] + "/snapshots", db, log: silentLog });
    console.log("ready");
    await snapshots.unpack(${JSON.stringify(chain)}, undefined, ${JSON.stringify(source)}, new AbortController().signal);`;
  const daemon = spawn(
    process.execPath,
    ["--no-warnings", "--input-type=module", "-e", program, subject.folder],
    { stdio: ["ignore", "pipe", "inherit"] },
  );
  const pidOfWorker = async () => {
    for (;;) {
      const [pid] = readFileSync(`/proc/${daemon.pid}/task/${daemon.pid}/children`, "latin1").split(" ");
      if (pid !== undefined && pid !== "" && existsSync(join(subject.snapshotter.root, "1", "fs", "big")))
        return pid;
      await delay(2);
    }
  };
  const worker = await pidOfWorker();
  daemon.kill("SIGKILL");
  await new Promise((resolve) => daemon.once("close", resolve));
  while (isAlive(worker)) await delay(2);
  await subject.reopen();
  assert.deepEqual(readdirSync(subject.snapshotter.root), ["empty"]);
});

function isAlive(pid: string): boolean {
  try {
    readlinkSync(`/proc/${pid}/exe`);
    return true;
  } catch {
    return false;
  }
}

test("OverlaySnapshotter.reconcile: folders without a row and rows without a folder go", {
  skip,
}, async (t) => {
  await using subject = await open();
  await subject.snapshotter.prepare("kept", undefined, t.signal);
  await subject.snapshotter.prepare("lost", undefined, t.signal);
  await rm(join(subject.snapshotter.root, "2"), { recursive: true });
  await mkdir(join(subject.snapshotter.root, "77", "fs"), { recursive: true });
  const again = await subject.reopen();
  assert.deepEqual(again.list(), [{ key: "kept", kind: "container" }]);
  await again.prepare("next", undefined, t.signal);
  assert.equal(again.mountOf("next").upper, "3/fs", "no number is used twice");
});

test("OverlaySnapshotter: a full disk is exhausted, and nothing stays on it", { skip }, async (t) => {
  const disk = await mkdtemp(join(tmpdir(), "gantry-small-"));
  execFileSync("mount", ["-t", "tmpfs", "-o", "size=4m", "tmpfs", disk]);
  t.after(async () => {
    execFileSync("umount", [disk]);
    await rm(disk, { recursive: true });
  });
  const blobs = await mkdtemp(join(tmpdir(), "gantry-blobs-"));
  t.after(() => rm(blobs, { recursive: true }));
  await using subject = await open(disk);
  const source = blobOf(blobs, tarOf([{ path: "big", content: Buffer.alloc(8 << 20) }]));
  const unpacked = subject.snapshotter.unpack(chain, undefined, source, t.signal);
  await assert.rejects(
    unpacked,
    (error) => isFault(error, "exhausted") && error.message === "no space left on device",
  );
  assert.deepEqual(readdirSync(subject.snapshotter.root), ["empty"]);
});

test("OverlaySnapshotter.usage: counts what a container wrote, several names once", { skip }, async (t) => {
  await using subject = await open();
  await subject.snapshotter.prepare("c", undefined, t.signal);
  const upper = join(subject.snapshotter.root, "1", "fs");
  execFileSync("sh", [
    "-ec",
    `cd "$1" && mkdir d && head -c 100000 /dev/urandom > d/f && ln d/f g && sync d/f`,
    "sh",
    upper,
  ]);
  const bytes = await subject.snapshotter.usage("c");
  assert.ok(bytes >= 100_000 && bytes < 120_000, String(bytes));
});

test("OverlaySnapshotter.remove: takes trees that are deeper than a path can be long", {
  skip,
}, async (t) => {
  await using subject = await open();
  await subject.snapshotter.prepare("c", undefined, t.signal);
  const dig = 'chdir shift; for (1..40) { mkdir "d" x 200; chdir "d" x 200 } open F, ">f"';
  execFileSync("perl", ["-e", dig, join(subject.snapshotter.root, "1", "fs")]);
  await subject.snapshotter.remove("c");
  assert.deepEqual(readdirSync(subject.snapshotter.root), ["empty"]);
});

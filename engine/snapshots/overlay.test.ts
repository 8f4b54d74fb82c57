import assert from "node:assert/strict";
import { once } from "node:events";
import { execFileSync, spawn } from "node:child_process";
import { existsSync, readdirSync, readFileSync, readlinkSync } from "node:fs";
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { test } from "node:test";
import { isFault } from "#base/fault.ts";
import { silentLog } from "#base/log.ts";
import { setXattr } from "#host/sys.ts";
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
  const started: OverlaySnapshotter[] = [];
  const start = async () => {
    const snapshotter = new OverlaySnapshotter({ root: join(folder, "snapshots"), db, log: silentLog });
    await snapshotter.reconcile();
    started.push(snapshotter);
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
      for (const snapshotter of started) snapshotter[Symbol.dispose]();
      while (workers().length > 0) await once(process, "SIGCHLD");
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
    import { setXattr } from "#host/sys.ts";
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

test("OverlaySnapshotter: what a container wrote becomes a layer, as if its archive were unpacked", {
  skip,
}, async (t) => {
  await using subject = await open();
  const { snapshotter, folder } = subject;
  const base = tarOf([
    { path: "gone", content: "1" },
    { path: "same", content: "2" },
    { path: "d", type: "directory" },
    { path: "d/old", content: "3" },
    { path: "hidden", type: "directory" },
    { path: "hidden/below", content: "4" },
  ]);
  await snapshotter.unpack(chain, undefined, blobOf(folder, base), t.signal);
  await snapshotter.prepare("step", chain, t.signal);
  const upper = join(snapshotter.root, snapshotter.mountOf("step").upper ?? "");
  execFileSync("sh", ["-ec", written, "sh", upper, join(snapshotter.root, "1", "fs")]);
  for (const [path, mark, value] of marks)
    setXattr(join(upper, path), `trusted.overlay.${mark}`, Buffer.from(value));
  const archive = join(folder, "archive");
  const placeholders = ["/etc/hosts", "/made/by/mount"];
  const finished = await snapshotter.finish("step", archive, placeholders, t.signal);
  const layer = digestOf("layer above");
  await snapshotter.turn("step", layer, finished);
  await snapshotter.settle();
  assert.equal(digestOf(readFileSync(archive)), finished.digest);
  assert.deepEqual(snapshotter.list(), [{ key: layer, kind: "layer", parent: chain }]);
  const names = execFileSync("tar", ["-tf", archive]).toString().trim().split("\n");
  assert.deepEqual(names, shownNames);
  const source = {
    paths: [archive],
    mediaType: "application/vnd.oci.image.layer.v1.tar",
    diffId: finished.digest,
  };
  assert.deepEqual(await snapshotter.verify(layer, source, t.signal), []);
  assert.equal((await subject.reopen()).hasLayer(layer), true);
});

/** $1 is the upper folder, $2 the layer below. */
const written = `cd "$1"; mknod -m 0 gone c 0 0; mknod -m 0 unseen c 0 0; cp -a "$2/same" same
  mkdir d new new/sub hidden etc made made/by made/by/mount; touch etc/hosts .dockerenv
  echo 5 > hidden/above; echo 6 > d/more; ln d/more new/link; ln -s ../d new/sub/l; chmod 4755 d/more
  python3 -c 'import socket; socket.socket(socket.AF_UNIX).bind("new/socket")'; touch -d 2001-01-01 new`;
/** As overlayfs leaves them. */
const marks = [
  ["hidden", "opaque", "y"],
  ["new", "opaque", "y"],
  ["d", "impure", "y"],
  ["d/more", "origin", "x"],
  ["", "impure", "y"],
] as const;
const shownNames = [
  ".dockerenv",
  "d/",
  "d/more",
  ".wh.gone",
  "hidden/",
  "hidden/.wh..wh..opq",
  "hidden/above",
  "new/",
  "new/link",
  "new/sub/",
  "new/sub/l",
];

test("OverlaySnapshotter: a blob that has got another name meanwhile is unpacked from there", {
  skip,
}, async (t) => {
  await using subject = await open();
  const blob = blobOf(subject.folder, tarOf([{ path: "f", content: "hi" }]));
  const renamed = { ...blob, paths: [join(subject.folder, "gone"), ...blob.paths] };
  await subject.snapshotter.unpack(chain, undefined, renamed, t.signal);
  assert.equal(readFileSync(join(subject.snapshotter.root, "1", "fs", "f"), "latin1"), "hi");
});

test("OverlaySnapshotter: a volatile layer is gone with the daemon; who needs it for good settles it", {
  skip,
}, async (t) => {
  await using subject = await open();
  const { snapshotter, folder } = subject;
  const volatile = () => ({ ...blobOf(folder, tarOf([{ path: "f", content: "hi" }])), isVolatile: true });
  const [one, two] = [digestOf("one"), digestOf("two")];
  await snapshotter.unpack(one, undefined, volatile(), t.signal);
  await snapshotter.unpack(two, one, volatile(), t.signal);
  assert.ok(snapshotter.hasLayer(two));
  assert.equal((await subject.reopen()).hasLayer(two), false);
  await snapshotter.remove(two);
  await snapshotter.remove(one);
  await snapshotter.unpack(one, undefined, volatile(), t.signal);
  const durable = blobOf(folder, tarOf([{ path: "f", content: "hi" }]));
  await snapshotter.unpack(two, one, durable, t.signal);
  const next = await subject.reopen();
  assert.ok(next.hasLayer(one) && next.hasLayer(two));
});

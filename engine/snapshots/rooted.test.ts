import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { enableCompileCache } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { buffer } from "node:stream/consumers";
import { setTimeout } from "node:timers/promises";
import { after, before, test } from "node:test";
import { gzipSync, zstdCompressSync } from "node:zlib";
import { isFault } from "#base/fault.ts";
import { blobOf, type Fixture, tarOf } from "./layer-fixtures.ts";
import { ResidentWorkers } from "./resident-workers.ts";
import { changesOf, diffOf, exportTree, extractInto, packPath, statPath } from "./rooted.ts";
import type { Bind, RootSpec } from "./rooted/jobs.ts";
import type { OverlayMount } from "./snapshotter.ts";

const skip = process.getuid?.() !== 0;
const signal = new AbortController().signal;
const mount: OverlayMount = { lower: ["lower", "empty"], upper: "c/fs", work: "c/work" };
const merging = { noOverwriteDirNonDir: true };

let folder = "";
let snapshots = "";

before(() => {
  folder = mkdtempSync(join(tmpdir(), "gantry-rooted-"));
  enableCompileCache(join(folder, "cache"));
});

after(() => rmSync(folder, { recursive: true }));

/** A fresh image of one layer and a container on it. */
function container(): (binds?: readonly Bind[]) => RootSpec {
  snapshots = mkdtempSync(join(folder, "snapshots-"));
  for (const name of ["empty", "lower/d", "lower/etc", "c/fs", "c/work"])
    mkdirSync(join(snapshots, name), { recursive: true });
  writeFileSync(join(snapshots, "lower/d/f"), "content");
  writeFileSync(join(snapshots, "lower/etc/passwd"), "inside");
  symlinkSync("/d", join(snapshots, "lower/to-d"));
  symlinkSync("/etc/passwd", join(snapshots, "lower/to-passwd"));
  symlinkSync("../../../../../../nowhere", join(snapshots, "lower/dangling"));
  return (binds = []) => ({ kind: "overlay", snapshots, mount, binds });
}

const inUpper = (path: string) => join(snapshots, "c/fs", path);
const names = (tar: Buffer) =>
  execFileSync("tar", ["-Ptf", "-"], { input: tar }).toString().split("\n").slice(0, -1);
const put = (
  root: RootSpec,
  path: string,
  entries: readonly Fixture[],
  options: Parameters<typeof extractInto>[3] = merging,
) => extractInto(root, path, Readable.from([tarOf(entries)]), options, signal);

test("statPath: what the API's header says, links followed on the way but not at the end", {
  skip,
}, async () => {
  const root = container()();
  chmodSync(join(snapshots, "lower/d"), 0o7755);
  const folderStat = await statPath(root, "/d", signal);
  assert.equal(folderStat.mode, 0o755 + 2 ** 31 + 2 ** 23 + 2 ** 22 + 2 ** 20);
  assert.match(folderStat.mtime, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$/);
  const file = await statPath(root, "to-d/f", signal);
  assert.deepEqual([file.name, file.size, file.linkTarget], ["f", 7, ""]);
  const link = await statPath(root, "/to-d", signal);
  assert.deepEqual([link.name, link.mode & (2 ** 27), link.linkTarget], ["to-d", 2 ** 27, "/d"]);
  assert.equal((await statPath(root, "/to-d/.", signal)).mode, folderStat.mode);
  assert.equal((await statPath(root, "/dangling", signal)).linkTarget, "/nowhere");
  assert.equal((await statPath(root, "/", signal)).name, "/");
  await assert.rejects(statPath(root, "/nope", signal), (error) => isFault(error, "not-found"));
  await assert.rejects(statPath(root, "/d/f/x", signal), (error) => isFault(error, "invalid"));
});

test("packPath: the archive's root is the last part of the path", { skip }, async () => {
  const root = container()();
  const pack = async (path: string) => names(await buffer((await packPath(root, path, signal)).tar));
  assert.deepEqual(await pack("/d"), ["d/", "d/f"]);
  assert.deepEqual(await pack("/d/f"), ["f"]);
  assert.deepEqual(await pack("/d/."), ["./", "./f"]);
  assert.deepEqual(await pack("/to-d"), ["to-d"]);
  assert.deepEqual(
    (await pack("/")).slice(0, 3),
    ["/", "/d/", "/d/f"].filter((name) => name !== "").slice(0, 3),
  );
  await assert.rejects(packPath(root, "/nope", signal), (error) => isFault(error, "not-found"));
});

test("exportTree: the whole tree, two names of a file as a hard link, the same bytes each time", {
  skip,
}, async () => {
  const root = container()();
  writeFileSync(inUpper("a"), "x".repeat(3_000_000));
  execFileSync("ln", [inUpper("a"), inUpper("b")]);
  const first = await buffer(exportTree(root, signal));
  assert.deepEqual(names(first), [
    "a",
    "b",
    "d/",
    "d/f",
    "dangling",
    "etc/",
    "etc/passwd",
    "to-d",
    "to-passwd",
  ]);
  assert.deepEqual(await buffer(exportTree(root, signal)), first);
  const listing = execFileSync("tar", ["-tvf", "-"], { input: first }).toString();
  assert.match(listing, /^h.* b link to a$/m);
});

test("exportTree: who stops reading stops the worker", { skip }, async () => {
  const root = container()();
  writeFileSync(inUpper("big"), Buffer.alloc(8 << 20));
  for await (const chunk of exportTree(root, signal)) {
    assert.ok((chunk as Buffer).length > 0);
    break;
  }
});

test("extractInto: unpacks plain, gzip, zstd, bzip2 and xz into a folder, through links that stay inside", {
  skip,
}, async () => {
  const root = container()();
  const tar = tarOf([
    { path: "new/deep", content: "1", uid: 5, gid: 6, mtime: { seconds: 9, nanoseconds: 8 } },
  ]);
  const packed: Record<string, Buffer> = { plain: tar, gzip: gzipSync(tar), zstd: zstdCompressSync(tar) };
  for (const tool of ["bzip2", "xz"])
    if (existsSync(`/usr/bin/${tool}`) || existsSync(`/bin/${tool}`))
      packed[tool] = execFileSync(tool, ["-c"], { input: tar });
  for (const [name, bytes] of Object.entries(packed)) {
    rmSync(inUpper("d"), { recursive: true, force: true });
    await extractInto(root, "/to-d", Readable.from([bytes]), merging, signal);
    const stat = statSync(inUpper("d/new/deep"), { bigint: true });
    assert.deepEqual([stat.uid, stat.gid, stat.mtimeNs], [5n, 6n, 9_000_000_008n], name);
  }
});

test("extractInto: owner says who owns what is made", { skip }, async () => {
  const root = container()();
  await put(root, "/", [{ path: "x/y", uid: 5, gid: 6 }], {
    noOverwriteDirNonDir: false,
    owner: { uid: 11, gid: 12 },
  });
  for (const path of ["x", "x/y"])
    assert.deepEqual([statSync(inUpper(path)).uid, statSync(inUpper(path)).gid], [11, 12]);
});

test("extractInto: folders and others replace each other only when that is wanted", { skip }, async () => {
  const root = container()();
  const overD: Fixture[] = [{ path: "d", content: "a file now" }];
  const overF: Fixture[] = [{ path: "f", type: "directory" }];
  const refusal = (error: unknown) => isFault(error, "invalid") && error.message.includes("cannot overwrite");
  await assert.rejects(put(root, "/", overD), refusal);
  await assert.rejects(put(root, "/d", overF), refusal);
  await put(root, "/d", overF, { noOverwriteDirNonDir: false });
  await put(root, "/", overD, { noOverwriteDirNonDir: false });
  assert.equal(readFileSync(inUpper("d"), "utf8"), "a file now");
});

test("extractInto: a place that is none, and archives that are none, are refused in Docker's words", {
  skip,
}, async () => {
  const root = container()();
  await assert.rejects(put(root, "/nope", [{ path: "x" }]), (error) => isFault(error, "not-found"));
  await assert.rejects(put(root, "/d/f", [{ path: "x" }]), /extraction point is not a directory/);
  const bad = [
    Buffer.from("junk".repeat(500)),
    Buffer.from([0x1f, 0x8b, 8, 0, 1, 2, 3]),
    tarOf([{ path: "x" }]).subarray(0, 300),
  ];
  for (const bytes of bad) {
    const extracted = extractInto(root, "/", Readable.from([bytes]), merging, signal);
    await assert.rejects(extracted, (error) => isFault(error, "invalid"));
  }
});

test("extractInto: a client that breaks off is an error, not a short archive", { skip }, async () => {
  const root = container()();
  async function* broken(): AsyncGenerator<Buffer> {
    yield tarOf([{ path: "x", content: "x".repeat(100_000) }]).subarray(0, 5000);
    throw new Error("client went away");
  }
  await assert.rejects(extractInto(root, "/", Readable.from(broken()), merging, signal), /client went away/);
});

test("escapes: neither cp in nor cp out gets out of the root", { skip }, async () => {
  const root = container()();
  const victim = join(folder, "victim");
  writeFileSync(victim, "secret", { mode: 0o600 });
  symlinkSync(victim, inUpper("leak"));
  symlinkSync(folder, inUpper("out"));
  await assert.rejects(put(root, "/", [{ path: "../../../../../../x" }]), (error) =>
    isFault(error, "invalid"),
  );
  await put(root, "/", [{ path: "leak", content: "over", mode: 0o777 }]);
  await assert.rejects(put(root, "/out", [{ path: "victim", content: "over" }]), (error) =>
    isFault(error, "not-found"),
  );
  await assert.rejects(put(root, "/", [{ path: "h", type: "link", linkPath: victim }]), (error) =>
    isFault(error, "invalid"),
  );
  symlinkSync("/etc/passwd", inUpper("leak2"));
  const { tar } = await packPath(root, "/out/../leak2", signal);
  assert.deepEqual(names(await buffer(tar)), ["leak2"]);
  assert.equal(
    (await statPath(root, "/to-passwd/", signal).catch((error: unknown) => isFault(error))) === true,
    true,
  );
  assert.equal(readFileSync(victim, "utf8"), "secret");
  assert.equal(statSync(victim).mode & 0o777, 0o600);
});

test("the worker runs and links nothing from inside the root", { skip }, async () => {
  const root = container()();
  const marker = inUpper("marker");
  const evil = `#!/bin/sh\necho ran > /marker\n`;
  for (const path of ["bin", "usr/bin", "lib/x86_64-linux-gnu", "etc"])
    mkdirSync(inUpper(path), { recursive: true });
  for (const path of ["bin/xz", "usr/bin/xz", "usr/bin/bzip2", "usr/bin/gzip", "bin/sh"])
    writeFileSync(inUpper(path), evil, { mode: 0o755 });
  writeFileSync(inUpper("etc/ld.so.preload"), "/lib/x86_64-linux-gnu/libnss_files.so.2\n");
  for (const library of ["libnss_files.so.2", "libnss_dns.so.2", "libgcc_s.so.1"])
    writeFileSync(inUpper(`lib/x86_64-linux-gnu/${library}`), "not a library");
  const heads = [
    [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0],
    [0x42, 0x5a, 0x68, 0x39],
    [0x1f, 0x8b, 8],
    [0x28, 0xb5, 0x2f, 0xfd],
  ];
  for (const head of heads) {
    const bytes = Buffer.concat([Buffer.from(head), Buffer.alloc(600, 7)]);
    const extracted = extractInto(root, "/", Readable.from([bytes]), merging, signal);
    await assert.rejects(extracted, (error) => isFault(error, "invalid"));
  }
  await put(root, "/", [{ path: "x" }]);
  assert.ok((await buffer(exportTree(root, signal))).length > 0);
  assert.equal(existsSync(marker), false);
});

test("binds: volumes of a container that does not run are seen, read-only ones stay as they are", {
  skip,
}, async () => {
  const make = container();
  const volume = join(folder, "volume");
  mkdirSync(volume);
  writeFileSync(join(volume, "data"), "in the volume");
  const writable = make([{ source: volume, destination: "/to-d/vol", isReadOnly: false }]);
  await put(writable, "/d/vol", [{ path: "added", content: "1" }]);
  assert.equal(readFileSync(join(volume, "added"), "utf8"), "1");
  const readOnly = make([{ source: volume, destination: "/d/vol", isReadOnly: true }]);
  assert.deepEqual(names(await buffer((await packPath(readOnly, "/d/vol", signal)).tar)), [
    "vol/",
    "vol/added",
    "vol/data",
  ]);
  await assert.rejects(put(readOnly, "/d/vol", [{ path: "no" }]), (error) => isFault(error, "invalid"));
  assert.equal(names(await buffer(exportTree(readOnly, signal))).includes("d/vol/data"), false);
});

test("a running process's root: seen as it sees it, exported without its mounts, refused when it is another one", {
  skip,
}, async (t) => {
  container();
  const script = `
    cd "$1" && mount -t overlay o -o lowerdir=lower,upperdir=c/fs,workdir=c/work empty && cd empty
    mkdir usr old && ln -s usr/bin bin && ln -s usr/lib lib && ln -s usr/lib64 lib64
    mount --rbind /usr usr && mount -t tmpfs t etc && echo x > etc/live
    pivot_root . old && echo ready && exec sleep 60`;
  const child = spawn("unshare", ["-m", "sh", "-ec", script, "sh", snapshots], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  t.after(() => child.kill("SIGKILL"));
  const isReady = await Promise.race([once(child.stdout, "data"), once(child, "close").then(() => false)]);
  assert.ok(isReady);
  const pid = child.pid ?? 0;
  const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
  const startTime = stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19] ?? "";
  const root: RootSpec = { kind: "process", pid, startTime };
  assert.equal((await statPath(root, "/etc/live", signal)).size, 2);
  await put(root, "/d", [{ path: "in", content: "1" }]);
  assert.equal(readFileSync(inUpper("d/in"), "utf8"), "1");
  const exported = names(await buffer(exportTree(root, signal)));
  assert.deepEqual(
    exported.filter((name) => /^(d|etc|usr)\//.test(name)),
    ["d/", "d/f", "d/in", "etc/", "etc/passwd", "usr/"],
  );
  const other = statPath({ ...root, startTime: "1" }, "/", signal);
  await assert.rejects(other, (error) => isFault(error, "conflict"));
});

test("changesOf and diffOf: what a container did, and a layer that does the same", { skip }, async (t) => {
  container();
  const inside = `cd empty; echo more >> d/f; rm to-d; mkdir -p new/sub; echo 1 > new/sub/x; chmod 700 etc; rm -r etc; mkdir etc; echo o > etc/other; touch hosts; : > untouched-dev`;
  const shell = `cd "$1" && mount -t overlay o -o lowerdir=lower:empty,upperdir=c/fs,workdir=c/work empty && ${inside}`;
  execFileSync("unshare", ["-m", "sh", "-ec", shell, "sh", snapshots]);
  const changes = await changesOf(snapshots, mount, ["/hosts", "/run/x"], signal);
  assert.deepEqual(
    changes.map(({ Path, Kind }) => `${"CAD"[Kind]} ${Path}`),
    [
      "C /d",
      "C /d/f",
      "C /etc",
      "A /etc/other",
      "D /etc/passwd",
      "A /new",
      "A /new/sub",
      "A /new/sub/x",
      "D /to-d",
      "A /untouched-dev",
    ],
  );
  const layer = await buffer(diffOf(snapshots, mount, ["/hosts"], signal));
  assert.deepEqual(names(layer), [
    "d/",
    "d/f",
    "etc/",
    "etc/.wh..wh..opq",
    "etc/other",
    "new/",
    "new/sub/",
    "new/sub/x",
    ".wh.to-d",
    "untouched-dev",
  ]);
  for (const path of ["2/fs", "2/work"]) mkdirSync(join(snapshots, path), { recursive: true });
  const source = blobOf(folder, layer);
  using workers = new ResidentWorkers();
  await workers.run(
    {
      do: "unpack",
      snapshots,
      folder: "2",
      lower: ["lower", "empty"],
      blob: source.paths,
      diffId: source.diffId,
    },
    t.signal,
  );
  rmSync(inUpper("hosts"));
  const view = (lower: readonly string[]): RootSpec => ({
    kind: "overlay",
    snapshots,
    mount: { lower },
    binds: [],
  });
  const [original, copy] = [
    await buffer(exportTree({ kind: "overlay", snapshots, mount, binds: [] }, signal)),
    await buffer(exportTree(view(["2/fs", "lower"]), signal)),
  ];
  assert.deepEqual(copy, original);
});

test("an aborted job ends with the reason, and its worker is gone", { skip }, async () => {
  const root = container()();
  const abort = new AbortController();
  const endless = new Readable({ read() {} });
  const extracted = extractInto(root, "/", endless, merging, abort.signal);
  abort.abort(new Error("enough"));
  await assert.rejects(extracted, /enough/);
});

test("nothing is left mounted, and no worker runs", { skip }, async () => {
  assert.ok(!readFileSync("/proc/self/mounts", "latin1").includes(folder));
  // One that stays ends when it sees that nobody wants it any more.
  while (workersOfOurs().length > 0) await setTimeout(10);
});

function workersOfOurs(): readonly string[] {
  const children = readFileSync(`/proc/self/task/${process.pid}/children`, "latin1").trim().split(" ");
  return children.filter(
    (pid) => pid !== "" && readFileSync(`/proc/${pid}/cmdline`, "latin1").includes("rooted-worker"),
  );
}

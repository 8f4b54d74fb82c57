import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { enableCompileCache } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { buffer } from "node:stream/consumers";
import { setTimeout } from "node:timers/promises";
import { after, before, test } from "node:test";
import { gzipSync, zstdCompressSync } from "node:zlib";
import fc from "fast-check";
import { isFault } from "#base/fault.ts";
import { silentLog } from "#base/log.ts";
import { openEngineDatabase } from "#engine/metadata/engine-database.ts";
import type { Database } from "#host/sqlite/database.ts";
import type { Digest } from "#oci/digest.ts";
import type { TarEntry } from "#oci/tar/entry.ts";
import { TarReader } from "#oci/tar/reader.ts";
import { blobOf, digestOf, type Fixture, tarOf } from "./layer-fixtures.ts";
import { OverlaySnapshotter } from "./overlay.ts";
import { exportTree } from "./rooted.ts";

const skip = process.getuid?.() !== 0;
const noSignal = new AbortController().signal;

let folder = "";
let db: Database;
let snapshotter: OverlaySnapshotter;
let layers = 0;

before(async () => {
  folder = mkdtempSync(join(tmpdir(), "gantry-layers-"));
  enableCompileCache(join(folder, "cache"));
  mkdirSync(join(folder, "snapshots"));
  db = openEngineDatabase(join(folder, "db"));
  snapshotter = new OverlaySnapshotter({ root: join(folder, "snapshots"), db, log: silentLog });
  await snapshotter.reconcile();
});

after(() => {
  snapshotter[Symbol.dispose]();
  db[Symbol.dispose]();
  rmSync(folder, { recursive: true });
});

/** Unpacks archives on top of each other and gives the uppermost layer. */
async function stack(archives: readonly (readonly Fixture[])[]): Promise<Digest> {
  let parent: Digest | undefined;
  for (const entries of archives) {
    const key = digestOf(`layer ${++layers}`);
    await snapshotter.unpack(key, parent, blobOf(folder, tarOf(entries)), noSignal);
    parent = key;
  }
  assert.ok(parent !== undefined);
  return parent;
}

interface Seen {
  readonly entry: TarEntry;
  readonly content: string;
}

/** What a container on that layer would see, by path without slashes at the ends. */
async function look(key: string): Promise<ReadonlyMap<string, Seen>> {
  const root = {
    kind: "overlay",
    snapshots: snapshotter.root,
    mount: snapshotter.mountOf(key),
    binds: [],
  } as const;
  const seen = new Map<string, Seen>();
  let current = "";
  const reader = new TarReader({
    entry: (entry) => {
      current = entry.path.replace(/\/$/, "");
      seen.set(current, { entry, content: "" });
    },
    data: (bytes) => {
      const { entry, content } = seen.get(current) as Seen;
      seen.set(current, { entry, content: content + Buffer.from(bytes).toString() });
    },
    endEntry: () => {},
  });
  reader.write(await buffer(exportTree(root, noSignal)));
  reader.end();
  return seen;
}

async function paths(archives: readonly (readonly Fixture[])[]): Promise<readonly string[]> {
  return [...(await look(await stack(archives))).keys()];
}

const file = (path: string, content = path): Fixture => ({ path, content });
const dir = (path: string, more: Partial<TarEntry> = {}): Fixture => ({ path, type: "directory", ...more });
const link = (path: string, linkPath: string): Fixture => ({ path, type: "symlink", linkPath });
const hard = (path: string, linkPath: string): Fixture => ({ path, type: "link", linkPath });

test("whiteouts: files and trees below go, what the same layer brings stays whichever comes first", {
  skip,
}, async () => {
  const base = [dir("d"), file("d/old"), file("gone"), dir("tree"), file("tree/f"), file("kept")];
  const changed = [
    file("d/new"),
    file("d/.wh..wh..opq"),
    file(".wh.gone"),
    file(".wh.tree"),
    dir("tree"),
    file("tree/g"),
  ];
  assert.deepEqual(await paths([base, changed]), ["d", "d/new", "kept", "tree", "tree/g"]);
  const reverse = [dir("tree"), file("tree/g"), file(".wh.tree"), file("kept", "new"), file(".wh.kept")];
  const seen = await look(await stack([base, reverse]));
  assert.deepEqual([...seen.keys()], ["d", "d/old", "gone", "kept", "tree", "tree/g"]);
  assert.equal(seen.get("kept")?.content, "new");
});

test("whiteouts: an opaque mark at the root hides every layer below", { skip }, async () => {
  assert.deepEqual(await paths([[file("a")], [file("b")], [file(".wh..wh..opq"), file("c")], [file("d")]]), [
    "c",
    "d",
  ]);
});

test("whiteouts: what aufs left is ignored, names that mean nothing are invalid", { skip }, async () => {
  const aufs = [file("a"), dir(".wh..wh.plnk"), file(".wh..wh.plnk/123.456"), file(".wh..wh.aufs")];
  assert.deepEqual(await paths([[file("x")], aufs]), ["a", "x"]);
  for (const path of [".wh.", ".wh..", ".wh...", "d/.wh.", ".wh.d/f"])
    await assert.rejects(stack([[file("x")], [file(path)]]), (error) => isFault(error, "invalid"), path);
});

test("whiteouts: a character device 0:0 in the archive is one", { skip }, async () => {
  assert.deepEqual(await paths([[file("a"), file("b")], [{ path: "a", type: "char" }]]), ["b"]);
});

test("folders that an archive does not bring keep the mode, owner and time they have below", {
  skip,
}, async () => {
  const base = [
    dir("./", { mode: 0o711 }),
    dir("d", { mode: 0o1777, uid: 7, gid: 8 }),
    dir("d/e", { mode: 0o700 }),
  ];
  const seen = await look(await stack([base, [file("d/e/f")], [file("other/f")]]));
  assert.deepEqual(
    ["d", "d/e", "other"].map((path) => {
      const { mode, uid, gid, mtime } = (seen.get(path) as Seen).entry;
      return [path, mode, uid, gid, mtime.seconds];
    }),
    [
      ["d", 0o1777, 7, 8, 1_000_000_000],
      ["d/e", 0o700, 0, 0, 1_000_000_000],
      ["other", 0o755, 0, 0, 0],
    ],
  );
  const container = `c${layers}`;
  const top = snapshotter.list().at(-1)?.key as Digest;
  await snapshotter.prepare(container, top, noSignal);
  const { upper = "" } = snapshotter.mountOf(container);
  const mode = execFileSync("stat", ["-c", "%a", join(snapshotter.root, upper)])
    .toString()
    .trim();
  assert.equal(mode, "711", "the root's mode goes on through every layer");
});

test("a link below that an entry's path leads through is followed, not hidden by a folder", {
  skip,
}, async () => {
  const base = [
    dir("usr"),
    dir("usr/lib"),
    file("usr/lib/ld.so"),
    link("lib", "usr/lib"),
    link("abs", "/usr/lib"),
  ];
  const seen = await look(await stack([base, [file("lib/x.so"), file("abs/y.so")]]));
  assert.deepEqual(
    [...seen.keys()],
    ["abs", "lib", "usr", "usr/lib", "usr/lib/ld.so", "usr/lib/x.so", "usr/lib/y.so"],
  );
});

test("a hard link may point to a file of a layer below", { skip }, async () => {
  const base = [dir("d"), { ...file("d/f", "deep"), mode: 0o4751, uid: 3 }];
  const seen = await look(await stack([base, [hard("g", "d/f")]]));
  const first = seen.get("d/f") as Seen;
  assert.deepEqual([first.content, first.entry.mode, first.entry.uid], ["deep", 0o4751, 3]);
  assert.deepEqual([seen.get("g")?.entry.type, seen.get("g")?.entry.linkPath], ["link", "d/f"]);
});

test("xattrs: user and capabilities stay, what would steer overlayfs or the host goes", {
  skip,
}, async () => {
  const capability = Buffer.from("0000000200040000000000000000000000000000", "hex");
  capability.writeUInt32LE(0x02000000, 0);
  const xattrs = new Map<string, Uint8Array>([
    ["user.binary", Buffer.from([0, 255, 10, 61])],
    ["security.capability", capability],
    ["trusted.overlay.opaque", Buffer.from("y")],
    ["trusted.overlay.redirect", Buffer.from("/etc")],
    ["security.selinux", Buffer.from("x")],
  ]);
  const key = await stack([[file("below/hidden")], [dir("below", { xattrs }), { ...file("f"), xattrs }]]);
  const seen = await look(key);
  assert.ok(seen.has("below/hidden"), "not opaque");
  const kept = seen.get("f")?.entry.xattrs;
  assert.deepEqual(kept?.get("user.binary"), Uint8Array.from([0, 255, 10, 61]));
  assert.deepEqual(kept?.get("security.capability"), Uint8Array.from(capability));
  const { lower } = snapshotter.mountOf(key);
  const all = execFileSync("find", [join(snapshotter.root, lower[0] ?? ""), "-printf", "%p\\n"]).toString();
  assert.ok(all.includes("/below"));
});

test("names that are no UTF-8, and names as long as they can be, survive", { skip }, async () => {
  const names = ["\xff\xfe\xe9", "n".repeat(255), `${`${"p".repeat(200)}/`.repeat(15)}end`];
  const seen = await paths([names.map((path) => file(path, "x"))]);
  for (const name of names) assert.ok(seen.includes(name), name.slice(0, 10));
  await assert.rejects(stack([[file("n".repeat(256))]]), (error) => isFault(error, "invalid"));
});

/** Everything outside that an escape could touch, and what it must look like afterwards. */
function victim(): { readonly path: string; readonly check: () => void } {
  const path = join(folder, `victim-${layers}`);
  mkdirSync(path);
  writeFileSync(join(path, "secret"), "secret", { mode: 0o600 });
  const state = () =>
    execFileSync("sh", [
      "-ec",
      `cd "$1" && find . -printf "%p %y %m %U:%G %T@ %n\\n" | sort && cat secret`,
      "sh",
      path,
    ]).toString();
  const initial = state();
  return { path, check: () => assert.equal(state(), initial) };
}

test("escapes: nothing outside the layer is read, written or removed, whatever an archive tries", {
  skip,
}, async () => {
  const { path: out, check } = victim();
  const up = "../".repeat(30);
  const attacks: Readonly<Record<string, readonly Fixture[]>> = {
    "dot-dot": [file(`${up}${out}/new`)],
    "dot-dot inside": [dir("d"), file(`d/../${up}${out}/new`)],
    absolute: [file(`${out}/new`)],
    "symlink, then through it": [link("l", out), file("l/new")],
    "relative symlink": [link("l", `${up}${out}`), file("l/new"), file("l/secret", "overwritten")],
    "symlink to the file": [link("l", `${out}/secret`), file("l", "overwritten")],
    "chain of symlinks": [link("a", "b"), link("b", out), file("a/new"), dir("a/newdir")],
    "symlink as parent of a folder": [link("l", out), dir("l/d"), dir("l", { mode: 0o777, uid: 9 })],
    "hard link out": [hard("h", `${out}/secret`), file("h", "overwritten")],
    "hard link by dot-dot": [hard("h", `${up}${out}/secret`)],
    "hard link through a symlink": [link("l", out), hard("h", "l/secret"), file("h", "overwritten")],
    "hard link to a symlink": [link("l", `${out}/secret`), hard("h", "l"), { ...file("h"), mode: 0o777 }],
    "hard link before its target": [hard("h", "later"), file("later")],
    "whiteout out": [file(`${up}${out}/.wh.secret`)],
    "whiteout through a symlink": [link("l", out), file("l/.wh.secret"), file("l/.wh..wh..opq")],
    "device through a symlink": [link("l", out), { path: "l/dev", type: "char", major: 1, minor: 3 }],
    "replace root": [link("./", out)],
    "replace root's folder": [link(".", out), file("new")],
    loop: [link("a", "b"), link("b", "a"), file("a/x")],
    "link into proc": [link("l", "/proc/self/root"), file(`l${out}/new`)],
  };
  for (const [name, entries] of Object.entries(attacks))
    for (const archives of [[entries], [[file("below")], entries], [entries.slice(0, 1), entries.slice(1)]]) {
      if (archives.some((archive) => archive.length === 0)) continue;
      try {
        await stack(archives);
      } catch (error) {
        assert.ok(isFault(error, "invalid"), `${name}: ${String(error)}`);
      }
      check();
    }
});

test("bombs: an archive that expands too far is invalid, and the disk is as before", { skip }, async () => {
  const zeros = Buffer.alloc(300 << 20);
  const archive = tarOf([{ path: "zeros", content: zeros }]);
  for (const compressed of [gzipSync(archive), zstdCompressSync(archive)]) {
    const blob = { ...blobOf(folder, compressed), diffId: digestOf(archive) };
    const unpacked = snapshotter.unpack(digestOf("bomb"), undefined, blob, noSignal);
    await assert.rejects(unpacked, (error) => isFault(error, "invalid") && error.message.includes("expands"));
    for (const path of blob.paths) rmSync(path);
  }
  const rows = db.sql.prepare("SELECT count(*) AS n FROM snapshots").get() as { n: number };
  assert.equal(readdirSync(snapshotter.root).length, rows.n + 1);
});

/** A file system as a model: what layers mean, without any tricks. */
type Node =
  | { readonly kids: Map<string, Node> }
  | { readonly content: string; readonly layer: number }
  | { readonly target: string };
class Impossible extends Error {}

const isDir = (node: Node | undefined): node is { readonly kids: Map<string, Node> } =>
  node !== undefined && "kids" in node;

/** Folders are made where there is nothing, or a file of a layer below. */
function walk(root: Map<string, Node>, path: readonly string[], layer: number): Map<string, Node> {
  const way = [root];
  const rest = path.toReversed();
  for (let steps = 0; rest.length > 0; ) {
    const name = rest.pop() as string;
    if (name === "" || name === ".") continue;
    if (name === "..") {
      if (way.length > 1) way.pop();
      continue;
    }
    const here = way.at(-1) as Map<string, Node>;
    const next = here.get(name);
    if (next === undefined || ("content" in next && next.layer < layer)) {
      const made = { kids: new Map<string, Node>() };
      here.set(name, made);
      way.push(made.kids);
    } else if (isDir(next)) way.push(next.kids);
    else if ("content" in next || ++steps > 40) throw new Impossible();
    else {
      if (next.target.startsWith("/")) way.length = 1;
      rest.push(...next.target.split("/").toReversed());
    }
  }
  return way.at(-1) as Map<string, Node>;
}

function apply(
  root: Map<string, Node>,
  layer: number,
  hidden: readonly string[],
  entries: readonly Fixture[],
): void {
  for (const path of hidden) {
    const isOpaque = path.endsWith("/");
    const parts = path.split("/").filter((part) => part !== "");
    const parent = walk(root, isOpaque ? parts : parts.slice(0, -1), layer);
    if (isOpaque) parent.clear();
    else parent.delete(parts.at(-1) as string);
  }
  for (const { path, type, content, linkPath = "" } of entries) {
    const parts = path.split("/");
    const parent = walk(root, parts.slice(0, -1), layer);
    const name = parts.at(-1) as string;
    if (type === "directory") {
      if (!isDir(parent.get(name))) parent.set(name, { kids: new Map() });
    } else parent.set(name, type === "symlink" ? { target: linkPath } : { content: String(content), layer });
  }
}

function* listing(kids: Map<string, Node>, prefix = ""): Generator<string> {
  for (const [name, node] of [...kids].sort(([a], [b]) => (a < b ? -1 : 1))) {
    const path = `${prefix}${name}`;
    if (isDir(node)) {
      yield `${path}/`;
      yield* listing(node.kids, `${path}/`);
    } else yield "content" in node ? `${path} = ${node.content}` : `${path} -> ${node.target}`;
  }
}

/** Real folders and their children: what whiteouts may name. */
function* realPaths(kids: Map<string, Node>, prefix = ""): Generator<string> {
  for (const [name, node] of kids) {
    yield `${prefix}${name}`;
    if (!isDir(node)) continue;
    yield `${prefix}${name}/`;
    yield* realPaths(node.kids, `${prefix}${name}/`);
  }
}

const anyPath = fc
  .array(fc.constantFrom("a", "b", "c"), { minLength: 1, maxLength: 3 })
  .map((parts) => parts.join("/"));
const anyFixture: fc.Arbitrary<Fixture> = fc.oneof(
  fc
    .tuple(anyPath, fc.string({ maxLength: 3, unit: fc.constantFrom("x", "y") }))
    .map(([path, text]) => file(path, text)),
  anyPath.map((path) => dir(path)),
  fc
    .tuple(anyPath, fc.constantFrom("a", "b", "../c", "/a/b", "c/a", ".."))
    .map(([path, to]) => link(path, to)),
);

test("stacks of random layers look as a model of them says", { skip }, async () => {
  const layer = fc.tuple(
    fc.array(fc.nat(), { maxLength: 2 }),
    fc.array(anyFixture, { minLength: 1, maxLength: 8 }),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(layer, { minLength: 2, maxLength: 3 }), async (drawn) => {
      const root = new Map<string, Node>();
      const archives: (readonly Fixture[])[] = [];
      let isImpossible = false;
      for (const [index, [picks, entries]] of drawn.entries()) {
        const there = [...realPaths(root)];
        const picked = there.length === 0 ? [] : picks.map((pick) => there[pick % there.length] as string);
        const hidden = picked.filter(
          (path) => !picked.some((other) => other !== path && path.startsWith(other)),
        );
        const whiteouts = [...new Set(hidden)].map((path) =>
          path.endsWith("/")
            ? file(`${path}.wh..wh..opq`, "")
            : file(join(dirname(path), `.wh.${path.slice(path.lastIndexOf("/") + 1)}`), ""),
        );
        archives.push([...whiteouts, ...entries]);
        try {
          apply(root, index, [...new Set(hidden)], entries);
        } catch (error) {
          if (!(error instanceof Impossible)) throw error;
          isImpossible = true;
          break;
        }
      }
      if (isImpossible) {
        await assert.rejects(stack(archives), (error) => isFault(error, "invalid"));
        return;
      }
      const seen = await look(await stack(archives));
      const lines = [...seen].map(([path, { entry, content }]) =>
        entry.type === "directory"
          ? `${path}/`
          : entry.type === "symlink"
            ? `${path} -> ${entry.linkPath}`
            : `${path} = ${content}`,
      );
      assert.deepEqual(lines.sort(), [...listing(root)].sort());
    }),
    { numRuns: 15 },
  );
});

test("nothing is left mounted, and no worker stays", { skip }, async () => {
  assert.ok(!readFileSync("/proc/self/mounts", "latin1").includes(folder));
  snapshotter[Symbol.dispose]();
  const children = () => readFileSync(`/proc/self/task/${process.pid}/children`, "latin1").trim();
  while (children() !== "") await setTimeout(10);
});

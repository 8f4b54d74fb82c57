import assert from "node:assert/strict";
import { test } from "node:test";
import { isFault } from "#base/fault.ts";
import { type CopyRequest, planCopy, planFolder } from "./layer-plan.ts";
import { selectNodes } from "./select.ts";
import { Spool } from "./spool.ts";
import { emptyFolder, type FileNode, type FolderNode, noTime } from "./tree.ts";

using spool = new Spool("/nonexistent");
const file = (mode = 0o644): FileNode => ({
  kind: "file",
  mode,
  uid: 7,
  gid: 8,
  mtime: noTime,
  size: 0,
  sha256: "",
  spool,
  position: 0,
});
const folder = (children: Readonly<Record<string, FileNode | FolderNode>>): FolderNode => ({
  ...emptyFolder(),
  children: new Map(Object.entries(children)),
});
const root = folder({ a: file(), b: file(0o755), d: folder({ f: file(), s: folder({ g: file() }) }) });
const there = (path: string) =>
  ["/", "/etc"].includes(path) ? ("folder" as const) : path === "/file" ? ("file" as const) : undefined;

function plan(sources: readonly string[], destination: string, change: Partial<CopyRequest> = {}) {
  const request: CopyRequest = {
    keyword: "COPY",
    sources: sources.flatMap((source) => selectNodes(root, source)),
    destination,
    isFolder: false,
    owner: { uid: 1, gid: 2 },
    exclude: [],
    parents: false,
    mtime: noTime,
    ...change,
  };
  return planCopy(request, there).map(({ path, mode, uid }) => `${path} ${mode.toString(8)} ${uid}`);
}

test("planCopy: a file to a name, into a folder, and to a folder that is there", () => {
  assert.deepEqual(plan(["a"], "/x/y"), ["x 755 1", "x/y 644 1"]);
  assert.deepEqual(plan(["a"], "/x", { isFolder: true }), ["x 755 1", "x/a 644 1"]);
  assert.deepEqual(plan(["a"], "/etc"), ["etc/a 644 1"]);
});

test("planCopy: a folder gives its content, and folders above are root's", () => {
  assert.deepEqual(plan(["d"], "/x/y"), [
    "x 755 0",
    "x/y 755 1",
    "x/y/f 644 1",
    "x/y/s 755 1",
    "x/y/s/g 644 1",
  ]);
  assert.deepEqual(plan(["d"], "/x", { exclude: ["s"] }), ["x 755 1", "x/f 644 1"]);
});

test("planCopy: wildcards, parents, mode, and the owner of the source", () => {
  assert.deepEqual(plan(["?"], "/", { isFolder: true }).slice(0, 2), ["a 644 1", "b 755 1"]);
  assert.deepEqual(plan(["d/s/g"], "/x", { parents: true }), [
    "x 755 1",
    "x/d 755 1",
    "x/d/s 755 1",
    "x/d/s/g 644 1",
  ]);
  assert.deepEqual(plan(["a"], "/etc", { changeMode: () => 0o600 }), ["etc/a 600 1"]);
  const request = {
    keyword: "COPY",
    sources: selectNodes(root, "a"),
    destination: "/etc",
    isFolder: false,
    exclude: [],
    parents: false,
    mtime: noTime,
  } as const;
  assert.equal(planCopy(request, there)[0]?.uid, 7);
});

test("planCopy: what cannot be is refused", () => {
  const bad = (work: () => unknown) => assert.throws(work, (error) => isFault(error, "invalid"));
  bad(() => plan(["a"], "/file/x"));
  bad(() => plan(["../x"], "/"));
  const hidden = folder({ ".wh.passwd": file() });
  bad(() =>
    planCopy(
      {
        keyword: "COPY",
        sources: selectNodes(hidden, "."),
        destination: "/",
        isFolder: true,
        exclude: [],
        parents: false,
        mtime: noTime,
      },
      there,
    ),
  );
  assert.throws(
    () => plan(["nope"], "/"),
    (error) => isFault(error, "not-found"),
  );
});

test("planFolder: only what is missing is made", () => {
  assert.deepEqual(planFolder("/etc", noTime, there), []);
  assert.deepEqual(
    planFolder("/etc/a/b", noTime, there).map(({ path }) => path),
    ["etc/a", "etc/a/b"],
  );
});

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import {
  chmodSync,
  chownSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { basename, join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { Readable } from "node:stream";
import { after, before, test } from "node:test";
import { promisify } from "node:util";
import {
  descriptorOf,
  ociImage,
  ociLayout,
  ociManifestType,
  tarOf,
} from "#engine/images/archives.fixture.ts";
import { checkout, EngineUnderTest } from "../support/engine.ts";

let engine: EngineUnderTest;
const name = "docker.io/acme/app:1";
const layers = [
  tarOf({ path: "etc/one", content: "1".repeat(5000) }, { path: "etc/link", linkTo: "one" }),
  tarOf({ path: "etc/two", content: "some more text" }, { path: "bin/three", content: "x".repeat(300) }),
];

before(async () => {
  engine = await EngineUnderTest.start("10.221.0.1/16");
  const image = ociImage(layers);
  const entry = descriptorOf(ociManifestType, image.manifest, {
    annotations: { "io.containerd.image.name": name },
  });
  const archive = ociLayout([entry], image.blobs);
  const { body } = await engine.upload("POST", "/images/load", Readable.from([archive]));
  assert.match(body, /Loaded image/);
});
after(() => engine[Symbol.asyncDispose]());

async function problems(): Promise<readonly string[]> {
  const { status, json, body } = await engine.api("GET", "/images/acme/app:1/verify");
  assert.equal(status, 200, body);
  return (json as { readonly Problems: readonly string[] }).Problems;
}

function filesBelow(folder: string): readonly string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((path) => statSync(path).size > 0);
}

const layerFile = (end: string) =>
  filesBelow(join(engine.root, "snapshots")).find((path) => path.endsWith(end)) ?? assert.fail(end);

/** The same numbers each run. */
function random(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fffffff;
    return Math.floor((state / 0x80000000) * below);
  };
}

test("tamper: a sound image is sound, and nothing is left of the look", async () => {
  const before = readdirSync(join(engine.root, "snapshots"));
  assert.deepEqual(await problems(), []);
  assert.deepEqual(readdirSync(join(engine.root, "snapshots")), before);
});

/** Bends one bit of a file, its times kept; returns what mends it. */
function flip(path: string, next: (below: number) => number): () => void {
  const { atime, mtime } = statSync(path);
  const sound = readFileSync(path);
  const bent = Buffer.from(sound);
  const at = next(sound.length);
  bent[at] = (bent[at] ?? 0) ^ (1 << next(8));
  const write = (bytes: Buffer) => {
    writeFileSync(path, bytes);
    utimesSync(path, atime, mtime);
  };
  write(bent);
  return () => write(sound);
}

test("tamper: 100 random byte flips in blobs and unpacked layers are all found", async () => {
  const next = random(20_261_126);
  const blobs = filesBelow(join(engine.root, "blobs"));
  assert.equal(blobs.length, 4);
  let found = 0;
  for (let round = 0; round < 52; round++) {
    const path = blobs[next(blobs.length)] ?? "";
    const mend = flip(path, next);
    if ((await problems()).some((problem) => problem.includes(basename(path)))) found++;
    mend();
  }
  const files = filesBelow(join(engine.root, "snapshots"));
  assert.equal(files.length, 3);
  for (let round = 0; round < 16; round++) {
    const mends = files.map((path) => flip(path, next));
    found += (await problems()).filter((problem) => problem.endsWith(": altered content")).length;
    for (const mend of mends) mend();
  }
  assert.equal(found, 100);
  assert.deepEqual(await problems(), []);
});

test("tamper: what is changed about a layer's files is found", async () => {
  const two = layerFile("/etc/two");
  const { atime, mtime } = statSync(two);
  const folder = join(two, "..");
  const link = join(layerFile("/etc/one"), "../link");
  const bends: readonly (readonly [string, () => void, () => void])[] = [
    ["mode", () => chmodSync(two, 0o4755), () => chmodSync(two, 0o644)],
    ["owner", () => chownSync(two, 5, 0), () => chownSync(two, 0, 0)],
    ["time", () => utimesSync(two, atime, new Date()), () => utimesSync(two, atime, mtime)],
    ["a new file", () => writeFileSync(join(folder, "new"), ""), () => rmSync(join(folder, "new"))],
    [
      "a new folder",
      () => mkdirSync(join(folder, "new")),
      () => rmSync(join(folder, "new"), { recursive: true }),
    ],
    ["a lost file", () => renameSync(two, `${engine.root}/two`), () => renameSync(`${engine.root}/two`, two)],
    ["a folder's mode", () => chmodSync(folder, 0o777), () => chmodSync(folder, 0o755)],
    [
      "a link",
      () => renameAndLink(link, "/etc/shadow"),
      () => {
        rmSync(link);
        renameSync(`${engine.root}/link`, link);
      },
    ],
  ];
  for (const [what, bend, mend] of bends) {
    bend();
    assert.notDeepEqual(await problems(), [], what);
    mend();
  }
  assert.deepEqual(await problems(), []);
});

function renameAndLink(path: string, target: string): void {
  renameSync(path, `${engine.root}/link`);
  symlinkSync(target, path);
}

test("tamper: an altered image is refused, by name and by ID, also by the next daemon, until it is sound", async () => {
  const two = layerFile("/etc/two");
  const { atime, mtime } = statSync(two);
  const sound = readFileSync(two);
  const early = await engine.docker("create", name, "true");
  assert.equal(early.code, 0, early.stderr);
  writeFileSync(two, sound.toString().toUpperCase());
  utimesSync(two, atime, mtime);
  const scrub = promisify(execFile)(join(checkout, "bin/gantry"), ["image", "verify", "--all"], {
    env: { ...process.env, DOCKER_HOST: `unix://${engine.socket}` },
  });
  await assert.rejects(scrub, (error: { code?: number; stdout?: string }) => {
    assert.equal(error.code, 1);
    assert.match(
      error.stdout ?? "",
      /acme\/app:1: ALTERED\n {2}unpacked layer sha256:.*: \/etc\/two: altered content/,
    );
    return true;
  });
  const refused = /was found altered on disk/;
  assert.match((await engine.docker("create", name, "true")).stderr, refused);
  await engine.stop("SIGKILL");
  await engine.up();
  assert.match((await engine.docker("start", early.stdout.trim())).stderr, refused);
  writeFileSync(two, sound);
  utimesSync(two, atime, mtime);
  assert.deepEqual(await problems(), []);
  const made = await engine.docker("create", name, "true");
  assert.equal(made.code, 0, made.stderr);
  await engine.docker("rm", made.stdout.trim(), early.stdout.trim());
});

test("tamper: a record that was altered in the database is found", async () => {
  const write = async (record: (present: string) => string) => {
    await engine.stop("SIGTERM");
    const db = new DatabaseSync(join(engine.root, "engine.db"));
    const row = db.prepare("SELECT id, record FROM images").get() as { id: string; record: string };
    db.prepare("UPDATE images SET record = ? WHERE id = ?").run(record(row.record), row.id);
    db.close();
    await engine.up();
    return row.record;
  };
  const sound = await write((record) => record);
  for (const [from, to] of [
    ['"Cmd":["sh"]', '"Cmd":["evil"]'],
    [/"chainIds":\["sha256:./, '"chainIds":["sha256:g'],
    [/"size":\d+,"unpackedSize"/, '"size":1,"unpackedSize"'],
  ] as const) {
    const bent = sound.replace(from, to);
    assert.notEqual(bent, sound);
    await write(() => bent);
    assert.notDeepEqual(await problems(), [], String(from));
  }
  await write(() => sound);
  assert.deepEqual(await problems(), []);
});

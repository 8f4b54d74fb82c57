import assert from "node:assert/strict";
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { chmod, chown, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import type { HostConfig, MountPoint, MountRequest } from "#api/docker/container.ts";
import { Fault } from "#base/fault.ts";
import { silentLog } from "#base/log.ts";
import { openEngineDatabase } from "#engine/metadata/engine-database.ts";
import type { Database } from "#host/sqlite/database.ts";
import { LocalVolumes, type LocalVolumesDeps } from "./local-volumes.ts";
import { volumeListFilter, volumePruneFilter } from "./volume-filters.ts";
import { VolumeMounter } from "./volume-mounter.ts";
import { volumeUsageView, volumeView } from "./views.ts";

const signal = new AbortController().signal;
const noPoints = (): readonly MountPoint[] => [];
type Copy = LocalVolumesDeps["copyUp"];

/** A world on disk that outlives its daemons: `start` is another one over what the last one left. */
async function world(t: TestContext) {
  const folder = await mkdtemp(join(tmpdir(), "gantry-volumes-"));
  t.after(() => rm(folder, { recursive: true, force: true }));
  const events: string[] = [];
  let db: Database | undefined;
  t.after(() => db?.[Symbol.dispose]());
  const start = (copyUp: Copy = () => Promise.resolve()) => {
    db?.[Symbol.dispose]();
    db = openEngineDatabase(join(folder, "db"));
    return new LocalVolumes({
      root: join(folder, "volumes"),
      db,
      events: {
        publish: (type, action, id, attributes) =>
          void events.push(`${type} ${action} ${id} ${attributes?.["container"] ?? ""}`.trim()),
      },
      log: silentLog,
      now: () => 1_795_000_000_123_456_789n,
      canReadOnlyBelow: true,
      mounter: new VolumeMounter({
        helper: {
          mount: () => Promise.resolve(undefined),
          unmount: () => Promise.resolve(undefined),
        },
        lookup: (host) => Promise.resolve(host),
      }),
      images: {
        hold: (name) => Promise.reject(new Fault("not-found", `No such image: ${name}`)),
        release: () => Promise.resolve(),
      },
      copyUp,
    });
  };
  return { folder, root: join(folder, "volumes"), events, start };
}

function hostConfig(config: {
  Binds?: string[];
  Mounts?: MountRequest[];
  VolumesFrom?: string[];
}): HostConfig {
  return { Binds: null, VolumesFrom: null, VolumeDriver: "", ...config } as unknown as HostConfig;
}

test("LocalVolumes: a volume is created once, shown, and removed", async (t) => {
  const { root, events, start } = await world(t);
  const volumes = start();
  const [made, again] = await Promise.all([
    volumes.create({ name: "data", labels: { a: "b" } }),
    volumes.create({ name: "data" }),
  ]);
  assert.equal(made, again);
  writeFileSync(join(root, "data", "_data", "file"), "12345");
  assert.deepEqual(await volumeUsageView(volumes, volumes.get("data"), signal), {
    CreatedAt: "2026-11-18T11:06:40Z",
    Driver: "local",
    Labels: { a: "b" },
    Mountpoint: join(root, "data", "_data"),
    Name: "data",
    Options: null,
    Scope: "local",
    UsageData: { RefCount: 0, Size: 5 },
  });
  assert.equal(start().get("data").id, made.id);
  const after = start();
  await after.remove("data", { force: true });
  assert.deepEqual(readdirSync(root), []);
  assert.throws(() => start().get("data"), { kind: "not-found", message: "get data: no such volume" });
  assert.ok(events.includes("volume create data") && events.includes("volume destroy data"));
});

test("LocalVolumes: refuses names, options and drivers with the texts of dockerd", async (t) => {
  const volumes = (await world(t)).start();
  const long = "n".repeat(256);
  for (const [request, message] of [
    [
      { name: "a" },
      "create a: volume name is too short, names should be at least two alphanumeric characters",
    ],
    [
      { name: "a/b" },
      'create a/b: "a/b" includes invalid characters for a local volume name, only "[a-zA-Z0-9][a-zA-Z0-9_.-]" are allowed. If you intended to pass a host directory, use absolute path',
    ],
    [{ name: "ok", driverOptions: { size: "1g" } }, "create ok: quota size requested but no quota support"],
    [{ name: "ok", driverOptions: { type: "tmpfs" } }, 'create ok: missing required option: "device"'],
    [{ name: "ok", driverOptions: { foo: "1" } }, 'create ok: invalid option: "foo"'],
    [{ name: long }, `create ${long}: file name too long`],
  ] as const)
    await assert.rejects(volumes.create(request), { kind: "invalid", message });
  await assert.rejects(volumes.create({ name: "ok", driver: "nope" }), {
    kind: "not-found",
    message: 'create ok: error looking up volume plugin nope: plugin "nope" not found',
  });
  await assert.rejects(volumes.remove("none", { force: false }), { message: "get none: no such volume" });
  await volumes.remove("none", { force: true });
  assert.deepEqual(volumes.list(), []);
});

test("resolve: makes what has to exist, and gives OCI mounts and inspect's view of them", async (t) => {
  const { folder, root, start } = await world(t);
  const volumes = start();
  const source = join(folder, "made", "here");
  const mounts = await volumes.resolve(
    "c1",
    hostConfig({
      Binds: [`${source}:/b:ro,rslave`, "named:/n:ro"],
      Mounts: [{ Type: "tmpfs", Target: "/t" }],
    }),
    ["/anon"],
    noPoints,
  );
  assert.ok(statSync(source).isDirectory());
  const anonymous = mounts[0]?.point.Name ?? "";
  assert.match(anonymous, /^[0-9a-f]{64}$/);
  assert.deepEqual(volumes.get(anonymous).labels, { "com.docker.volume.anonymous": "" });
  assert.deepEqual(
    mounts.map(({ type, source: from, destination, options }) => [type, from, destination, options.join()]),
    [
      ["bind", join(root, anonymous, "_data"), "/anon", "rbind,rprivate"],
      ["bind", source, "/b", "rbind,rro,rslave"],
      ["bind", join(root, "named", "_data"), "/n", "rbind,ro,rprivate"],
      ["tmpfs", "tmpfs", "/t", "noexec,nosuid,nodev,rprivate"],
    ],
  );
  assert.deepEqual(mounts[2]?.point, {
    Type: "volume",
    Name: "named",
    Source: join(root, "named", "_data"),
    Destination: "/n",
    Driver: "local",
    Mode: "ro",
    RW: false,
    Propagation: "",
  });
  await assert.rejects(volumes.remove("named", { force: true }), {
    kind: "conflict",
    message: "remove named: volume is in use - [c1]",
  });
});

test("resolve: leaves nothing behind when any part of it fails", async (t) => {
  const { folder, root, events, start } = await world(t);
  const fails: Copy = (_id, path) =>
    path === "/b" ? Promise.reject(new Error("disk is full")) : Promise.resolve();
  const volumes = start(fails);
  await volumes.create({ name: "old" });
  const config = hostConfig({ Binds: [`${folder}/x/y:/a`, "fresh:/b", "old:/c"] });
  await assert.rejects(volumes.resolve("c1", config, ["/d"], noPoints), /disk is full/);
  const missing = hostConfig({
    Binds: ["fresh:/b"],
    Mounts: [{ Type: "bind", Source: `${folder}/no`, Target: "/m" }],
  });
  await assert.rejects(volumes.resolve("c1", missing, [], noPoints), {
    kind: "invalid",
    message: `invalid mount config for type "bind": bind source path does not exist: ${folder}/no`,
  });
  await assert.rejects(volumes.resolve("c1", hostConfig({ Binds: ["./rel:/b", "ok:/c"] }), [], noPoints), {
    message: /^create \.\/rel: .*If you intended to pass a host directory, use absolute path$/,
  });
  assert.deepEqual(
    volumes.list().map(({ name }) => name),
    ["old"],
  );
  assert.deepEqual(readdirSync(root), ["old"]);
  assert.deepEqual(volumes.usersOf("old"), []);
  assert.ok(!existsSync(`${folder}/x`));
  assert.equal(
    events.filter((event) => event.includes("create")).length - 1,
    events.filter((event) => event.includes("destroy")).length,
  );
});

test("resolve: a volume that is empty is filled from the image, with owner and mode, and another is not", async (t) => {
  const { root, start } = await world(t);
  const copies: string[] = [];
  const copy: Copy = async (id, path, target) => {
    copies.push(`${id} ${path}`);
    await writeFile(join(target, "file"), "from the image");
    await chown(target, 33, 44);
    await chmod(target, 0o1750);
  };
  const volumes = start(copy);
  await volumes.resolve("c1", hostConfig({ Binds: ["data:/d", "skipped:/s:nocopy"] }), [], noPoints);
  const { uid, gid, mode } = statSync(join(root, "data", "_data"));
  assert.deepEqual([uid, gid, mode & 0o7777], [33, 44, 0o1750]);
  assert.deepEqual(readdirSync(join(root, "data")), ["_data"]);
  await volumes.resolve("c2", hostConfig({ Binds: ["data:/d"] }), [], noPoints);
  assert.deepEqual(copies, ["c1 /d"]);
  assert.deepEqual(readdirSync(join(root, "skipped", "_data")), []);
});

test("resolve: a volume with driver options mounts what they name", async (t) => {
  const { folder, start } = await world(t);
  const volumes = start();
  const device = join(folder, "device");
  await volumes.create({ name: "bound", driverOptions: { type: "none", o: "bind", device } });
  await volumes.create({
    name: "memory",
    driverOptions: { type: "tmpfs", device: "tmpfs", o: "size=1m,uid=5" },
  });
  await volumes.create({
    name: "remote",
    driverOptions: { type: "nfs", device: ":/x", o: "addr=10.0.0.1,rw" },
  });
  const config = hostConfig({ Binds: ["bound:/b", "memory:/m", "remote:/r:ro"] });
  const mounts = await volumes.resolve("c1", config, [], noPoints);
  assert.deepEqual(
    mounts.map(({ type, source, options }) => [type, source, options.join()]),
    [
      ["bind", device, "bind,rprivate"],
      ["bind", volumes.mountpointOf(volumes.get("memory")), "rbind,rprivate"],
      ["bind", volumes.mountpointOf(volumes.get("remote")), "rbind,ro,rprivate"],
    ],
  );
  await assert.rejects(volumes.beforeStart("c1", mounts), {
    kind: "invalid",
    message: /failed to mount local volume: mount .*: no such file or directory$/,
  });
});

test("beforeStart: makes -v sources again, checks the others, and keeps subpaths inside", async (t) => {
  const { folder, root, events, start } = await world(t);
  const volumes = start();
  const source = join(folder, "source");
  const config = hostConfig({
    Binds: [`${source}:/b`],
    Mounts: [{ Type: "volume", Source: "data", Target: "/d", VolumeOptions: { Subpath: "sub" } }],
  });
  const mounts = await volumes.resolve("c1", config, [], noPoints);
  await rm(source, { recursive: true });
  await assert.rejects(volumes.beforeStart("c1", mounts), {
    kind: "invalid",
    message: /^cannot access path /,
  });
  assert.ok(existsSync(source));
  symlinkSync("/etc", join(root, "data", "_data", "sub"));
  await assert.rejects(volumes.beforeStart("c1", mounts), /path concatenation escapes the base directory/);
  await rm(join(root, "data", "_data", "sub"));
  mkdirSync(join(root, "data", "_data", "sub"));
  events.length = 0;
  await volumes.beforeStart("c1", mounts);
  volumes.afterStop("c1", mounts);
  assert.deepEqual(events, ["volume mount data c1", "volume unmount data c1"]);
  await rm(source, { recursive: true });
  writeFileSync(source, "");
  await volumes.beforeStart("c1", mounts);
});

test("release: anonymous volumes go with their container if nobody else uses them", async (t) => {
  const { start } = await world(t);
  const volumes = start();
  const points = async (id: string, config = hostConfig({}), declared = ["/v"]) => {
    const mounts = await volumes.resolve(id, config, declared, () => shared);
    return mounts.map(({ point }) => point);
  };
  let shared: readonly MountPoint[] = [];
  shared = await points("c1", hostConfig({ Binds: ["named:/n"] }));
  await points("c2", hostConfig({ VolumesFrom: ["c1"] }), []);
  await points("c3");
  await points("c4");
  assert.equal(volumes.list().length, 4);
  await volumes.release("c1", true);
  assert.equal(volumes.list().length, 4, "c2 uses what was made for c1");
  await volumes.release("c3", true);
  await volumes.release("c4", false);
  await volumes.release("c4", true);
  assert.equal(volumes.list().length, 3);
  assert.deepEqual(volumes.usersOf("named"), ["c2"]);
});

test("prune: removes what matches and is not used, and says how much that was", async (t) => {
  const { root, start } = await world(t);
  const volumes = start();
  await volumes.resolve("c1", hostConfig({ Binds: ["used:/u"] }), ["/v"], noPoints);
  const { name: anonymous } = await volumes.create({});
  await volumes.create({ name: "kept", labels: { keep: "yes" } });
  await volumes.create({ name: "loose" });
  writeFileSync(join(root, anonymous, "_data", "file"), "1234");
  assert.deepEqual(await volumes.prune(volumePruneFilter(new Map()), signal), {
    removed: [anonymous],
    bytes: 4,
  });
  const all = volumePruneFilter(
    new Map([
      ["all", ["true"]],
      ["label!", ["keep"]],
    ]),
  );
  assert.deepEqual((await volumes.prune(all, signal)).removed, ["loose"]);
  assert.equal(volumes.list().length, 3);
});

test("volumeListFilter: by name, label, driver and use", async (t) => {
  const volumes = (await world(t)).start();
  await volumes.create({ name: "one", labels: { a: "1" } });
  await volumes.create({ name: "two" });
  await volumes.resolve("c1", hostConfig({ Binds: ["two:/x"] }), [], noPoints);
  const names = (...filters: [string, string[]][]) =>
    volumes
      .list()
      .filter(volumeListFilter(new Map(filters), volumes))
      .map((record) => volumeView(volumes, record).Name);
  assert.deepEqual(names(), ["one", "two"]);
  assert.deepEqual(names(["name", ["w"]]), ["two"]);
  assert.deepEqual(names(["label", ["a=1"]]), ["one"]);
  assert.deepEqual(names(["driver", ["nfs"]]), []);
  assert.deepEqual(names(["dangling", ["true"]]), ["one"]);
  assert.deepEqual(names(["dangling", ["0"]]), ["two"]);
  assert.throws(() => names(["dangling", ["maybe"]]), { kind: "invalid" });
});

test("reconcile: finishes a removal that was cut off after the folder and before the row", async (t) => {
  const { root, start } = await world(t);
  const { id } = await start().create({ name: "data" });
  writeFileSync(join(root, "data", "_data", "file"), "");
  renameSync(join(root, "data"), join(root, `.removed-${id}`));
  const volumes = start();
  await volumes.reconcile();
  assert.deepEqual(volumes.list(), []);
  assert.deepEqual(readdirSync(root), []);
});

test("reconcile: what was removed and made again under its name stays", async (t) => {
  const { root, start } = await world(t);
  await start().create({ name: "data" });
  mkdirSync(join(root, ".removed-0123"));
  const volumes = start();
  await volumes.reconcile();
  assert.deepEqual(readdirSync(root), ["data"]);
  assert.equal(volumes.list().length, 1);
});

test("reconcile: a row without a folder gets it back, a folder without a row is left alone", async (t) => {
  const { root, start } = await world(t);
  await start().create({ name: "data" });
  await rm(join(root, "data"), { recursive: true });
  mkdirSync(join(root, "somebodys", "_data"), { recursive: true });
  const volumes = start();
  await volumes.reconcile();
  await volumes.resolve("c1", hostConfig({ Binds: ["data:/d"] }), [], noPoints);
  assert.deepEqual(readdirSync(root), ["data", "somebodys"]);
});

test("reconcile: anonymous volumes of a create that was cut off go, those of known and removed containers stay", async (t) => {
  const { start } = await world(t);
  const before = start();
  const known = await before.resolve("known", hostConfig({}), ["/v"], noPoints);
  await before.resolve("cut-off", hostConfig({ Binds: ["named:/n"] }), ["/v"], noPoints);
  await before.resolve("removed", hostConfig({}), ["/v"], noPoints);
  await before.release("removed", false);
  const volumes = start();
  volumes.adopt(
    "known",
    known.map(({ point }) => point),
    false,
  );
  await volumes.reconcile();
  assert.equal(volumes.list().length, 3);
  assert.ok(volumes.list().every(({ madeFor }) => madeFor !== "cut-off"));
  assert.deepEqual(volumes.usersOf(known[0]?.point.Name ?? ""), ["known"]);
});

test("reconcile: a volume that a container has run with stays, even when nobody knows that container", async (t) => {
  const { start } = await world(t);
  const before = start();
  const mounts = await before.resolve("c1", hostConfig({}), ["/v"], noPoints);
  await before.beforeStart("c1", mounts);
  const volumes = start();
  await volumes.reconcile();
  assert.equal(volumes.list().length, 1);
});

test("reconcile: an unfinished copy is discarded, a finished one is moved in, once", async (t) => {
  const { root, start } = await world(t);
  const volumes = start();
  await volumes.create({ name: "half" });
  await volumes.create({ name: "whole" });
  mkdirSync(join(root, "half", "_copy"));
  writeFileSync(join(root, "half", "_copy", "part"), "");
  mkdirSync(join(root, "whole", "_fill"), { mode: 0o700 });
  writeFileSync(join(root, "whole", "_fill", "second"), "image");
  writeFileSync(join(root, "whole", "_fill", "first"), "image");
  writeFileSync(join(root, "whole", "_data", "first"), "container");
  const next = start();
  await next.reconcile();
  await next.reconcile();
  assert.deepEqual(readdirSync(join(root, "half")), ["_data"]);
  assert.deepEqual(readdirSync(join(root, "half", "_data")), []);
  assert.deepEqual(readdirSync(join(root, "whole")), ["_data"]);
  assert.deepEqual(readdirSync(join(root, "whole", "_data")), ["first", "second"]);
  assert.equal(readFileSync(join(root, "whole", "_data", "first"), "utf8"), "container");
  assert.equal(statSync(join(root, "whole", "_data")).mode & 0o777, 0o700);
});

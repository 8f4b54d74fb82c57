import assert from "node:assert/strict";
import { test } from "node:test";
import type { MountPoint } from "#api/docker/container.ts";
import { Fault } from "#base/fault.ts";
import { type MountConfig, planMounts } from "./plan-mounts.ts";

const nothing: MountConfig = { Binds: null, VolumesFrom: null, VolumeDriver: "" };
const dataFolderOf = (name: string) => `/volumes/${name}/_data`;

function plan(
  config: Partial<MountConfig>,
  volumes: readonly string[] = [],
  points: readonly MountPoint[] = [],
) {
  return planMounts({ ...nothing, ...config }, volumes, () => points, dataFolderOf);
}

function point(destination: string, rest: Partial<MountPoint> = {}): MountPoint {
  return {
    Type: "volume",
    Name: "shared",
    Source: dataFolderOf("shared"),
    Destination: destination,
    Driver: "local",
    Mode: "z",
    RW: true,
    Propagation: "",
    ...rest,
  };
}

test("planMounts: what the request names goes over other containers' mounts, and both over the image's", () => {
  const planned = plan(
    { VolumesFrom: ["other"], Binds: ["mine:/a"], Tmpfs: { "/t": "size=1m" } },
    ["/a/", "/b", "c", "/t"],
    [point("/a"), point("/b")],
  );
  assert.deepEqual(
    planned.map((mount) => [mount.destination, mount.kind, mount.kind === "volume" ? mount.name : undefined]),
    [
      ["/a", "volume", "mine"],
      ["/b", "volume", "shared"],
      ["/c", "volume", undefined],
      ["/t", "tmpfs", undefined],
    ],
  );
});

test("planMounts: parents come before what is mounted in them", () => {
  const planned = plan({ Binds: ["v1:/a/b/c", "v2:/z", "v3:/a/b", "v4:/a"] });
  assert.deepEqual(
    planned.map((mount) => mount.destination),
    ["/a", "/z", "/a/b", "/a/b/c"],
  );
});

test("planMounts: two mounts that the request names for one destination are refused", () => {
  for (const config of [
    { Binds: ["v1:/x", "/tmp:/x/"] },
    { Binds: ["v1:/x"], Mounts: [{ Type: "tmpfs" as const, Target: "/y/../x" }] },
    { Binds: ["v1:/x"], Tmpfs: { "/x": "" } },
    { Tmpfs: { "/x": "", "/x/": "" } },
  ])
    assert.throws(() => plan(config), { kind: "invalid", message: "Duplicate mount point: /x" });
});

test("planMounts: mounts of another container are at most as writable as there, and the same part", () => {
  const planned = plan(
    { VolumesFrom: ["other:ro"] },
    [],
    [
      point("/part", { Source: `${dataFolderOf("shared")}/sub/folder` }),
      point("/bound", { Type: "bind", Source: "/srv", Propagation: "rslave" }),
      point("/tmp", { Type: "tmpfs", Source: "" }),
    ],
  );
  assert.ok(planned.every((mount) => mount.isReadOnly));
  const [bound, part] = planned;
  assert.equal(bound?.kind === "bind" && bound.propagation, "rslave");
  assert.equal(part?.kind === "volume" && part.subpath, "sub/folder");
  const [writable] = plan({ VolumesFrom: ["other"] }, [], [point("/v", { RW: false })]);
  assert.equal(writable?.isReadOnly, true);
});

test("planMounts: a container that is not there is the request's fault", () => {
  const from = () => {
    throw new Fault("not-found", "No such container: nope");
  };
  assert.throws(() => planMounts({ ...nothing, VolumesFrom: ["nope"] }, [], from, dataFolderOf), {
    kind: "invalid",
    message: "No such container: nope",
  });
});

test("planMounts: an image may not mount over the root", () => {
  assert.throws(() => plan({}, ["/"]), { kind: "invalid" });
  assert.throws(() => plan({}, ["/a/../.."]), { kind: "invalid" });
});

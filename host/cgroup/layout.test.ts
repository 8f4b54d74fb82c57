import assert from "node:assert/strict";
import { test } from "node:test";
import { detectLayout, foldersOf, type LegacyLayout, underBase, unifiedFolderOf } from "./layout.ts";

const line = (point: string, type: string, options: string) =>
  `33 31 0:30 / ${point} rw,relatime shared:1 - ${type} cgroup rw,${options}\n`;
const none = () => [];

test("detectLayout: v1 controllers, alone or mounted together", () => {
  const mountinfo =
    line("/sys/fs/cgroup/cpu,cpuacct", "cgroup", "cpu,cpuacct") +
    line("/sys/fs/cgroup/memory", "cgroup", "memory") +
    line("/elsewhere/memory", "cgroup", "memory") +
    line("/sys/fs/cgroup/systemd", "cgroup", "xattr,name=systemd");

  assert.deepEqual(detectLayout(mountinfo, none), {
    kind: "v1",
    controllers: {
      cpu: "/sys/fs/cgroup/cpu,cpuacct",
      cpuacct: "/sys/fs/cgroup/cpu,cpuacct",
      memory: "/sys/fs/cgroup/memory",
    },
  });
});

test("detectLayout: v2 beside v1 is a hybrid, v2 alone is v2", () => {
  const unified = line("/sys/fs/cgroup/uni\\040fied", "cgroup2", "nsdelegate");

  assert.deepEqual(detectLayout(unified + line("/p", "cgroup", "pids"), none), {
    kind: "hybrid",
    controllers: { pids: "/p" },
    unified: "/sys/fs/cgroup/uni fied",
  });
  assert.deepEqual(
    detectLayout(unified, (root) => [root, "memory"]),
    { kind: "v2", root: "/sys/fs/cgroup/uni fied", controllers: ["/sys/fs/cgroup/uni fied", "memory"] },
  );
});

test("detectLayout: a machine without cgroups has a v1 without controllers", () => {
  assert.deepEqual(detectLayout(line("/", "ext4", "discard"), none), { kind: "v1", controllers: {} });
});

test("foldersOf: one a hierarchy; the freezer only where v2 cannot freeze", () => {
  const layout: LegacyLayout = {
    kind: "v1",
    controllers: { cpu: "/c", cpuacct: "/c", freezer: "/f", perf_event: "/p" },
  };

  assert.deepEqual(
    foldersOf(layout, "/a").map((folder) => folder.path),
    ["/c/a", "/f/a"],
  );
  assert.deepEqual(
    foldersOf({ ...layout, kind: "hybrid", unified: "/u" }, "/a").map((folder) => folder.path),
    ["/c/a", "/u/a"],
  );
  assert.equal(unifiedFolderOf(layout, "/a"), undefined);
});

test("underBase: moves what is below /sys/fs/cgroup and leaves the rest", () => {
  assert.equal(underBase("/sys/fs/cgroup/memory/x", "/b"), "/b/memory/x");
  assert.equal(underBase("/cgroup/memory/x", "/b"), "/cgroup/memory/x");
});

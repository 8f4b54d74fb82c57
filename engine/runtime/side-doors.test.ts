import assert from "node:assert/strict";
import { test } from "node:test";
import type { HostConfig } from "#api/docker/container.ts";
import { sideDoorsOf } from "./side-doors.ts";

const plain = { PidMode: "", IpcMode: "private", UsernsMode: "" } as HostConfig;
const doors = (change: Partial<HostConfig>) =>
  sideDoorsOf({ ...plain, ...change }, ["/run/gantry", "/var/lib/gantry"]);

test("sideDoorsOf: a container that asks for nothing opens none", () => {
  assert.deepEqual(doors({ Binds: ["data:/data", "/srv/web:/www:ro"], CapAdd: ["NET_ADMIN"] }), []);
});

test("sideDoorsOf: names what was asked for as it was asked for", () => {
  assert.deepEqual(doors({ Privileged: true }), ["--privileged"]);
  assert.deepEqual(doors({ SecurityOpt: ["seccomp=unconfined", "no-new-privileges"] }), [
    "--security-opt seccomp=unconfined",
  ]);
  assert.deepEqual(doors({ CapAdd: ["sys_admin", "CAP_SYS_PTRACE", "CHOWN"] }), [
    "--cap-add sys_admin",
    "--cap-add CAP_SYS_PTRACE",
  ]);
  assert.deepEqual(doors({ PidMode: "container:other", IpcMode: "host", UsernsMode: "host" }), [
    "--pid=container:other",
    "--ipc=host",
    "--userns=host",
  ]);
});

test("sideDoorsOf: sockets of engines, the host's own file systems and the engine's folders, and folders around them", () => {
  for (const source of [
    "/run/docker.sock",
    "/var/run/docker.sock",
    "/run",
    "/",
    "/proc",
    "/proc/sys",
    "/sys/fs/cgroup",
    "/var/lib/lxcfs",
    "/run/gantry/docker.sock",
    "/var/lib/gantry/volumes",
    "/var/lib",
  ]) {
    assert.deepEqual(doors({ Binds: [`${source}:/x`] }), [`-v ${source}`]);
    const mount = { Type: "bind", Source: source, Target: "/x" } as const;
    assert.deepEqual(doors({ Mounts: [mount] }), [`-v ${source}`]);
  }
});

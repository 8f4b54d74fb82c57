import assert from "node:assert/strict";
import { test } from "node:test";
import type { ExecConfig, HostConfig } from "#api/docker/container.ts";
import { defaultCapabilities } from "./capabilities.ts";
import { planExec } from "./exec-spec.ts";
import type { ResolvedUser } from "./runtime-spec.ts";
import { sampleConfig, sampleHost, sampleHostConfig, sampleInput } from "./sample.contract.ts";
import { planSpec } from "./spec.ts";

const root: ResolvedUser = { uid: 0, gid: 0, additionalGids: [0], home: "/root" };

function plan(exec: ExecConfig, user = root, hostConfig: Partial<HostConfig> = {}, uid = 0) {
  const merged = { ...sampleHostConfig, ...hostConfig };
  const input = { ...sampleInput, user: { ...sampleInput.user, uid }, hostConfig: merged };
  const container = planSpec(input).spec.process;
  const config = { ...sampleConfig, Env: ["A=1", "B=1"], WorkingDir: "/w" };
  return planExec({ ...container, cwd: "/w" }, config, merged, exec, user, sampleHost);
}

test("planExec: is the container's process with another program", () => {
  const process = plan({ Cmd: ["id"] }, root, { SecurityOpt: ["no-new-privileges"], OomScoreAdj: 5 });

  assert.deepEqual(process.args, ["id"]);
  assert.deepEqual([process.cwd, process.noNewPrivileges, process.oomScoreAdj], ["/w", true, 5]);
  assert.deepEqual(process.capabilities?.effective, defaultCapabilities);
  assert.deepEqual(process.env.slice(1), ["HOSTNAME=0123456789ab", "A=1", "B=1", "HOME=/root"]);
});

test("planExec: has its own terminal, environment, folder and user", () => {
  const user = { uid: 5, gid: 6, additionalGids: [6, 7], home: "/h" };

  const process = plan(
    { Cmd: ["id"], Tty: true, ConsoleSize: [2, 3], Env: ["B=2", "A"], WorkingDir: "/x" },
    user,
  );

  assert.deepEqual(process.consoleSize, { height: 2, width: 3 });
  assert.deepEqual(process.env.slice(2), ["TERM=xterm", "B=2", "HOME=/h"]);
  assert.equal(process.cwd, "/x");
  assert.deepEqual(process.user, { uid: 5, gid: 6, additionalGids: [6, 7] });
  assert.deepEqual(process.capabilities?.effective, []);
  assert.deepEqual(process.capabilities?.bounding, defaultCapabilities);
});

test("planExec: root in the container of somebody else has the container's capabilities", () => {
  assert.deepEqual(plan({ Cmd: ["id"] }, root, {}, 1000).capabilities?.effective, defaultCapabilities);
});

test("planExec: privileged means the host's capabilities; inheritable and ambient stay empty", () => {
  const { capabilities } = plan({ Cmd: ["id"], Privileged: true });

  assert.deepEqual(capabilities?.effective, sampleHost.capabilities);
  assert.deepEqual([capabilities?.inheritable, capabilities?.ambient], [[], []]);
});

test("planExec: refuses an exec without a command, and a folder that is not absolute", () => {
  assert.throws(() => plan({ Cmd: [] }), /No exec command specified/);
  assert.throws(() => plan({ Cmd: ["id"], WorkingDir: "x" }), /Cwd must be an absolute path/);
});

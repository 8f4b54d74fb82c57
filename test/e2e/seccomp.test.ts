import assert from "node:assert/strict";
import { copyFileSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { defaultProfile } from "#oci/seccomp/default-rules.ts";
import { type Case, differences, native, usual } from "../seccomp/oracle.ts";
import { buildProbe, heldCapabilities } from "../seccomp/probe-container.ts";
import { loadBusybox } from "../support/busybox-image.ts";
import { EngineUnderTest } from "../support/engine.ts";

// The system calls of numbers 0 to 470 and the arguments that rules look at, as containers of the daemon may make them.

let engine: EngineUnderTest;

before(async () => {
  engine = await EngineUnderTest.start("10.220.0.1/16");
  const folder = mkdtempSync(join(tmpdir(), "gantry-probe-"));
  try {
    const probe = await buildProbe(folder);
    await loadBusybox(engine, "probe:latest", {}, (rootfs) => copyFileSync(probe, join(rootfs, "probe")));
  } finally {
    rmSync(folder, { recursive: true });
  }
});
after(async () => {
  await engine[Symbol.asyncDispose]();
});

const ofDefault = { name: "default", profile: "default", oracle: defaultProfile } as const;

const cases: readonly (Case & { readonly options: readonly string[] })[] = [
  { ...ofDefault, options: [], capabilities: usual },
  { ...ofDefault, options: ["--cap-add", "SYS_ADMIN"], capabilities: [...usual, "CAP_SYS_ADMIN"] },
  { ...ofDefault, options: ["--cap-drop", "ALL"], capabilities: [] },
  {
    name: "none",
    options: ["--privileged"],
    capabilities: await heldCapabilities(),
    profile: "unconfined",
    oracle: undefined,
  },
  {
    name: "none",
    options: ["--security-opt", "seccomp=unconfined"],
    capabilities: usual,
    profile: "unconfined",
    oracle: undefined,
  },
];

function assertVerdicts(
  tested: Case,
  { stdout, stderr }: { readonly stdout: string; readonly stderr: string },
) {
  assert.ok(stdout.split("\n").length > 550, stderr);
  assert.deepEqual(differences(tested, stdout), []);
}

for (const tested of cases)
  test(`docker run ${tested.options.join(" ")}: every verdict is the one computed from the rules`, async () => {
    assertVerdicts(
      tested,
      await engine.docker("run", "--rm", ...tested.options, "probe", "/probe", "verdicts"),
    );
  });

for (const tested of cases.slice(0, 4))
  test(`docker exec in a container ${tested.options.join(" ")}: its verdicts are the container's`, async () => {
    await engine.docker("run", "-d", "--name", "holds", ...tested.options, "probe", "sleep", "1000");
    assertVerdicts(tested, await engine.docker("exec", "holds", "/probe", "verdicts"));
    await engine.docker("rm", "-f", "holds");
  });

test("docker exec --privileged keeps the container's filter, as Docker's does", async () => {
  await engine.docker("run", "-d", "--name", "holds", "probe", "sleep", "1000");
  const { stdout } = await engine.docker("exec", "--privileged", "holds", "/probe", "status");
  assert.match(stdout, /^Seccomp:\t2$/m);
  await engine.docker("rm", "-f", "holds");
});

test("keyrings, io_uring, and sockets of AF_ALG and AF_VSOCK are refused with EPERM", async () => {
  const { stdout } = await engine.docker("run", "--rm", "probe", "/probe", "verdicts");
  const verdicts = new Map(stdout.split("\n").map((line) => [line.split(" ").slice(1, 4).join(" "), line]));
  const socket = native.get("socket");
  for (const family of ["0x26", "0x28"])
    assert.match(verdicts.get(`native ${socket} ${family}`) ?? "", / errno 1$/, family);
  for (const name of ["add_key", "request_key", "keyctl", "io_uring_setup", "userfaultfd", "bpf", "mount"]) {
    const lines = stdout.split("\n").filter((line) => line.startsWith(`verdict native ${native.get(name)} `));
    assert.ok(lines.length > 0, name);
    for (const line of lines) assert.match(line, / errno 1$/, name);
  }
});

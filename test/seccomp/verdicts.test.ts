import assert from "node:assert/strict";
import { after, before, suite, test } from "node:test";
import { ENOSYS, EPERM } from "#oci/seccomp/action.ts";
import { defaultProfile } from "#oci/seccomp/default-rules.ts";
import { parseProfile } from "#oci/seccomp/profile.ts";
import { seccompProgram } from "#oci/seccomp/program.ts";
import { callOf, type Case, differences, expected, native, targetOf, unfiltered, usual } from "./oracle.ts";
import { heldCapabilities, ProbeContainers } from "./probe-container.ts";

const held = await heldCapabilities();

const cases: readonly Case[] = [
  { name: "the usual capabilities", capabilities: usual, profile: "default", oracle: defaultProfile },
  {
    name: "CAP_SYS_ADMIN added",
    capabilities: [...usual, "CAP_SYS_ADMIN"],
    profile: "default",
    oracle: defaultProfile,
  },
  { name: "no capabilities", capabilities: [], profile: "default", oracle: defaultProfile },
  { name: "privileged", capabilities: held, profile: "unconfined", oracle: undefined },
];

/** Much of what a client's own profile can ask for; without i386 and x32, so that a call through them kills. */
const json = `{
  "defaultAction": "SCMP_ACT_ALLOW",
  "architectures": ["SCMP_ARCH_X86_64", "SCMP_ARCH_AARCH64"],
  "flags": ["SECCOMP_FILTER_FLAG_LOG"],
  "syscalls": [
    { "names": ["chdir", "setns"], "action": "SCMP_ACT_ERRNO", "errnoRet": 95 },
    { "name": "acct", "action": "SCMP_ACT_KILL_PROCESS" },
    { "names": ["swapoff"], "action": "SCMP_ACT_TRAP" },
    {
      "names": ["socket"],
      "action": "SCMP_ACT_ERRNO",
      "args": [
        { "index": 0, "value": 7, "op": "SCMP_CMP_GE" },
        { "index": 1, "value": 18446744073709551614, "op": "SCMP_CMP_GT" }
      ]
    },
    {
      "names": ["personality"],
      "action": "SCMP_ACT_ERRNO",
      "args": [{ "index": 0, "value": 131072, "valueTwo": 131072, "op": "SCMP_CMP_MASKED_EQ" }]
    }
  ]
}`;

function programOf({ profile, capabilities }: Case) {
  return seccompProgram({ ...targetOf(capabilities), profile });
}

suite("seccomp in the kernel", { skip: process.getuid?.() !== 0 && "needs root" }, () => {
  let containers: ProbeContainers;
  before(async () => {
    containers = await ProbeContainers.open();
  });
  after(async () => {
    const leftovers = await containers.leftovers();
    await containers[Symbol.asyncDispose]();
    assert.deepEqual(leftovers, []);
  });

  for (const tested of cases) {
    test(`with ${tested.name}, the kernel's verdict on every call is the profile's`, async () => {
      const { capabilities } = tested;
      const output = await containers.run({ args: ["verdicts"], capabilities, program: programOf(tested) });
      assert.ok(output.split("\n").length > 550);
      assert.deepEqual(differences(tested, output), []);
    });

    test(`with ${tested.name}, calls that are allowed behave as without a filter, others fail as they should`, async () => {
      const { capabilities } = tested;
      const filtered = await containers.run({ args: ["calls"], capabilities, program: programOf(tested) });
      const free = await containers.run({ args: ["calls"], capabilities, program: undefined });
      assert.deepEqual(outcomesOf(filtered), expectedOutcomes(tested, outcomesOf(free)));
    });
  }

  test("with a client's profile, the kernel's verdict on every call is the profile's", async () => {
    const tested = { name: "", capabilities: usual, profile: { json }, oracle: parseProfile(json) };
    const output = await containers.run({
      args: ["verdicts"],
      capabilities: usual,
      program: programOf(tested),
    });
    assert.deepEqual(differences(tested, output), []);
    assert.ok(output.includes("signal 31"));
  });

  test("a container has one filter, set without no_new_privs, and so has what crun execs in it", async () => {
    const program = programOf({ name: "", capabilities: usual, profile: "default", oracle: undefined });
    const options = { args: ["status"], capabilities: usual, program };
    for (const status of [await containers.run(options), await containers.exec(options)]) {
      assert.match(status, /^NoNewPrivs:\t0$/m);
      assert.match(status, /^Seccomp:\t2$/m);
      assert.match(status, /^Seccomp_filters:\t1$/m);
      assert.match(status, /^CapEff:\t00000000a80425fb$/m);
    }
    const sealed = await containers.run({ ...options, noNewPrivileges: true });
    assert.match(sealed, /^NoNewPrivs:\t1\nSeccomp:\t2\nSeccomp_filters:\t1$/m);
  });

  test("an execed process meets the container's verdicts", async () => {
    const tested = { name: "", capabilities: usual, profile: "default", oracle: defaultProfile } as const;
    const output = await containers.exec({
      args: ["verdicts"],
      capabilities: usual,
      program: programOf(tested),
    });
    assert.deepEqual(differences(tested, output), []);
  });

  test("the errors are those that programs rely on", async () => {
    const tested = { name: "", capabilities: usual, profile: "default", oracle: defaultProfile } as const;
    const output = outcomesOf(
      await containers.run({ args: ["calls"], capabilities: usual, program: programOf(tested) }),
    );
    assert.equal(output.get(native.get("clone3") ?? 0), `errno ${ENOSYS}`);
    assert.equal(output.get(native.get("unshare") ?? 0), `errno ${EPERM}`);
    assert.equal(output.get(479), `errno ${ENOSYS}`);
  });
});

function outcomesOf(output: string): ReadonlyMap<number, string> {
  const lines = output.trim().split("\n");
  return new Map(
    lines.map((line) => {
      const [, number = "", ...outcome] = line.split(" ");
      return [Number(number), outcome.join(" ")];
    }),
  );
}

function expectedOutcomes(tested: Case, free: ReadonlyMap<number, string>): ReadonlyMap<number, string> {
  return new Map(
    [...free].map(([number, outcome]) => {
      if (outcome === "skipped" || unfiltered.has(number)) return [number, outcome];
      const verdict = expected(tested, callOf("native", number, 0xffff_ffff_ffff_ffffn));
      return [number, verdict === "allowed" ? outcome : verdict];
    }),
  );
}

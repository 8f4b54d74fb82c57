import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { isFault } from "#base/fault.ts";
import { ALLOW, ENOSYS, EPERM, fail, KILL_THREAD, LOG, NOTIFY, trace } from "./action.ts";
import { auditArchOf } from "./calling.ts";
import { compilePolicy } from "./compile.ts";
import { parseProfile } from "./profile.ts";
import { resolveProfile } from "./resolve.ts";
import type { Profile, Target } from "./rules.ts";
import { callsOf } from "./syscalls.ts";
import { verdictOf } from "./verdict.ts";

const target: Target = { capabilities: [], architecture: "amd64", kernel: { major: 6, minor: 18 } };

function parse(profile: object): Profile {
  return parseProfile(JSON.stringify(profile)) ?? assert.fail("no profile");
}

function verdict(profile: object, name: string, args: readonly bigint[] = [], at: Target = target) {
  const number = callsOf.x86_64.get(name) ?? assert.fail(name);
  return verdictOf(parse(profile), at, { arch: auditArchOf.x86_64, number, args });
}

const denying = { defaultAction: "SCMP_ACT_ERRNO" };
const allow = (names: readonly string[], more: object = {}) => ({ names, action: "SCMP_ACT_ALLOW", ...more });

test("parseProfile: what is not named gets the default action", () => {
  const profile = { ...denying, syscalls: [allow(["read"])] };
  assert.equal(verdict(profile, "read"), ALLOW);
  assert.equal(verdict({ ...profile, syscalls: [allow(["read", "statx"])] }, "open"), fail(EPERM));
  assert.equal(verdict({ ...profile, defaultErrnoRet: 22, syscalls: [allow(["write"])] }, "read"), fail(22));
});

test("parseProfile: the form of Docker 1.10 with one name a rule still works", () => {
  const rule = { name: "read", action: "SCMP_ACT_ALLOW", args: [] };
  assert.equal(verdict({ ...denying, syscalls: [rule, { ...rule, name: "write" }] }, "write"), ALLOW);
});

test("parseProfile: every action", () => {
  const actions: Readonly<Record<string, number>> = {
    SCMP_ACT_ALLOW: ALLOW,
    SCMP_ACT_KILL: KILL_THREAD,
    SCMP_ACT_KILL_THREAD: KILL_THREAD,
    SCMP_ACT_KILL_PROCESS: 0x80000000,
    SCMP_ACT_TRAP: 0x00030000,
    SCMP_ACT_ERRNO: fail(13),
    SCMP_ACT_TRACE: trace(13),
    SCMP_ACT_LOG: LOG,
    SCMP_ACT_NOTIFY: NOTIFY,
  };
  for (const [action, expected] of Object.entries(actions)) {
    const syscalls = [{ names: ["read"], action, errnoRet: 13 }];
    assert.equal(verdict({ ...denying, listenerPath: "/run/agent", syscalls }, "read"), expected, action);
  }
});

test("parseProfile: all comparisons, exact to the last of 64 bits", () => {
  const big = "18446744073709551615";
  const profile = (op: string, value: string, valueTwo = "0") =>
    parseProfile(
      `{"defaultAction":"SCMP_ACT_ERRNO","syscalls":[{"names":["read"],"action":"SCMP_ACT_ALLOW","args":[
        {"index":1,"value":${value},"valueTwo":${valueTwo},"op":"SCMP_CMP_${op}"}]}]}`,
    ) ?? assert.fail();
  const allows = (op: string, value: string, argument: bigint, valueTwo?: string) =>
    verdictOf(profile(op, value, valueTwo), target, {
      arch: auditArchOf.x86_64,
      number: 0,
      args: [0n, argument],
    }) === ALLOW;
  const last = 0xffff_ffff_ffff_ffffn;
  assert.deepEqual(
    [last, last - 1n].map((argument) => allows("EQ", big, argument)),
    [true, false],
  );
  assert.deepEqual(
    [last, last - 1n].map((argument) => allows("NE", big, argument)),
    [false, true],
  );
  assert.deepEqual(
    [last, last - 1n].map((argument) => allows("LT", big, argument)),
    [false, true],
  );
  assert.deepEqual(
    [6n, 7n, 8n].map((argument) => allows("LE", "7", argument)),
    [true, true, false],
  );
  assert.deepEqual(
    [6n, 7n, 8n].map((argument) => allows("GT", "7", argument)),
    [false, false, true],
  );
  assert.deepEqual(
    [6n, 7n, 8n].map((argument) => allows("GE", "7", argument)),
    [false, true, true],
  );
  assert.deepEqual(
    [5n, 6n, 13n].map((argument) => allows("MASKED_EQ", "7", argument, "5")),
    [true, false, true],
  );
});

test("parseProfile: conditions all have to hold, but are alternatives when two are about one argument", () => {
  const condition = (index: number, value: number) => ({ index, value, op: "SCMP_CMP_EQ" });
  const both = { ...denying, syscalls: [allow(["read"], { args: [condition(0, 1), condition(1, 2)] })] };
  assert.equal(verdict(both, "read", [1n, 2n]), ALLOW);
  assert.equal(verdict(both, "read", [1n, 3n]), fail(EPERM));
  const either = { ...denying, syscalls: [allow(["read"], { args: [condition(0, 1), condition(0, 2)] })] };
  assert.deepEqual(
    [1n, 2n, 3n].map((arg) => verdict(either, "read", [arg]) === ALLOW),
    [true, true, false],
  );
});

test("parseProfile: includes need all capabilities, excludes any one", () => {
  const rule = (circumstances: object) => ({ ...denying, syscalls: [allow(["read"], circumstances)] });
  const holding = (...capabilities: string[]) => ({ ...target, capabilities });
  const caps = ["CAP_BPF", "CAP_CHOWN"];
  assert.equal(verdict(rule({ includes: { caps } }), "read", [], holding(...caps)), ALLOW);
  assert.equal(verdict(rule({ includes: { caps } }), "read", [], holding("CAP_BPF")), fail(EPERM));
  assert.equal(verdict(rule({ excludes: { caps } }), "read", [], holding("CAP_BPF")), fail(EPERM));
  assert.equal(verdict(rule({ excludes: { caps } }), "read", [], holding()), ALLOW);
});

test("parseProfile: rules by architecture and kernel", () => {
  const rule = (circumstances: object) => ({ ...denying, syscalls: [allow(["read"], circumstances)] });
  assert.equal(verdict(rule({ includes: { arches: ["amd64"] } }), "read"), ALLOW);
  assert.equal(verdict(rule({ includes: { arches: ["arm64", "x32"] } }), "read"), fail(EPERM));
  assert.equal(verdict(rule({ excludes: { arches: ["amd64"] } }), "read"), fail(EPERM));
  assert.equal(verdict(rule({ includes: { minKernel: "6.18" } }), "read"), ALLOW);
  assert.equal(verdict(rule({ includes: { minKernel: "6.19" } }), "read"), fail(EPERM));
  assert.equal(verdict(rule({ excludes: { minKernel: "4.8" } }), "read"), fail(EPERM));
});

test("parseProfile: an unconditional rule wins over conditional ones, the first of equals over later ones", () => {
  const args = [{ index: 0, value: 1, op: "SCMP_CMP_EQ" }];
  const failing = (errnoRet: number, more: object = {}) => ({
    names: ["read"],
    action: "SCMP_ACT_ERRNO",
    errnoRet,
    ...more,
  });
  const profile = (...syscalls: object[]) => ({ defaultAction: "SCMP_ACT_ALLOW", syscalls });
  assert.equal(verdict(profile(failing(5, { args }), failing(6), failing(7)), "read", [1n]), fail(6));
  assert.equal(verdict(profile(failing(5, { args }), failing(6, { args })), "read", [1n]), fail(5));
});

test("parseProfile: architectures come as a list or as a map with sub-architectures", () => {
  const i386 = (profile: object) =>
    verdictOf(parse(profile), target, {
      arch: auditArchOf.x86,
      number: callsOf.x86.get("read") ?? 0,
      args: [],
    });
  const syscalls = [allow(["read"])];
  const map = (architecture: string) => ({
    architecture,
    subArchitectures: ["SCMP_ARCH_X86", "SCMP_ARCH_MIPS"],
  });
  assert.equal(i386({ ...denying, syscalls }), KILL_THREAD);
  assert.equal(i386({ ...denying, syscalls, architectures: ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86"] }), ALLOW);
  assert.equal(i386({ ...denying, syscalls, archMap: [map("SCMP_ARCH_X86_64")] }), ALLOW);
  assert.equal(i386({ ...denying, syscalls, archMap: [map("SCMP_ARCH_AARCH64")] }), KILL_THREAD);
});

test("parseProfile: on i386 a rule about a socket or IPC call is one about the shared call too", () => {
  const profile = parse({
    defaultAction: "SCMP_ACT_ALLOW",
    architectures: ["SCMP_ARCH_X86"],
    syscalls: [
      {
        names: ["socket", "shmat"],
        action: "SCMP_ACT_ERRNO",
        args: [{ index: 0, value: 40, op: "SCMP_CMP_EQ" }],
      },
    ],
  });
  const i386 = (name: string, first: bigint) =>
    verdictOf(profile, target, { arch: auditArchOf.x86, number: callsOf.x86.get(name) ?? 0, args: [first] });
  assert.deepEqual(
    [1n, 2n].map((selector) => i386("socketcall", selector)),
    [fail(EPERM), ALLOW],
  );
  assert.deepEqual(
    [21n, 22n].map((selector) => i386("ipc", selector)),
    [fail(EPERM), ALLOW],
  );
  assert.deepEqual(
    [40n, 2n].map((family) => i386("socket", family)),
    [fail(EPERM), ALLOW],
  );
});

test("parseProfile: calls newer than any the profile names are answered ENOSYS, unless the default lets them through", () => {
  const old = { ...denying, syscalls: [allow(["read", "statx"])] };
  assert.equal(verdict(old, "uselib"), fail(EPERM));
  assert.equal(verdict(old, "clone3"), fail(ENOSYS));
  assert.equal(verdict({ ...old, defaultAction: "SCMP_ACT_LOG" }, "clone3"), LOG);
  assert.equal(verdict({ ...old, defaultAction: "SCMP_ACT_KILL_PROCESS" }, "clone3"), fail(ENOSYS));
});

test("parseProfile: an empty profile means no filter, keys match in any case", () => {
  assert.equal(parseProfile("{}"), undefined);
  assert.equal(parseProfile('{"syscalls":null,"defaultAction":""}'), undefined);
  const shouting =
    '{"DefaultAction":"SCMP_ACT_ERRNO","SYSCALLS":[{"Names":["read"],"ACTION":"SCMP_ACT_ALLOW"}]}';
  assert.equal(parseProfile(shouting)?.rules.length, 1);
});

test("parseProfile: refuses in the words of Docker and runc", () => {
  const cases: readonly (readonly [object, RegExp])[] = [
    [
      { syscalls: [{ name: "a", names: ["b"] }] },
      /^both 'name' and 'names' are specified in the seccomp profile/,
    ],
    [
      { architectures: ["SCMP_ARCH_X86"], archMap: [{ architecture: "SCMP_ARCH_X86_64" }] },
      /^both 'architectures' and 'archMap' are specified in the seccomp profile/,
    ],
    [{ syscalls: [{ names: ["a"], action: "ALLOW" }] }, /^string ALLOW is not a valid action for seccomp$/],
    [{ defaultAction: "", syscalls: [allow(["a"])] }, /^string {2}is not a valid action for seccomp$/],
    [{ syscalls: [allow(["a"], { args: [{ index: 0, op: "EQ" }] })] }, /^string EQ is not a valid operator/],
    [{ architectures: ["amd64"] }, /^string amd64 is not a valid arch for seccomp$/],
    [{ syscalls: [allow(["a"], { args: [{ index: 6, op: "SCMP_CMP_EQ" }] })] }, /^there is no argument 6/],
    [{ syscalls: [allow([""])] }, /^empty string is not a valid syscall$/],
    [{ syscalls: {} }, /^Decoding seccomp profile failed: syscalls is not a list$/],
    [{ syscalls: [7] }, /^Decoding seccomp profile failed: /],
    [{ defaultErrnoRet: -1 }, /^Decoding seccomp profile failed: defaultErrnoRet is not an unsigned number$/],
    [{ defaultErrnoRet: 4095 }, /^4095 is not an error number/],
    [{ syscalls: [allow(["a"], { includes: { minKernel: "6" } })] }, /invalid kernel version: "6", expected/],
    [{ flags: ["SECCOMP_FILTER_FLAG_NONSENSE"] }, /^seccomp flag "SECCOMP_FILTER_FLAG_NONSENSE" not known$/],
    [{ defaultAction: "SCMP_ACT_NOTIFY" }, /^SCMP_ACT_NOTIFY cannot be used as default action$/],
    [
      { syscalls: [{ names: ["write"], action: "SCMP_ACT_NOTIFY" }] },
      /cannot be used for the write syscall$/,
    ],
    [
      { syscalls: [{ names: ["read"], action: "SCMP_ACT_NOTIFY" }] },
      /^SCMP_ACT_NOTIFY needs a listenerPath$/,
    ],
  ];
  for (const [fields, message] of cases)
    assert.throws(() => parse({ ...denying, ...fields }), { kind: "invalid", message });
  assert.throws(() => parseProfile(""), { kind: "invalid", message: /^Decoding seccomp profile failed: / });
  assert.throws(() => parseProfile("7"), {
    message: "Decoding seccomp profile failed: profile is not an object",
  });
});

test("parseProfile: whatever the text, the answer is a profile that compiles, nothing, or an invalid fault", () => {
  const shape = fc.object({
    key: fc.constantFrom(
      ..."defaultAction defaultErrnoRet architectures archMap syscalls names name action errnoRet args index op".split(
        " ",
      ),
      ..."value valueTwo includes excludes caps arches minKernel architecture subArchitectures flags __proto__".split(
        " ",
      ),
    ),
    values: [
      fc.constantFrom(
        "SCMP_ACT_ERRNO",
        "SCMP_ACT_ALLOW",
        "SCMP_CMP_EQ",
        "SCMP_ARCH_X86",
        "read",
        "4.8",
        "",
        null,
      ),
      fc.integer(),
    ],
    maxDepth: 5,
  });
  const texts = fc.oneof(
    fc.string(),
    fc.json(),
    shape.map((value) => JSON.stringify(value)),
  );
  fc.assert(
    fc.property(texts, (text) => {
      try {
        const profile = parseProfile(text);
        if (profile !== undefined) compilePolicy(resolveProfile(profile, target));
      } catch (error) {
        assert.ok(isFault(error, "invalid"), String(error));
      }
    }),
    { numRuns: 1000 },
  );
});

test("parseProfile: deep nesting and masses of rules are refused, not suffered", () => {
  assert.throws(() => parseProfile("[".repeat(200_000)), { kind: "invalid" });
  assert.throws(() => parseProfile(`${"[".repeat(100_000)}${"]".repeat(100_000)}`), { kind: "invalid" });
  const args = (value: number) => [{ index: 0, value, op: "SCMP_CMP_EQ" }];
  const rules = Array.from({ length: 3000 }, (_, value) => allow(["read"], { args: args(value * 2) }));
  const profile = parse({ ...denying, syscalls: rules });
  assert.throws(() => resolveProfile(profile, target), {
    kind: "invalid",
    message: /too many conditional rules/,
  });
});

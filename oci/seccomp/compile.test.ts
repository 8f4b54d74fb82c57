import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { ALLOW, fail, KILL_PROCESS, KILL_THREAD, LOG, TRAP, trace } from "./action.ts";
import { decodeProgram, encodeProgram, JUMP, MAX_INSTRUCTIONS, RETURN } from "./bpf.ts";
import { auditArchOf, type SystemCall, X32_BIT } from "./calling.ts";
import { compilePolicy } from "./compile.ts";
import { defaultProfile } from "./default-rules.ts";
import { interpretProgram } from "./interpret.ts";
import { resolveProfile } from "./resolve.ts";
import type { Comparison, Condition, Profile, Rule, Target } from "./rules.ts";
import { type Abi, callsOf } from "./syscalls.ts";
import { verdictOf } from "./verdict.ts";

const kernel = { major: 6, minor: 18 };
const abis = Object.keys(callsOf) as readonly Abi[];
const capabilities = ["CAP_SYS_ADMIN", "CAP_SYS_PTRACE", "CAP_SYSLOG", "CAP_SYS_TIME", "CAP_CHOWN"] as const;

const anyTarget: fc.Arbitrary<Target> = fc.record({
  capabilities: fc.subarray([...capabilities]),
  architecture: fc.constantFrom("amd64", "arm64"),
  kernel: fc.record({ major: fc.constantFrom(3, 4, 6), minor: fc.constantFrom(0, 8, 18) }),
});

/** Close to each other and to the borders of words, so that conditions overlap and calls hit them. */
const anyWord = fc.oneof(
  fc.bigInt({ min: 0n, max: 9n }),
  fc.constantFrom(38n, 40n, 0x7fff_ffffn, 0x8000_0000n, 0xffff_fffen, 0xffff_ffffn),
  fc.bigInt({ min: 0n, max: 0xffff_ffffn }),
);
const anyValue = fc.oneof(
  anyWord,
  fc.tuple(anyWord, anyWord).map(([upper, lower]) => (upper << 32n) | lower),
);

const anyAction = fc.constantFrom(ALLOW, KILL_PROCESS, KILL_THREAD, TRAP, LOG, trace(7), fail(1), fail(38));

const anyCondition: fc.Arbitrary<Condition> = fc.record({
  index: fc.integer({ min: 0, max: 5 }),
  op: fc.constantFrom<Comparison>("==", "!=", "<", "<=", ">", ">=", "masked=="),
  value: anyValue,
  valueTwo: anyValue,
});

/** Few, so that several rules speak of the same call; some are multiplexed on i386, some exist on one ABI only. */
const fewNames = ["read", "socket", "socketcall", "semop", "ipc", "clone", "set_tls", "listns", "nonsense"];
const anyName = fc.oneof(
  fc.constantFrom(...fewNames),
  fc.constantFrom(...abis.flatMap((abi) => [...callsOf[abi].keys()])),
);

const anyCircumstances = fc.record(
  {
    capabilities: fc.subarray([...capabilities], { maxLength: 2 }),
    architectures: fc.subarray(["amd64", "arm64"]),
    minKernel: fc.constantFrom({ major: 4, minor: 8 }, { major: 6, minor: 0 }),
  },
  { requiredKeys: [] },
);

const anyRule: fc.Arbitrary<Rule> = fc.record(
  {
    names: fc.array(anyName, { maxLength: 20 }),
    action: anyAction,
    args: fc.array(anyCondition, { maxLength: 3 }),
    includes: anyCircumstances,
    excludes: anyCircumstances,
  },
  { requiredKeys: ["names", "action"] },
);

const anyProfile: fc.Arbitrary<Profile> = fc.record({
  defaultAction: anyAction,
  subAbis: fc.record({
    x86_64: fc.subarray<Abi>(["x86", "x32"]),
    aarch64: fc.subarray<Abi>(["arm"]),
  }),
  rules: fc.array(anyRule, { maxLength: 12 }),
  decides: fc.constantFrom("all-known", "up-to-newest-named"),
  filter: fc.constant({}),
});

/** Mostly numbers that mean something to someone, with and without x32's bit. */
const anyNumber = fc.oneof(
  fc.tuple(fc.constantFrom(...abis), anyName).map(([abi, name]) => callsOf[abi].get(name) ?? 472),
  fc.integer({ min: 0, max: 560 }),
  fc.integer({ min: 0, max: 560 }).map((number) => number + X32_BIT),
  fc.constantFrom(X32_BIT - 1, X32_BIT, 0xffff_fffe, 0xffff_ffff, 983041, 983045, 983047),
);

const anyCall: fc.Arbitrary<SystemCall> = fc.record({
  arch: fc.constantFrom(...Object.values(auditArchOf), 0x8000_0016),
  number: anyNumber,
  args: fc.array(anyValue, { minLength: 6, maxLength: 6 }),
});

function assertAgreement(profile: Profile, target: Target, calls: readonly SystemCall[]): void {
  const program = decodeProgram(encodeProgram(compilePolicy(resolveProfile(profile, target))));
  for (const call of calls)
    assert.equal(interpretProgram(program, call).action, verdictOf(profile, target, call), inspect(call));
}

function inspect({ arch, number, args }: SystemCall): string {
  return `arch ${arch.toString(16)} call ${number} (${args.map((arg) => arg.toString(16)).join(", ")})`;
}

test("compilePolicy: a program gives the verdicts of its profile, whatever the profile and the call", () => {
  fc.assert(
    fc.property(
      anyProfile,
      anyTarget,
      fc.array(anyCall, { minLength: 20, maxLength: 20 }),
      (profile, target, calls) => assertAgreement(profile, target, calls),
    ),
    { numRuns: 400 },
  );
});

test("compilePolicy: the same for many rules about one call, where every value matters", () => {
  const rule = fc.record({ action: anyAction, args: fc.array(anyCondition, { maxLength: 2 }) });
  fc.assert(
    fc.property(fc.array(rule, { maxLength: 12 }), anyAction, (rules, defaultAction) => {
      const profile: Profile = {
        ...defaultProfile,
        defaultAction,
        rules: rules.map((entry) => ({ names: ["read"], ...entry })),
      };
      const target = { capabilities: [], architecture: "amd64", kernel } as const;
      const values = rules.flatMap(({ args }) =>
        args.flatMap(({ value }) => [value - 1n, value, value + 1n]),
      );
      const inRange = values.filter((value) => value >= 0n && value < 1n << 64n);
      const calls = [0n, ...inRange].map((value) => ({
        arch: auditArchOf.x86_64,
        number: 0,
        args: Array.from({ length: 6 }, () => value),
      }));
      assertAgreement(profile, target, calls);
    }),
    { numRuns: 500 },
  );
});

test("compilePolicy: the default profile's program agrees for every number and ABI", () => {
  const interesting = [0n, 38n, 40n, 0x1_0000_0026n, 0x2_0008n, 0x1000_0011n, 0xffff_ffff_ffff_ffffn];
  const abiPairs = [
    ["amd64", auditArchOf.x86_64],
    ["amd64", auditArchOf.x86],
    ["arm64", auditArchOf.aarch64],
    ["arm64", auditArchOf.arm],
  ] as const;
  for (const held of [[], ["CAP_SYS_ADMIN"], [...capabilities]])
    for (const [architecture, arch] of abiPairs) {
      const calls = Array.from({ length: 1200 }, (_, index) => ({
        arch,
        number: index < 600 ? index : index - 600 + X32_BIT,
        args: Array.from({ length: 6 }, () => interesting[index % 7] ?? 0n),
      }));
      assertAgreement(defaultProfile, { capabilities: held, architecture, kernel }, calls);
    }
});

test("compilePolicy: the default profile's program agrees for the calls whose arguments matter", () => {
  fc.assert(
    fc.property(fc.constantFrom("clone", "personality", "socket"), anyValue, (name, value) => {
      const number = callsOf.x86_64.get(name) ?? 0;
      const call = { arch: auditArchOf.x86_64, number, args: [value, 0n, 0n, 0n, 0n, 0n] };
      assertAgreement(defaultProfile, { capabilities: [], architecture: "amd64", kernel }, [call]);
    }),
  );
});

test("compilePolicy: programs of every length agree, also those that need long jumps", () => {
  const target = { capabilities: [], architecture: "amd64", kernel } as const;
  const all = [...callsOf.x86_64].map(([name, number]) => ({
    names: [name],
    action: fail((number % 100) + 2),
    args: [{ index: number % 6, op: "==" as const, value: BigInt(number) << BigInt(number % 40) }],
  }));
  const calls = Array.from({ length: 480 }, (_, number) => ({
    arch: auditArchOf.x86_64,
    number,
    args: Array.from({ length: 6 }, () => BigInt(number) << BigInt(number % 40)),
  }));
  for (let count = 55; count <= all.length; count += 11) {
    const profile: Profile = { ...defaultProfile, subAbis: {}, rules: all.slice(0, count) };
    const near = calls.filter(({ number }) => number % 11 === count % 7 || number === count);
    assertAgreement(profile, target, near);
  }
  const longest = compilePolicy(resolveProfile({ ...defaultProfile, subAbis: {}, rules: all }, target));
  assert.ok(longest.length > 1000 && longest.some(({ code }) => code === JUMP));
});

test("compilePolicy: a profile that needs more than the kernel takes is refused", () => {
  const rules = Array.from({ length: 2000 }, (_, index) => ({
    names: [[...callsOf.x86_64.keys()][index % 300] ?? ""],
    action: fail(2 + (index % 50)),
    args: [{ index: index % 6, op: "masked==" as const, value: BigInt(index) + 3n, valueTwo: 2n }],
  }));
  const target = { capabilities: [], architecture: "amd64", kernel } as const;
  const policy = resolveProfile({ ...defaultProfile, subAbis: {}, rules }, target);
  assert.throws(() => compilePolicy(policy), { kind: "invalid", message: /more than 4096 instructions/ });
});

test("compilePolicy: the default program is short, and so are the ways through it", () => {
  const target = { capabilities: [], architecture: "amd64", kernel } as const;
  const program = compilePolicy(resolveProfile(defaultProfile, target));
  assert.ok(program.length < MAX_INSTRUCTIONS / 8, `${program.length} instructions`);
  const stepsOf = (number: number) =>
    interpretProgram(program, { arch: auditArchOf.x86_64, number, args: [2n, 0n, 0n, 0n, 0n, 0n] }).steps;
  const steps = [...callsOf.x86_64.values()].map(stepsOf);
  assert.ok(Math.max(...steps) <= 18, `longest ${Math.max(...steps)}`);
  assert.ok(steps.reduce((sum, one) => sum + one, 0) / steps.length <= 10.5);
});

test("encodeProgram: what is decoded is what was encoded", () => {
  const program = [
    { code: 0x20, yes: 0, no: 0, k: 4 },
    { code: 0x15, yes: 255, no: 1, k: 0xc000_003e },
    { code: RETURN, yes: 0, no: 0, k: KILL_PROCESS },
  ];
  assert.deepEqual(decodeProgram(encodeProgram(program)), program);
});

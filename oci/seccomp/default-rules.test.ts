import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import { ALLOW, ENOSYS, EPERM, fail, KILL_THREAD } from "./action.ts";
import { auditArchOf, X32_BIT } from "./calling.ts";
import { defaultProfile, strictProfile } from "./default-rules.ts";
import { type Abi, callsOf } from "./syscalls.ts";
import type { Profile } from "./rules.ts";
import { verdictOf } from "./verdict.ts";

const kernel = { major: 6, minor: 18 };
const usual = (
  "CHOWN DAC_OVERRIDE FSETID FOWNER MKNOD NET_RAW SETGID SETUID SETFCAP SETPCAP NET_BIND_SERVICE SYS_CHROOT " +
  "KILL AUDIT_WRITE"
)
  .split(" ")
  .map((name) => `CAP_${name}`);

function verdict(
  name: string,
  args: readonly bigint[] = [],
  capabilities: readonly string[] = usual,
  abi: Abi = "x86_64",
  profile: Profile = defaultProfile,
) {
  const number = (callsOf[abi].get(name) ?? assert.fail(name)) + (abi === "x32" ? X32_BIT : 0);
  const architecture = abi === "aarch64" || abi === "arm" ? "arm64" : "amd64";
  return verdictOf(profile, { capabilities, architecture, kernel }, { arch: auditArchOf[abi], number, args });
}

test("defaultProfile: allows always exactly the 361 names that Docker's newest profile allows", () => {
  const names = [...(defaultProfile.rules[0]?.names ?? [])].sort();
  assert.equal(names.length, 361);
  const digest = createHash("sha256").update(names.join(" ")).digest("hex");
  assert.equal(digest, "60c936da5146ac81cfdc6f0c30017ea90d3225a64f7996a50a18cda218bec4f9");
});

test("defaultProfile: with the usual capabilities 370 names are open, 295 of x86-64's up to Linux 5.17", () => {
  const named = new Set(defaultProfile.rules.flatMap(({ names }) => names));
  const inForce = new Set(
    defaultProfile.rules
      .filter(({ includes, action }) => {
        const { capabilities = [], architectures = ["amd64"] } = includes ?? {};
        return (
          action === ALLOW &&
          capabilities.every((name) => usual.includes(name)) &&
          architectures.includes("amd64")
        );
      })
      .flatMap(({ names }) => names),
  );
  assert.equal(inForce.size, 370);
  const upTo517 = [...callsOf.x86_64].filter(
    ([name, number]) => number <= 450 && !/^ur?e?t?probe$/.test(name),
  );
  assert.equal(upTo517.length, 362);
  assert.equal(upTo517.filter(([name]) => inForce.has(name)).length, 295);
  const unknown = [...named].filter((name) => Object.values(callsOf).every((calls) => !calls.has(name)));
  assert.deepEqual(unknown.sort(), ["riscv_hwprobe", "sync_file_range2"]);
});

test("defaultProfile: sockets of all families but AF_ALG and AF_VSOCK may be made", () => {
  const refused = Array.from({ length: 64 }, (_, family) => family).filter(
    (family) => verdict("socket", [BigInt(family)]) !== ALLOW,
  );
  assert.deepEqual(refused, [38, 40]);
});

test("defaultProfile: a family whose upper half the kernel would drop does not slip through", () => {
  for (const family of [0x1_0000_0026n, 0x1_0000_0028n, 0xffff_ffff_0000_0026n, 0x7fff_ffff_0000_0002n])
    assert.equal(verdict("socket", [family]), fail(EPERM), family.toString(16));
  for (const family of [0xffff_ffffn, 0xffff_ffff_ffff_ffffn])
    assert.equal(verdict("socket", [family]), ALLOW);
});

test("defaultProfile: new processes are free, new namespaces take CAP_SYS_ADMIN", () => {
  assert.equal(verdict("clone", [0x11n]), ALLOW);
  for (const flag of [
    0x2_0000n,
    0x200_0000n,
    0x400_0000n,
    0x800_0000n,
    0x1000_0000n,
    0x2000_0000n,
    0x4000_0000n,
  ]) {
    assert.equal(verdict("clone", [flag | 0x11n]), fail(EPERM), flag.toString(16));
    assert.equal(verdict("clone", [flag | 0x11n], ["CAP_SYS_ADMIN"]), ALLOW);
  }
  assert.equal(verdict("clone3"), fail(ENOSYS));
  assert.equal(verdict("clone3", [], ["CAP_SYS_ADMIN"]), ALLOW);
  assert.equal(verdict("unshare"), fail(EPERM));
});

test("defaultProfile: only harmless personalities", () => {
  for (const persona of [0n, 8n, 0x2_0000n, 0x2_0008n, 0xffff_ffffn])
    assert.equal(verdict("personality", [persona]), ALLOW);
  for (const persona of [1n, 0x4_0000n, 0x40_0000n, 0x1_0000_0000n, 0xffff_ffff_ffff_ffffn])
    assert.equal(verdict("personality", [persona]), fail(EPERM));
});

test("defaultProfile: a capability opens its calls and no others", () => {
  const openedBy = (capability: string) =>
    [...callsOf.x86_64.keys()].filter((name) => verdict(name, [], [capability]) !== verdict(name, [], []));
  assert.deepEqual(openedBy("CAP_SYSLOG"), ["syslog"]);
  assert.deepEqual(openedBy("CAP_SYS_CHROOT"), ["chroot"]);
  assert.deepEqual(openedBy("CAP_SYS_PTRACE"), ["kcmp", "pidfd_getfd", "process_madvise"]);
  assert.deepEqual(openedBy("CAP_CHOWN"), []);
  assert.equal(openedBy("CAP_SYS_ADMIN").length, 24);
});

test("defaultProfile: what Docker never allows is refused with all capabilities too", () => {
  const all = [...usual, "CAP_SYS_ADMIN", "CAP_SYS_PTRACE", "CAP_SYS_BOOT", "CAP_SYS_MODULE", "CAP_SYS_NICE"];
  const never =
    "io_uring_setup io_uring_enter io_uring_register keyctl add_key request_key userfaultfd kexec_load";
  for (const name of `${never} kexec_file_load swapon swapoff pivot_root move_pages uselib ustat sysfs nfsservctl`.split(
    " ",
  ))
    assert.equal(verdict(name, [], all), fail(EPERM), name);
});

test("defaultProfile: the machine's other ABIs have the same rules, foreign ones kill the thread", () => {
  assert.equal(verdict("read", [], usual, "x32"), ALLOW);
  assert.equal(verdict("socket", [40n], usual, "x32"), fail(EPERM));
  assert.equal(verdict("socketcall", [1n], usual, "x86"), ALLOW);
  assert.equal(verdict("chown32", [], usual, "x86"), ALLOW);
  assert.equal(verdict("set_tls", [], usual, "arm"), ALLOW);
  assert.equal(verdict("mount", [], usual, "arm"), fail(EPERM));
  const foreign = { arch: auditArchOf.aarch64, number: 63, args: [] };
  assert.equal(
    verdictOf(defaultProfile, { capabilities: [], architecture: "amd64", kernel }, foreign),
    KILL_THREAD,
  );
});

test("defaultProfile: calls that are newer than its tables are answered as by an older kernel", () => {
  const call = (number: number) => ({ arch: auditArchOf.x86_64, number, args: [] });
  const target = { capabilities: [], architecture: "amd64", kernel } as const;
  assert.equal(verdictOf(defaultProfile, target, call(callsOf.x86_64.get("listns") ?? 0)), fail(EPERM));
  assert.equal(verdictOf(defaultProfile, target, call(400)), fail(EPERM));
  assert.equal(verdictOf(defaultProfile, target, call(472)), fail(ENOSYS));
  assert.equal(verdictOf(defaultProfile, target, call(0xffff_ffff)), fail(ENOSYS));
});

test("defaultProfile: tracing waits for a kernel that filters what a tracer changed", () => {
  const call = { arch: auditArchOf.x86_64, number: callsOf.x86_64.get("ptrace") ?? 0, args: [] };
  const on = (major: number, minor: number) =>
    verdictOf(defaultProfile, { capabilities: [], architecture: "amd64", kernel: { major, minor } }, call);
  assert.deepEqual(
    [on(3, 18), on(4, 7), on(4, 8), on(4, 19), on(6, 0)].map((action) => action === ALLOW),
    [false, false, true, true, true],
  );
});

test("strictProfile: i386 makes no sockets by socketcall, does all else by it, and everything else is as usual", () => {
  const strict = (name: string, args: readonly bigint[], abi: Abi) =>
    verdict(name, args, usual, abi, strictProfile);
  assert.equal(strict("socketcall", [1n], "x86"), fail(ENOSYS));
  for (const other of [2n, 3n, 8n, 20n]) assert.equal(strict("socketcall", [other], "x86"), ALLOW);
  for (const abi of ["x86", "x86_64", "x32", "aarch64", "arm"] as const)
    for (const [name, number] of callsOf[abi])
      if (name !== "socketcall" && number >= 0)
        assert.equal(
          strict(name, [2n, 1n, 0n], abi),
          verdict(name, [2n, 1n, 0n], usual, abi),
          `${abi} ${name}`,
        );
});

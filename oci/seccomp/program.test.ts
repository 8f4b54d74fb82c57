import assert from "node:assert/strict";
import { test } from "node:test";
import { ALLOW, EPERM, fail } from "./action.ts";
import { decodeProgram } from "./bpf.ts";
import { auditArchOf } from "./calling.ts";
import { interpretProgram } from "./interpret.ts";
import { seccompProgram, type SeccompOptions } from "./program.ts";
import { callsOf } from "./syscalls.ts";

const options: SeccompOptions = {
  profile: "default",
  capabilities: ["CAP_CHOWN", "CAP_KILL"],
  architecture: "amd64",
  kernel: { major: 6, minor: 18 },
};

function verdict(made: SeccompOptions, name: string): number {
  const program = decodeProgram(Buffer.from(seccompProgram(made)?.bpfBase64 ?? assert.fail(), "base64"));
  const number = callsOf.x86_64.get(name) ?? assert.fail();
  return interpretProgram(program, { arch: auditArchOf.x86_64, number, args: [] }).action;
}

test("seccompProgram: is the default profile's, in the kernel's form", () => {
  assert.equal(verdict(options, "read"), ALLOW);
  assert.equal(verdict(options, "mount"), fail(EPERM));
  assert.equal(verdict({ ...options, capabilities: ["CAP_SYS_ADMIN"] }, "mount"), ALLOW);
});

test("seccompProgram: the same options give the same program, in whatever order the capabilities come", () => {
  const again = seccompProgram({ ...options, capabilities: ["CAP_KILL", "CAP_CHOWN"] });
  assert.equal(again, seccompProgram(options));
});

test("seccompProgram: forgets the oldest, not the answers", () => {
  const before = seccompProgram(options)?.bpfBase64;
  for (let count = 0; count < 100; count++)
    seccompProgram({ ...options, kernel: { major: 6, minor: count } });
  assert.equal(seccompProgram(options)?.bpfBase64, before);
});

test("seccompProgram: unconfined and the empty profile are no program", () => {
  assert.equal(seccompProgram({ ...options, profile: "unconfined" }), undefined);
  assert.equal(seccompProgram({ ...options, profile: { json: "{}" } }), undefined);
});

test("seccompProgram: a client's profile brings its flags along", () => {
  const json = JSON.stringify({
    defaultAction: "SCMP_ACT_ALLOW",
    flags: ["SECCOMP_FILTER_FLAG_LOG"],
    syscalls: [{ names: ["mkdir"], action: "SCMP_ACT_ERRNO" }],
  });
  const made = { ...options, profile: { json } };
  assert.equal(verdict(made, "mkdir"), fail(EPERM));
  assert.equal(verdict(made, "mount"), ALLOW);
  assert.deepEqual(seccompProgram(made)?.linuxSeccomp, {
    defaultAction: "SCMP_ACT_ALLOW",
    flags: ["SECCOMP_FILTER_FLAG_LOG"],
  });
});

test("seccompProgram: refuses the same bad profile every time", () => {
  const made = { ...options, profile: { json: '{"defaultAction":"NO","syscalls":[{}]}' } };
  assert.throws(() => seccompProgram(made), { kind: "invalid" });
  assert.throws(() => seccompProgram(made), { kind: "invalid" });
});

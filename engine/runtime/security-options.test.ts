import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { isFault } from "#base/fault.ts";
import { parseSecurityOptions } from "./security-options.ts";

test("parseSecurityOptions: nothing asked for is nothing changed", () => {
  assert.deepEqual(parseSecurityOptions([]), { noNewPrivileges: false, hasOpenSystemPaths: false });
});

test("parseSecurityOptions: every option that Docker knows, with = and with :", () => {
  const parsed = parseSecurityOptions([
    "no-new-privileges",
    'seccomp={"defaultAction":"SCMP_ACT_ALLOW","x":"a=b"}',
    "apparmor:mine",
    "label=type:svirt_t",
    "disable",
    "systempaths=unconfined",
    "writable-cgroups=false",
  ]);

  assert.deepEqual(parsed, {
    noNewPrivileges: true,
    seccomp: { kind: "custom", json: '{"defaultAction":"SCMP_ACT_ALLOW","x":"a=b"}' },
    apparmor: "mine",
    hasOpenSystemPaths: true,
    hasWritableCgroups: false,
  });
});

test("parseSecurityOptions: the last of the same option wins", () => {
  const parsed = parseSecurityOptions([
    "seccomp=unconfined",
    "seccomp=builtin",
    "no-new-privileges",
    "no-new-privileges:f",
  ]);

  assert.deepEqual(parsed, {
    noNewPrivileges: false,
    seccomp: { kind: "default" },
    hasOpenSystemPaths: false,
  });
});

test("parseSecurityOptions: refuses in Docker's words", () => {
  const refused = {
    x: 'invalid --security-opt 1: "x"',
    "x=y": 'invalid --security-opt 2: "x=y"',
    "no-new-privileges=maybe": 'invalid --security-opt 2: "no-new-privileges=maybe"',
    "systempaths=confined": 'invalid --security-opt 2: "systempaths=confined"',
  };
  for (const [option, message] of Object.entries(refused)) {
    assert.throws(
      () => parseSecurityOptions([option]),
      (error) => isFault(error, "invalid") && error.message === message,
    );
  }
});

test("parseSecurityOptions: any text is either understood or refused as invalid", () => {
  fc.assert(
    fc.property(
      fc.array(
        fc.oneof(fc.string(), fc.constantFrom("seccomp=", "__proto__=1", "no-new-privileges=constructor")),
      ),
      (options) => {
        try {
          parseSecurityOptions(options);
        } catch (error) {
          assert.ok(isFault(error, "invalid"));
        }
      },
    ),
  );
});

import assert from "node:assert/strict";
import { test } from "node:test";
import { isFault } from "#base/fault.ts";
import { capabilitiesOf, capabilityNames } from "#host/capability-names.ts";
import { defaultCapabilities, planCapabilities } from "./capabilities.ts";

const everything = { capabilities: capabilityNames };
const plan = (add: readonly string[], drop: readonly string[] = [], Privileged = false, host = everything) =>
  planCapabilities({ CapAdd: add, CapDrop: drop, Privileged }, host);

test("planCapabilities: by default there are Docker's fourteen", () => {
  const planned = planCapabilities({ CapAdd: null, CapDrop: null, Privileged: false }, everything);

  assert.deepEqual(planned, { capabilities: defaultCapabilities, warnings: [] });
  assert.deepEqual(new Set(planned.capabilities), new Set(capabilitiesOf("00000000a80425fb")));
});

test("planCapabilities: names work in any case, with and without CAP_, and twice", () => {
  const { capabilities } = plan(["sys_admin", "CAP_SYS_ADMIN", "cap_chown"], ["Net_Raw", "CAP_KILL"]);

  const kept = defaultCapabilities.filter((name) => name !== "CAP_NET_RAW" && name !== "CAP_KILL");
  assert.deepEqual(capabilities, [...kept, "CAP_SYS_ADMIN"]);
});

test("planCapabilities: ALL adds everything but what is dropped, and drops everything but what is added", () => {
  assert.deepEqual(plan(["all"]).capabilities, capabilityNames);
  assert.ok(!plan(["ALL"], ["MKNOD"]).capabilities.includes("CAP_MKNOD"));
  assert.deepEqual(plan(["CHOWN"], ["ALL"]).capabilities, ["CAP_CHOWN"]);
  assert.deepEqual(plan([], ["ALL"]).capabilities, []);
});

test("planCapabilities: what the host lacks is left out and, when asked for by name, warned about", () => {
  const host = { capabilities: capabilityNames.filter((name) => name !== "CAP_SYS_RESOURCE") };

  assert.deepEqual(plan(["ALL"], [], false, host).warnings, []);
  assert.deepEqual(plan([], [], true, host), { capabilities: host.capabilities, warnings: [] });
  const planned = plan(["SYS_RESOURCE"], [], false, host);
  assert.ok(!planned.capabilities.includes("CAP_SYS_RESOURCE"));
  assert.deepEqual(planned.warnings, [
    "Capability CAP_SYS_RESOURCE is not available on this host and was not added.",
  ]);
});

test("planCapabilities: an unknown name is refused, also with privileged", () => {
  for (const isPrivileged of [false, true]) {
    assert.throws(
      () => plan(["FLY"], [], isPrivileged),
      (error) =>
        isFault(error, "invalid") && error.message === 'invalid CapAdd: unknown capability: "CAP_FLY"',
    );
  }
  assert.throws(() => plan([], ["nope"]), /invalid CapDrop: unknown capability: "CAP_NOPE"/);
});

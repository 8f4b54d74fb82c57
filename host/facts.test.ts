import assert from "node:assert/strict";
import { test } from "node:test";
import { capabilitiesOf, capabilityNames } from "./capability-names.ts";
import { parseHardLimits, parseKernel, readHostFacts } from "./facts.ts";

test("readHostFacts: knows this machine", () => {
  const facts = readHostFacts();

  assert.ok(facts.cpus > 0 && facts.memory > 0 && facts.kernel.major >= 4);
  assert.equal(facts.canRaiseLimits, facts.capabilities.includes("CAP_SYS_RESOURCE"));
  assert.ok((facts.hardLimits["RLIMIT_NOFILE"] ?? 0) > 0);
  assert.equal(Object.keys(facts.hardLimits).length, 16);
});

test("parseHardLimits: reads the second number, unlimited as infinity", () => {
  const text = `Limit                     Soft Limit           Hard Limit           Units     
Max core file size        0                    unlimited            bytes     
Max open files            1024                 20000                files     
Max nice priority         0                    7                    
Max of tomorrow           1                    2                    things
`;

  assert.deepEqual(parseHardLimits(text), {
    RLIMIT_CORE: Number.POSITIVE_INFINITY,
    RLIMIT_NOFILE: 20000,
    RLIMIT_NICE: 7,
  });
});

test("parseKernel: takes the first two numbers of any release", () => {
  assert.deepEqual(parseKernel("6.18.44-fc-v669"), { major: 6, minor: 18 });
  assert.deepEqual(parseKernel("6.1"), { major: 6, minor: 1 });
  assert.deepEqual(parseKernel("unknown"), { major: 0, minor: 0 });
});

test("capabilitiesOf: bits are in the kernel's order, unknown ones are left out", () => {
  assert.deepEqual(capabilitiesOf("0000000000000021"), ["CAP_CHOWN", "CAP_KILL"]);
  assert.deepEqual(capabilitiesOf("ffffffffffffffff"), capabilityNames);
  assert.deepEqual(capabilityNames.length, 41);
});

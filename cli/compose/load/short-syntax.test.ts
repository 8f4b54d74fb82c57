import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { formatDuration } from "#base/duration.ts";
import { parseBytes, parseComposeDuration } from "./quantities.ts";
import { parsePort, parseVolume } from "./short-syntax.ts";
import { splitWords } from "./split-words.ts";

test("parsePort: all its forms", () => {
  const base = { mode: "ingress", protocol: "tcp" };
  assert.deepEqual(parsePort(80), [{ ...base, target: 80 }]);
  assert.deepEqual(parsePort("127.0.0.1:81:80/udp"), [
    { mode: "ingress", host_ip: "127.0.0.1", target: 80, published: "81", protocol: "udp" },
  ]);
  assert.deepEqual(parsePort("[::1]:81:80"), [{ ...base, host_ip: "::1", target: 80, published: "81" }]);
  assert.deepEqual(parsePort("9000-9001:80"), [{ ...base, target: 80, published: "9000-9001" }]);
  assert.equal(parsePort("9000-9002:80-82").length, 3);
  for (const text of ["abc", "80:90:100:a", "1-2:1-3", "70000", "2-1"])
    assert.throws(() => parsePort(text), { kind: "invalid" }, text);
});

test("parseVolume: paths are bound, names are volumes, options go where they belong", () => {
  assert.deepEqual(parseVolume("/data/"), { type: "volume", target: "/data", volume: {} });
  assert.deepEqual(parseVolume("v:/d:ro,nocopy"), {
    type: "volume",
    source: "v",
    target: "/d",
    read_only: true,
    volume: { nocopy: true },
  });
  assert.deepEqual(parseVolume("./a:/d:z,rshared"), {
    type: "bind",
    source: "./a",
    target: "/d",
    bind: { selinux: "z", propagation: "rshared", create_host_path: true },
  });
});

test("splitWords: a quoted word comes back whole", () => {
  assert.deepEqual(splitWords(`sh -c "a b" 'c "d"' e\\ f ""`), ["sh", "-c", "a b", 'c "d"', "e f", ""]);
  assert.throws(() => splitWords("a 'b"), { message: "invalid command line string" });
  const words = fc.array(fc.string().filter((word) => !word.includes("'")));
  fc.assert(
    fc.property(words, (all) => assert.deepEqual(splitWords(all.map((word) => `'${word}'`).join(" ")), all)),
  );
});

test("durations and sizes: as Go reads and writes them", () => {
  for (const text of ["0s", "1ns", "1.5s", "200ms", "1m30s", "1h0m0s"])
    assert.equal(formatDuration(parseComposeDuration(text)), text);
  assert.equal(formatDuration(parseComposeDuration("90s")), "1m30s");
  assert.equal(parseBytes("1.5g"), 1.5 * 1024 ** 3);
  assert.equal(parseBytes("64MB"), 64 * 1024 ** 2);
  assert.throws(() => parseComposeDuration("10"), /missing unit/);
});

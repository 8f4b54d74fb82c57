import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { isFault } from "#base/fault.ts";
import { formatPlatform, normalisePlatform, parsePlatform, selectPlatform } from "./platform.ts";

const host = { os: "linux", architecture: "amd64" };
const entry = (os: string, architecture: string, variant?: string) => ({
  platform: { os, architecture, ...(variant === undefined ? {} : { variant }) },
});

test("parsePlatform: knows the spellings of kernels, compilers and Docker", () => {
  const cases: readonly (readonly [string, string])[] = [
    ["linux", "linux/amd64"],
    ["x86_64", "linux/amd64"],
    ["arm64", "linux/arm64"],
    ["linux/aarch64", "linux/arm64"],
    ["linux/arm64/v8", "linux/arm64"],
    ["linux/arm", "linux/arm/v7"],
    ["linux/armv7l", "linux/arm/v7"],
    ["linux/armhf", "linux/arm/v7"],
    ["linux/arm/6", "linux/arm/v6"],
    ["linux/i686", "linux/386"],
    ["Linux/AMD64/v1", "linux/amd64"],
    ["macos/arm64", "darwin/arm64"],
  ];
  for (const [text, expected] of cases) assert.equal(formatPlatform(parsePlatform(text, host)), expected);
});

test("parsePlatform: refuses what is no platform", () => {
  for (const text of ["", "/", "a/b/c/d", "linux/", "linux/am d64", "lin*ux"])
    assert.throws(() => parsePlatform(text, host), /is an invalid OS\/Architecture specifier/);
});

test("selectPlatform: takes the best that the host runs, never attestations or other systems", () => {
  const all = [
    entry("unknown", "unknown"),
    entry("windows", "amd64"),
    entry("linux", "arm", "v6"),
    entry("linux", "386"),
    entry("linux", "amd64"),
    entry("linux", "arm", "v7"),
    entry("linux", "arm64", "v8"),
    {},
  ];
  const pick = (text: string, from = all) => selectPlatform(from, parsePlatform(text, host));
  assert.equal(pick("linux/amd64"), all[4]);
  assert.equal(pick("linux/arm64"), all[6]);
  assert.equal(pick("linux/arm/v7"), all[5]);
  assert.equal(pick("linux/arm/v6"), all[2]);
  assert.equal(pick("linux/arm64", all.slice(0, 6)), all[5]);
  assert.equal(pick("linux/amd64", all.slice(0, 4)), all[3]);
  assert.equal(pick("linux/amd64/v3"), all[4]);
  assert.equal(pick("linux/riscv64"), undefined);
});

test("normalisePlatform: doing it twice changes nothing", () => {
  const word = fc.constantFrom(
    "linux",
    "arm",
    "arm64",
    "amd64",
    "x86_64",
    "armhf",
    "v8",
    "v1",
    "7",
    "",
    "__proto__",
  );
  fc.assert(
    fc.property(word, word, word, (os, architecture, variant) => {
      const once = normalisePlatform({ os, architecture, variant });
      assert.deepEqual(normalisePlatform(once), once);
    }),
  );
});

test("parsePlatform: any text gives a platform or an invalid fault", () => {
  fc.assert(
    fc.property(fc.string(), (text) => {
      try {
        parsePlatform(text, host);
      } catch (error) {
        assert.ok(isFault(error, "invalid"));
      }
    }),
  );
});

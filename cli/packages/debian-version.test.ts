import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { test } from "node:test";
import fc from "fast-check";
import { compareDebianVersions } from "./debian-version.ts";

test("compareDebianVersions: what the policy says", () => {
  const ascending = [
    "1.0~~",
    "1.0~~a",
    "1.0~",
    "1.0-0~1",
    "1.0",
    "1.0-1",
    "1.0-1+b1",
    "1.0a",
    "1.0+",
    "1.0.1",
    "1.0.10",
    "2:0.1",
  ];
  for (const [index, version] of ascending.entries())
    for (const [other, later] of ascending.entries())
      assert.equal(
        Math.sign(compareDebianVersions(version, later)),
        Math.sign(index - other),
        `${version} ${later}`,
      );
  for (const [left, right] of [
    ["1.0", "0:1.0"],
    ["1.0", "1.0-0"],
    ["01", "1"],
    ["1.00", "1.0"],
  ] as const)
    assert.equal(compareDebianVersions(left, right), 0, `${left} ${right}`);
});

const upstream = fc
  .tuple(
    fc.constantFrom("0", "1", "09", "10", "2"),
    fc.array(
      fc.constantFrom("0", "1", "00", "9", "10", ".", "+", "~", "-", "a", "Z", "rc", "+b1", "~~", "deb12u1"),
      { maxLength: 6 },
    ),
  )
  .map(([first, rest]) => first + rest.join(""));
const version = fc
  .tuple(fc.constantFrom("", "", "0:", "1:", "02:"), upstream)
  .map(([epoch, rest]) => epoch + (rest.endsWith("-") ? `${rest}1` : rest));

/** One shell asks for all of them: a process for each would take minutes. */
test("compareDebianVersions: the same order as dpkg's", () => {
  const pairs = fc.sample(fc.tuple(version, version), 700);
  const script = pairs
    .map(
      ([left, right]) =>
        `if dpkg --compare-versions '${left}' lt '${right}'; then echo -1; elif dpkg --compare-versions '${left}' eq '${right}'; then echo 0; else echo 1; fi`,
    )
    .join("\n");
  const answers = execFileSync("sh", { input: script, encoding: "utf8", stdio: ["pipe", "pipe", "ignore"] })
    .trim()
    .split("\n")
    .map(Number);
  assert.equal(answers.length, pairs.length);
  for (const [index, [left, right]] of pairs.entries())
    assert.equal(Math.sign(compareDebianVersions(left, right)), answers[index], `${left} ${right}`);
});

test("compareDebianVersions: an order, whatever is compared", () => {
  fc.assert(
    fc.property(fc.string(), fc.string(), fc.string(), (a, b, c) => {
      assert.equal(Math.sign(compareDebianVersions(a, b)) + Math.sign(compareDebianVersions(b, a)), 0);
      if (compareDebianVersions(a, b) <= 0 && compareDebianVersions(b, c) <= 0)
        assert.ok(compareDebianVersions(a, c) <= 0);
    }),
  );
});

import assert from "node:assert/strict";
import { test } from "node:test";
import { invalid, notSupported, tooLong, tooMany } from "./field-error.ts";
import { generateName, safeEncode } from "./generate-name.ts";
import { byBytes, goMapJson, goNumber, goQuote } from "./go-text.ts";
import { scaledValue } from "./int-or-percent.ts";
import {
  bytes,
  configKeyComplaints,
  label1035Complaints,
  labelComplaints,
  labelValueComplaints,
  nameComplaints,
  portNameComplaints,
  qualifiedNameComplaints,
  relaxedEnvNameComplaints,
  subdomainComplaints,
} from "./names.ts";

test("generateName: 63 characters at most, five of them random", () => {
  assert.match(generateName("web-", Math.random), /^web-[bcdfghjklmnpqrstvwxz2456789]{5}$/);
  assert.equal(
    generateName("x".repeat(80), () => 0),
    `${"x".repeat(58)}bbbbb`,
  );
  assert.equal(safeEncode("2851229411"), "6d9566f855");
});

test("names: what is right has no complaints", () => {
  for (const name of ["a", "a-b", "a.b-c.d", "0", "x".repeat(253)])
    assert.deepEqual(subdomainComplaints(name), []);
  assert.deepEqual(labelComplaints("a-1"), []);
  assert.deepEqual(qualifiedNameComplaints("example.com/A_b.c"), []);
  assert.deepEqual(labelValueComplaints(""), []);
  assert.deepEqual(nameComplaints("dns-subdomain", "web-", true), []);
  assert.deepEqual(nameComplaints("path-segment", "system:node:x"), []);
  assert.deepEqual(portNameComplaints("http-1"), []);
  assert.deepEqual(relaxedEnvNameComplaints("A B/C"), []);
});

test("names: complaints are in the words of the API", () => {
  assert.deepEqual(labelComplaints("a.b"), ["must not contain dots"]);
  assert.deepEqual(labelComplaints("A_b"), [
    "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')",
  ]);
  assert.deepEqual(label1035Complaints(`a${"b".repeat(63)}`), ["must be no more than 63 characters"]);
  assert.deepEqual(qualifiedNameComplaints("/a"), ["prefix part must be non-empty"]);
  assert.match(qualifiedNameComplaints("a/b/c")[0] ?? "", /^a valid label key must consist of/);
  assert.deepEqual(labelValueComplaints("x".repeat(64)), ["must be no more than 63 bytes"]);
  assert.deepEqual(configKeyComplaints("..a"), ["must not start with '..'"]);
  assert.deepEqual(nameComplaints("path-segment", "a/b"), ["may not contain '/'"]);
  assert.deepEqual(nameComplaints("path-segment", ".."), ["may not be '..'"]);
  assert.deepEqual(portNameComplaints("-a--"), [
    "must not contain consecutive hyphens",
    "must not begin or end with a hyphen",
  ]);
});

test("names: a text of megabytes is refused at once", () => {
  const start = performance.now();
  assert.equal(subdomainComplaints(`${"a".repeat(3_000_000)}_`).length, 1);
  assert.ok(performance.now() - start < 1000);
});

test("bytes counts UTF-8", () => {
  for (const text of ["", "abc", "é", "€", "😀", "a😀é"]) assert.equal(bytes(text), Buffer.byteLength(text));
});

test("scaledValue rounds a percentage as asked", () => {
  assert.equal(scaledValue(3, 10, "up"), 3);
  assert.equal(scaledValue("25%", 10, "up"), 3);
  assert.equal(scaledValue("25%", 10, "down"), 2);
  assert.throws(() => scaledValue("25", 10, "up"), /string is not a percentage/);
  assert.throws(() => scaledValue("x%", 10, "up"), /invalid value "x%"/);
});

test("errors of fields are in the words of the API", () => {
  assert.equal(invalid("f", 'a\n"é', "no").message, 'Invalid value: "a\\n\\"é": no');
  assert.equal(invalid("f", { b: [1], a: "<" }, "").message, 'Invalid value: {"a":"\\u003c","b":[1]}');
  assert.equal(
    notSupported("f", "x", ["A", "B"]).message,
    'Unsupported value: "x": supported values: "A", "B"',
  );
  assert.equal(tooLong("f", 1).message, "Too long: may not be more than 1 byte");
  assert.equal(tooMany("f", 3, 2).message, "Too many: 3: must have at most 2 items");
});

test("texts are Go's", () => {
  assert.equal(goQuote("\x00\x7f\u200b\u{e0001}😀 \u00a0"), '"\\x00\\x7f\\u200b\\U000e0001😀 \\u00a0"');
  assert.deepEqual([1e21, 1.5, 0.00001, 123456789, 1e-7, 0.0001].map(goNumber), [
    "1e+21",
    "1.5",
    "1e-05",
    "123456789",
    "1e-07",
    "0.0001",
  ]);
  assert.equal(goMapJson({ b: 1, a: { d: null, c: [true] } }), '{"a":{"c":[true],"d":null},"b":1}');
  assert.deepEqual(["😀", "ﬀ", "a"].sort(byBytes), ["a", "ﬀ", "😀"]);
});

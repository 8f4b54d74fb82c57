import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { parseChallenges } from "./challenge.ts";

const plain = (header: string) =>
  parseChallenges(header).map(({ scheme, parameters }) => [scheme, { ...parameters }]);

test("parseChallenges: one, several, quoted, bare, empty", () => {
  assert.deepEqual(plain('Bearer realm="https://h/token",service="a b", scope="repository:x:pull,push"'), [
    ["bearer", { realm: "https://h/token", service: "a b", scope: "repository:x:pull,push" }],
  ]);
  assert.deepEqual(plain('Basic realm="r \\"q\\"", Bearer realm=x,  error=insufficient_scope'), [
    ["basic", { realm: 'r "q"' }],
    ["bearer", { realm: "x", error: "insufficient_scope" }],
  ]);
  assert.deepEqual(plain("Negotiate, NTLM"), [
    ["negotiate", {}],
    ["ntlm", {}],
  ]);
  assert.deepEqual(plain(""), []);
  assert.deepEqual(plain('realm="x"'), []);
  assert.deepEqual(plain('Basic __proto__="x"')[0]?.[0], "basic");
});

test("parseChallenges: takes anything", () => {
  fc.assert(
    fc.property(fc.string(), (text) => {
      for (const { scheme } of parseChallenges(text)) assert.notEqual(scheme, "");
    }),
  );
});

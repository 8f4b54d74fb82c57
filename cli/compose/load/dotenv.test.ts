import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { parseDotenv, parseRawEnv } from "./dotenv.ts";

const parse = (text: string, env: Readonly<Record<string, string>> = {}) =>
  Object.fromEntries(parseDotenv(text, (name) => env[name]));

test("parseDotenv: quotes, escapes, comments, export, colons and lines that go on", () => {
  assert.deepEqual(parse(`A=1\n B = 2 \nC="a\\tb\\"c$A"\nD='a\\tb$A'\nE=a b # c\nF=a#b\nG="x" # c\n`), {
    A: "1",
    B: "2",
    C: 'a\tb"c1',
    D: "a\\tb$A",
    E: "a b",
    F: "a#b",
    G: "x",
  });
  assert.deepEqual(parse(`export I=9\nJ: 7\nK=\nM="multi\nline"\nN=it's\nP=a=b\n`), {
    I: "9",
    J: "7",
    K: "",
    M: "multi\nline",
    N: "it's",
    P: "a=b",
  });
});

test("parseDotenv: the environment wins, and a name alone is taken from it", () => {
  assert.deepEqual(parse("A=file\nB=$A\nC\nD\n", { A: "env", C: "env" }), { A: "file", B: "env", C: "env" });
});

test("parseDotenv: bad lines are told with their number", () => {
  assert.throws(() => parse("A B=1"), { message: "line 1: key cannot contain a space" });
  assert.throws(() => parse("X=1\nA$=1"), {
    message: 'line 2: unexpected character "$" in variable name "A$=1"',
  });
  assert.throws(() => parse('A="x'), { message: 'line 1: unterminated quoted value "x' });
});

test("parseDotenv: single quotes keep any text, whatever it is", () => {
  const text = fc.string().filter((value) => !/['\\\r]/.test(value));
  fc.assert(fc.property(text, (value) => assert.deepEqual(parse(`A='${value}'`), { A: value })));
});

test("parseRawEnv: nothing has a meaning but the first equals sign", () => {
  assert.deepEqual([...parseRawEnv(`# no\nA="$B" # c\n`)], [["A", '"$B" # c']]);
});

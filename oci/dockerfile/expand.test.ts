import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { isFault } from "#base/fault.ts";
import { type Expansion, expandHeredoc, expandShown, expandWord, expandWords } from "./expand.ts";

const values: Readonly<Record<string, string>> = { A: "a", P: "/x/y.tar.gz", E: "", W: "one two" };
const expansion: Expansion = { lookup: (name) => values[name], escape: "\\" };

test("expandWord: variables, quotes, escapes and modifiers", () => {
  const table: readonly (readonly [string, string])[] = [
    ["$A-${A}", "a-a"],
    ["'$A' \"$A\" \\$A", "$A a $A"],
    ['"\\"\\x"', '"\\x'],
    ["${N:-w}${N-u}${E:-e}${E-kept}", "wue"],
    ["${A:+alt}${N:+no}${E+set}", "altset"],
    ["${N:-${A}b}", "ab"],
    ["${P#*/}", "x/y.tar.gz"],
    ["${P##*/}", "y.tar.gz"],
    ["${P%.*}", "/x/y.tar"],
    ["${P%%.*}", "/x/y"],
    ["${P/x/z}", "/z/y.tar.gz"],
    ["${P//\\//_}", "_x_y.tar.gz"],
    ["$ $1x $", "$ x $"],
  ];
  for (const [text, expected] of table) assert.equal(expandWord(text, expansion), expected, text);
});

test("expandWords: what comes out of a variable is split, what stands in quotes is not", () => {
  assert.deepEqual(expandWords(`$W "$W" x'y z'`, expansion), ["one", "two", "one two", "xy z"]);
});

test("expandHeredoc: quotes stay, variables are put in, an escaped one is not", () => {
  assert.equal(expandHeredoc(`"$A" '$A' \\$A \\n\n`, expansion), `"a" 'a' $A \\n\n`);
});

test("expandWord: what nothing ends is refused", () => {
  for (const text of ["'a", '"a', "${A", "${A:-b", "${A:!b}", "${}", "${N:?needed}"])
    assert.throws(
      () => expandWord(text, expansion),
      (error) => isFault(error, "invalid"),
      text,
    );
});

test("expandWord: any text gives a text or a fault", () => {
  fc.assert(
    fc.property(
      fc.string({ unit: fc.constantFrom(..."$${}AEP:-+?#%/'\"\\ x*".split("")), maxLength: 40 }),
      (text) => {
        try {
          expandWord(text, expansion);
        } catch (error) {
          if (!isFault(error, "invalid")) throw error;
        }
      },
    ),
  );
});

test("expandWord: a text in single quotes is itself", () => {
  fc.assert(
    fc.property(
      fc.string().filter((text) => !text.includes("'")),
      (text) => {
        assert.equal(expandWord(`'${text}'`, expansion), text);
      },
    ),
  );
});

test("expandShown: what is set is put in, all else stays, quotes too", () => {
  const table: readonly (readonly [string, string])[] = [
    ["echo \"a $A\" '$A'", "echo \"a a\" '$A'"],
    ["$N ${N} ${N:-$A} ${N:+b}", "$N ${N} ${N:-$A} ${N:+b}"],
    ["${A:+x} ${A:-y}", "x a"],
    ['a\\ b "\\"\\n" \\$A', 'a b ""\\n" $A'],
  ];
  for (const [text, shown] of table) assert.equal(expandShown(text, expansion), shown);
});

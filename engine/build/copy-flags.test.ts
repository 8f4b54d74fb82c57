import assert from "node:assert/strict";
import { test } from "node:test";
import { isFault } from "#base/fault.ts";
import { parseChmod } from "./copy-flags.ts";

test("parseChmod: octal and symbolic", () => {
  const table: readonly (readonly [string, number, number])[] = [
    ["640", 0o4755, 0o640],
    ["4711", 0o600, 0o4711],
    ["u+x", 0o644, 0o744],
    ["a-w,o=", 0o666, 0o440],
    ["go=u", 0o600, 0],
    ["+X", 0o644, 0o644],
    ["+X", 0o744, 0o755],
    ["u+s,g+s,+t", 0o755, 0o7755],
  ];
  for (const [text, mode, expected] of table) {
    if (text === "go=u")
      assert.throws(
        () => parseChmod(text),
        (error) => isFault(error, "invalid"),
      );
    else assert.equal(parseChmod(text)(mode, false), expected, text);
  }
  assert.equal(parseChmod("+X")(0o644, true), 0o755);
  for (const text of ["8", "77777", "u!x", ""])
    assert.throws(
      () => parseChmod(text),
      (error) => isFault(error, "invalid"),
    );
});

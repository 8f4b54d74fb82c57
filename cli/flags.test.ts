import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { isFault } from "#base/fault.ts";
import { type FlagTable, parseFlags } from "./flags.ts";

const table = {
  interactive: { kind: "bool", short: "i", help: "" },
  tty: { kind: "bool", short: "t", help: "" },
  name: { kind: "text", short: "n", value: "NAME", help: "" },
  env: { kind: "list", short: "e", value: "ENV", help: "" },
  time: { kind: "number", value: "SECONDS", help: "" },
  verbose: { kind: "count", short: "v", help: "" },
} as const satisfies FlagTable;

const anywhere = { interspersed: true };

function refused(argv: readonly string[], message: string): void {
  assert.throws(
    () => parseFlags(table, argv, anywhere),
    (error) => isFault(error, "invalid") && error.message === message,
  );
}

test("parseFlags: without flags every value has its empty form", () => {
  const { values, operands } = parseFlags(table, ["a", "b"], anywhere);
  assert.deepEqual(values, {
    interactive: false,
    tty: false,
    name: undefined,
    env: [],
    time: undefined,
    verbose: 0,
  });
  assert.deepEqual(operands, ["a", "b"]);
});

test("parseFlags: -it is -i -t", () => {
  const { values } = parseFlags(table, ["-it"], anywhere);
  assert.ok(values.interactive && values.tty);
});

test("parseFlags: a value comes as --x=y, --x y, -xy, -x y or -x=y", () => {
  for (const argv of [
    ["--name=web"],
    ["--name", "web"],
    ["-nweb"],
    ["-n", "web"],
    ["-n=web"],
    ["-itn", "web"],
  ])
    assert.equal(parseFlags(table, argv, anywhere).values.name, "web", argv.join(" "));
});

test("parseFlags: a value may hold equals signs and look like a flag", () => {
  assert.equal(parseFlags(table, ["--name=a=b"], anywhere).values.name, "a=b");
  assert.equal(parseFlags(table, ["--name", "--tty"], anywhere).values.name, "--tty");
  assert.equal(parseFlags(table, ["--name="], anywhere).values.name, "");
});

test("parseFlags: a list collects, a text keeps the last, a count counts", () => {
  const { values } = parseFlags(
    table,
    ["-e", "A=1", "--env=B=2", "-n", "x", "-n", "y", "-vv", "--verbose"],
    anywhere,
  );
  assert.deepEqual(values.env, ["A=1", "B=2"]);
  assert.equal(values.name, "y");
  assert.equal(values.verbose, 3);
});

test("parseFlags: a bool can be switched off", () => {
  assert.equal(parseFlags(table, ["--tty", "--tty=false"], anywhere).values.tty, false);
  assert.equal(parseFlags(table, ["-t=0"], anywhere).values.tty, false);
});

test("parseFlags: -- ends the flags and is not an operand", () => {
  const { values, operands } = parseFlags(table, ["-t", "--", "-i", "--", "x"], anywhere);
  assert.equal(values.interactive, false);
  assert.deepEqual(operands, ["-i", "--", "x"]);
});

test("parseFlags: a lone dash is an operand", () => {
  assert.deepEqual(parseFlags(table, ["-"], anywhere).operands, ["-"]);
});

test("parseFlags: without interspersed the first operand ends the flags", () => {
  const { values, operands } = parseFlags(table, ["-t", "run", "-i", "--", "x"], { interspersed: false });
  assert.equal(values.interactive, false);
  assert.deepEqual(operands, ["run", "-i", "--", "x"]);
});

test("parseFlags: what is wrong is said in the words of Docker's tools", () => {
  refused(["--nope"], "unknown flag: --nope");
  refused(["--toString"], "unknown flag: --toString");
  refused(["-tx"], "unknown shorthand flag: 'x' in -x");
  refused(["--name"], "flag needs an argument: --name");
  refused(["-tn"], "flag needs an argument: 'n' in -n");
  refused(["--=x"], "bad flag syntax: --=x");
  refused(
    ["--time=1.5"],
    'invalid argument "1.5" for "--time" flag: strconv.ParseInt: parsing "1.5": invalid syntax',
  );
  refused(
    ["-t=maybe"],
    'invalid argument "maybe" for "-t, --tty" flag: strconv.ParseBool: parsing "maybe": invalid syntax',
  );
});

test("parseFlags: any words give values or an invalid fault", () => {
  const word = fc.oneof(fc.string(), fc.stringMatching(/^--?[a-z=-]{0,12}$/));
  fc.assert(
    fc.property(fc.array(word), fc.boolean(), (argv, interspersed) => {
      try {
        parseFlags(table, argv, { interspersed });
      } catch (error) {
        assert.ok(isFault(error, "invalid"));
      }
    }),
  );
});

test("parseFlags: what follows -- comes back as it was", () => {
  fc.assert(
    fc.property(fc.array(fc.string()), (words) => {
      assert.deepEqual(parseFlags(table, ["--", ...words], anywhere).operands, words);
    }),
  );
});

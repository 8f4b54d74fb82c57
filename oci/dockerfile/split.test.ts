import assert from "node:assert/strict";
import { test } from "node:test";
import { parseTrigger } from "./parse.ts";
import { parseInstruction } from "./parse-instruction.ts";
import { splitDockerfile } from "./split.ts";

const split = (...lines: readonly string[]) => splitDockerfile(`${lines.join("\n")}\n`).instructions;

test("comments right above belong to an instruction, an empty line or comment ends them", () => {
  const found = split("# a", "# b", "FROM x", "# c", "", "RUN d", "# e", "#", "RUN f");
  assert.deepEqual(
    found.map(({ comments }) => comments),
    [["a", "b"], [], []],
  );
});

test("an empty line in an instruction is told at the end of the instruction", () => {
  const [run, last] = split("RUN a \\", "", "  # c", "  b", "RUN c \\", "");
  assert.deepEqual([run?.emptyBefore, last?.emptyBefore], [4, 6]);
  assert.equal(split("RUN a \\")[0]?.emptyBefore, undefined);
});

test("a document keeps its line ends, its own end may have either", () => {
  const [copy] = splitDockerfile("COPY <<E /x\r\na\r\nE\r\n").instructions;
  assert.equal(copy?.heredocs[0]?.content, "a\r\n");
});

test("a trigger keeps its documents as they stand, and is read again", () => {
  const [raw] = split("ONBUILD COPY <<-E <<F /x/", "\ta", "\tE", "b", "F");
  assert.ok(raw !== undefined);
  const parsed = parseInstruction(raw, "\\");
  assert.ok(parsed.kind === "onbuild");
  assert.equal(parsed.trigger, "COPY <<-E <<F /x/\n\ta\nE\nb\nF");
  const trigger = parseTrigger(parsed.trigger);
  assert.ok(trigger.kind === "copy");
  assert.deepEqual(
    trigger.inline.map(({ content }) => content),
    ["a\n", "b\n"],
  );
});

test("the options of a check end at white space, as in BuildKit", () => {
  const { directives } = splitDockerfile("# check=skip=A, B\nFROM x\n");
  assert.equal(directives.check, "skip=A,");
});

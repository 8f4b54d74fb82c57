import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { isFault } from "#base/fault.ts";
import { parseDockerfile, parseTrigger } from "./parse.ts";
import { keywords } from "./parse-instruction.ts";
import { parseRunMount } from "./run-mount.ts";

const stageOf = (text: string) => parseDockerfile(text).stages.at(-1)?.instructions ?? [];

test("parseDockerfile: comments, continuation, directives", () => {
  const parsed = parseDockerfile(
    '# syntax=docker/dockerfile:1\n# escape=`\n# a comment\nARG V=1\nFROM base:$V AS Build\nRUN a `\n # between\n\n  b\nCMD ["x"]\n',
  );
  assert.deepEqual(parsed.directives, { syntax: "docker/dockerfile:1", escape: "`" });
  assert.deepEqual(parsed.globalArgs[0]?.args, [{ name: "V", value: "1" }]);
  const [stage] = parsed.stages;
  assert.equal(stage?.from.name, "build");
  const [run, cmd] = stage?.instructions ?? [];
  assert.deepEqual(run?.kind === "run" && run.command, { form: "shell", text: "a   b" });
  assert.deepEqual(run?.lines, { first: 6, last: 9 });
  assert.deepEqual(cmd?.kind === "cmd" && cmd.command, { form: "exec", words: ["x"] });
});

test("parseDockerfile: heredocs", () => {
  const [copy, run] = stageOf(
    "FROM x\nCOPY <<one <<-'two' /d/\n1 $A\none\n\t2\n\ttwo\nRUN <<EOF cat\n# no comment\nEOF\n",
  );
  assert.ok(copy?.kind === "copy" && run?.kind === "run");
  assert.deepEqual(copy.sources, []);
  assert.equal(copy.destination, "/d/");
  assert.deepEqual(
    copy.inline.map(({ name, content, expands, chomps }) => [name, content, expands, chomps]),
    [
      ["one", "1 $A\n", true, false],
      ["two", "2\n", false, true],
    ],
  );
  assert.equal(run.inline[0]?.content, "# no comment\n");
});

test("parseDockerfile: flags", () => {
  const [copy, run] = stageOf(
    "FROM x\nCOPY --from=a --chown=1:2 --link --exclude=*.x --exclude=y b c d/\nRUN --mount=type=cache,target=/c --mount=target=/b --network=none make\n",
  );
  assert.ok(copy?.kind === "copy" && run?.kind === "run");
  assert.deepEqual(
    [copy.flags.from, copy.flags.chown, copy.flags.isLink, copy.flags.exclude],
    ["a", "1:2", true, ["*.x", "y"]],
  );
  assert.deepEqual(copy.sources, ["b", "c"]);
  assert.deepEqual([run.mounts, run.network], [["type=cache,target=/c", "target=/b"], "none"]);
});

test("parseDockerfile: errors name the line and show it", () => {
  assert.throws(() => parseDockerfile("FROM x\n\nFOO y\n"), {
    message: "dockerfile parse error on line 3: unknown instruction: FOO (did you mean FROM?)\n3 | FOO y",
  });
  for (const text of [
    "RUN x",
    "FROM",
    "FROM a b",
    "FROM x\nENV a",
    "FROM x\nCOPY a",
    "FROM x\nCOPY --nope a b",
    "FROM x\nSHELL x",
    "FROM x\nHEALTHCHECK --interval=1 CMD x",
    "FROM x\nONBUILD FROM y",
    "FROM x\nRUN <<EOF\nx",
    "FROM x AS a\nFROM y AS a",
    "FROM x AS 1a",
    "",
  ])
    assert.throws(
      () => parseDockerfile(text),
      (error) => isFault(error, "invalid"),
      text,
    );
});

test("parseTrigger: one instruction, and not every one", () => {
  assert.equal(parseTrigger("RUN x").kind, "run");
  assert.throws(
    () => parseTrigger("RUN x\nRUN y"),
    (error) => isFault(error, "invalid"),
  );
});

test("parseRunMount: fields, short names and what does not go together", () => {
  assert.deepEqual(parseRunMount("type=cache,dst=/c,id=i,sharing=locked,mode=0700,uid=1"), {
    type: "cache",
    target: "/c",
    id: "i",
    sharing: "locked",
    mode: 0o700,
    uid: 1,
  });
  assert.deepEqual(parseRunMount("target=/x,rw,from=a,source=/b"), {
    type: "bind",
    target: "/x",
    isReadOnly: false,
    from: "a",
    source: "/b",
  });
  for (const text of [
    "type=nope,target=/x",
    "type=bind",
    "type=tmpfs,target=/x,from=a",
    "type=cache,target=/x,sharing=y",
  ])
    assert.throws(
      () => parseRunMount(text),
      (error) => isFault(error, "invalid"),
      text,
    );
});

test("parseDockerfile: any text gives a Dockerfile or a fault", () => {
  const word = fc.constantFrom(
    ...keywords,
    "--from=x",
    "<<EOF",
    "EOF",
    "a=b",
    '["x"]',
    "\\",
    "'",
    '"',
    "#",
    "$A",
    "/d/",
  );
  const line = fc.array(word, { maxLength: 5 }).map((words) => words.join(" "));
  fc.assert(
    fc.property(fc.array(line, { maxLength: 12 }), (lines) => {
      try {
        parseDockerfile(`FROM base\n${lines.join("\n")}`);
      } catch (error) {
        if (!isFault(error, "invalid")) throw error;
      }
    }),
  );
});

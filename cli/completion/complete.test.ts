import assert from "node:assert/strict";
import { test } from "node:test";
import { closest } from "../suggest.ts";
import { alignTabs } from "../output/tab-writer.ts";
import { complete } from "./complete.ts";

async function answerOf(...words: readonly string[]): Promise<readonly string[]> {
  let said = "";
  const out = {
    isTerminal: false,
    write: (text: string | Uint8Array) => {
      said += String(text);
    },
    bold: String,
    dim: String,
    red: String,
    green: String,
  };
  const signal = new AbortController().signal;
  await complete(
    ["__completeNoDesc", ...words],
    {
      openEngine: () => Promise.reject(new Error("no engine")),
      openRegistry: () => Promise.reject(new Error("no registry")),
      openServer: () => Promise.reject(new Error("no server")),
      openHypervisor: () => Promise.reject(new Error("no server")),
      self: ["gantry"],
    },
    { out, err: { ...out, write: () => {} } },
    { signal, exitCode: () => 1, release: () => {} },
  );
  return said.trimEnd().split("\n");
}

test("complete: commands, commands of groups, flags and their values", async () => {
  assert.deepEqual(await answerOf("res"), ["restart", ":4"]);
  assert.deepEqual(await answerOf("network", "c"), ["connect", "create", ":4"]);
  assert.deepEqual(await answerOf("ps", "--no"), ["--no-trunc", ":4"]);
  assert.deepEqual(await answerOf("run", "--pull", ""), ["always", "missing", "never", ":4"]);
  assert.deepEqual(await answerOf("run", "--pull=n"), ["--pull=never", ":4"]);
});

test("complete: files are the shell's, and a daemon that does not answer has no names", async () => {
  assert.deepEqual(await answerOf("load", "-i", ""), [":0"]);
  assert.deepEqual(await answerOf("-H", "unix:///nowhere", "stop", ""), [":4"]);
});

test("closest: what was mistyped, and nothing far from it", () => {
  assert.deepEqual(closest("rnu", ["run", "rm", "pull"]), ["run", "rm"]);
  assert.deepEqual(closest("zzzzzz", ["run", "rm"]), []);
});

test("alignTabs: columns are runs of lines that have them", () => {
  assert.equal(alignTabs("A\tB\nlonger cell\tx\n"), "A             B\nlonger cell   x\n");
  assert.equal(alignTabs("a\tb\nno tab here\nc\td"), "a         b\nno tab here\nc         d");
});

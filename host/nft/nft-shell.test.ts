import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { chmod, mkdtemp, readdir, readFile, readlink, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { isFault } from "#base/fault.ts";
import { silentLog } from "#base/log.ts";
import { NftShell } from "./nft-shell.ts";

/** An nft in a network namespace that nobody else sees: whatever the tests do there goes away with the last process in it. */
async function setUp() {
  const folder = await mkdtemp(join(tmpdir(), "gantry-nft-"));
  const binary = join(folder, "nft");
  const holder = join(folder, "holder");
  execFileSync("sh", ["-c", `unshare -n sleep 300 >/dev/null 2>&1 & echo $! > ${holder}`]);
  const pid = (await readFile(holder, "utf8")).trim();
  while ((await netnsOf(pid)) === (await netnsOf("self"))) await new Promise((go) => setImmediate(go));
  await writeFile(binary, `#!/bin/sh\nexec nsenter -t ${pid} -n nft "$@"\n`);
  await chmod(binary, 0o700);
  const shell = new NftShell({ folder, log: silentLog, binary });
  const listTable = () => execFileSync(binary, ["list", "ruleset"], { encoding: "utf8" });
  const dispose = async () => {
    await shell[Symbol.asyncDispose]();
    assert.deepEqual((await readdir(folder)).sort(), ["holder", "nft"], "nothing is left in the folder");
    process.kill(Number(pid));
    await rm(folder, { recursive: true });
  };
  return { shell, listTable, folder, binary, [Symbol.asyncDispose]: dispose };
}

function netnsOf(pid: string): Promise<string> {
  return readlink(`/proc/${pid}/ns/net`);
}

const table = "add table ip t; add map ip t m { type inet_service : ipv4_addr ; }";

test("run: what it did is done when it resolves", async () => {
  await using nft = await setUp();
  await nft.shell.run(table);
  await nft.shell.run("add element ip t m { 80 : 10.0.0.1 }");
  assert.match(nft.listTable(), /elements = \{ 80 : 10\.0\.0\.1 \}/);
});

test("run: of many at once each gets its own outcome", async () => {
  await using nft = await setUp();
  await nft.shell.run(table);
  const outcomes = await Promise.allSettled([
    nft.shell.run("add element ip t m { 80 : 10.0.0.1 }"),
    nft.shell.run("delete element ip t m { 99 }"),
    nft.shell.run("add element ip t m { 81 : 10.0.0.2 }"),
    nft.shell.run("garbage {"),
    nft.shell.run("add element ip t m { 80 : 10.0.0.9 }"),
  ]);
  const kinds = outcomes.map((one) => (one.status === "fulfilled" ? "done" : one.reason.kind));
  assert.deepEqual(kinds, ["done", "not-found", "done", "invalid", "already-exists"]);
  assert.match(nft.listTable(), /80 : 10\.0\.0\.1, 81 : 10\.0\.0\.2/);
});

test("run: a request that fails leaves nothing behind", async () => {
  await using nft = await setUp();
  await nft.shell.run(table);
  const half = nft.shell.run("add element ip t m { 80 : 10.0.0.1 }; delete element ip t m { 99 }");
  await assert.rejects(half, (error) => isFault(error, "not-found"));
  assert.doesNotMatch(nft.listTable(), /elements/);
});

test("run: what nft cannot read at all is invalid and leaves it usable", async () => {
  await using nft = await setUp();
  await assert.rejects(nft.shell.run('?1; }{ "'), (error) => isFault(error, "invalid"));
  await nft.shell.run(table);
  assert.match(nft.listTable(), /map m/);
});

test("run: a large line travels whole", async () => {
  await using nft = await setUp();
  await nft.shell.run(table);
  const elements = Array.from({ length: 2000 }, (_, i) => `${i + 1} : 10.0.${i >> 8}.${i & 255}`).join(", ");
  await nft.shell.run(`add element ip t m { ${elements} }`);
  assert.match(nft.listTable(), /2000 : 10\.0\.7\.207/);
});

test("run: a process that dies fails its request as unavailable, and the next one has a new process", async () => {
  await using nft = await setUp();
  const once = join(nft.folder, "dead-once");
  const script = await readFile(nft.binary, "utf8");
  await writeFile(
    nft.binary,
    `#!/bin/sh\nif mkdir ${once} 2>/dev/null; then read line; exit 1; fi\n${script}`,
  );
  await assert.rejects(nft.shell.run(table), (error) => isFault(error, "unavailable"));
  await nft.shell.run(table);
  assert.match(nft.listTable(), /map m/);
  await rm(once, { recursive: true });
});

test("run: without an nft to run it fails and does not hang", async () => {
  await using nft = await setUp();
  const shell = new NftShell({ folder: nft.folder, log: silentLog, binary: "/nonexistent/nft" });
  await assert.rejects(shell.run(table), (error) => isFault(error, "unavailable"));
  await assert.rejects(shell.applyFile(table), (error) => isFault(error, "unavailable"));
  await shell[Symbol.asyncDispose]();
});

test("applyFile: all or nothing, in order with run", async () => {
  await using nft = await setUp();
  const first = nft.shell.applyFile("table ip t {\n map m { type inet_service : ipv4_addr; }\n}\n");
  const second = nft.shell.run("add element ip t m { 80 : 10.0.0.1 }");
  const third = nft.shell.applyFile("add element ip t m { 81 : 10.0.0.2 }\nadd element ip t none { 1 }\n");
  await Promise.all([first, second, assert.rejects(third, (error) => isFault(error, "not-found"))]);
  assert.match(nft.listTable(), /elements = \{ 80 : 10\.0\.0\.1 \}/);
});

test("dispose: finishes what was asked for and takes nothing more", async () => {
  await using nft = await setUp();
  const pending = nft.shell.run(table);
  await nft.shell[Symbol.asyncDispose]();
  await pending;
  await assert.rejects(nft.shell.run(table), (error) => isFault(error, "unavailable"));
});

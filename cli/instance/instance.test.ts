import assert from "node:assert/strict";
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { fakeGantry } from "./fake-gantry.ts";
import { findEngine } from "./pid-file.ts";

interface Instance {
  readonly root: string;
  readonly run: string;
  readonly gantry: (
    ...argv: readonly string[]
  ) => Promise<{ readonly code: number; readonly out: string; readonly err: string }>;
}

/** An instance in a folder of its own, stopped and removed after the test. */
function openInstance(t: TestContext, env: Readonly<Record<string, string>> = {}): Instance {
  const folder = mkdtempSync(join(tmpdir(), "gantry-cli-"));
  const [root, run] = [join(folder, "root"), join(folder, "run")];
  const gantry: Instance["gantry"] = (...argv) => {
    const { promise, resolve } = Promise.withResolvers<Awaited<ReturnType<Instance["gantry"]>>>();
    const options = { env: { ...process.env, GANTRY_ROOT: root, GANTRY_RUN: run, ...env } };
    execFile(process.execPath, [fakeGantry, ...argv], options, (error, out, err) =>
      resolve({ code: Number(error?.code ?? 0), out, err }),
    );
    return promise;
  };
  t.after(async () => {
    await gantry("down");
    assert.equal(findEngine(run), undefined);
    rmSync(folder, { recursive: true });
  });
  return { root, run, gantry };
}

test("gantry up: starts an engine that answers, says so, and leaves it", async (t) => {
  const { gantry, run } = openInstance(t);
  const { code, out } = await gantry("up", "--no-link", "--no-cluster");
  assert.equal(code, 0);
  assert.match(out, /^engine up on .*docker\.sock \(\d+(\.\d)? m?s\)\n$/);
  assert.notEqual(findEngine(run), undefined);
});

test("gantry up: a second time starts nothing", async (t) => {
  const { gantry, run } = openInstance(t);
  await gantry("up", "--no-link", "--no-cluster");
  const before = findEngine(run);
  const { code, out } = await gantry("up", "--no-link", "--no-cluster");
  assert.equal(code, 0);
  assert.match(out, /is already up/);
  assert.deepEqual(findEngine(run), before);
});

test("gantry up: two at once start one engine and both come back", async (t) => {
  const { gantry } = openInstance(t);
  const both = await Promise.all([
    gantry("up", "--no-link", "--no-cluster"),
    gantry("up", "--no-link", "--no-cluster"),
  ]);
  assert.deepEqual(
    both.map(({ code, err }) => ({ code, err })),
    [
      { code: 0, err: "" },
      { code: 0, err: "" },
    ],
  );
});

test("gantry up: an engine that cannot start is reported with the end of its log", async (t) => {
  const { gantry } = openInstance(t, { FAKE_ENGINE_FAULT: "no luck today" });
  const { code, err } = await gantry("up", "--no-link", "--no-cluster");
  assert.equal(code, 1);
  assert.match(err, /the engine did not start; .*engine\.log ends with:\n {2}gantry: no luck today/);
});

test("gantry engine: a second one on the same folders is refused", async (t) => {
  const { gantry, root } = openInstance(t);
  await gantry("up", "--no-link", "--no-cluster");
  const { code, err } = await gantry("engine");
  assert.equal(code, 1);
  assert.equal(err, `gantry: another engine uses ${root}\n`);
});

test("gantry engine: SIGTERM ends it with 0 and leaves containers running", async (t) => {
  const { root, run } = openInstance(t);
  const engine = spawn(process.execPath, [fakeGantry, "up", "--foreground", "--no-link", "--no-cluster"], {
    env: { ...process.env, GANTRY_ROOT: root, GANTRY_RUN: run },
    stdio: ["ignore", "ignore", "pipe"],
  });
  let said = "";
  engine.stderr.on("data", (chunk) => {
    said += chunk;
  });
  while (findEngine(run) === undefined || !existsSync(join(run, "docker.sock"))) await sleep(5);
  engine.kill("SIGTERM");
  assert.deepEqual(await once(engine, "close"), [0, null]);
  assert.equal(said, "running at the end: one two\n");
  assert.equal(existsSync(join(run, "engine.pid")), false);
});

test("gantry up: takes over after an engine that was killed", async (t) => {
  const { gantry, run } = openInstance(t);
  await gantry("up", "--no-link", "--no-cluster");
  const first = findEngine(run);
  assert.ok(first);
  process.kill(first.pid, "SIGKILL");
  const { code } = await gantry("up", "--no-link", "--no-cluster");
  assert.equal(code, 0);
  assert.notEqual(findEngine(run)?.pid, first.pid);
});

test("gantry down: stops the containers, then the engine", async (t) => {
  const { gantry, root, run } = openInstance(t);
  await gantry("up", "--no-link", "--no-cluster");
  const { code, out } = await gantry("down", "-t", "0");
  assert.equal(code, 0);
  assert.equal(out, "2 containers stopped\nengine stopped\n");
  assert.equal(findEngine(run), undefined);
  assert.equal(readFileSync(join(root, "engine.log"), "utf8"), "running at the end: \n");
});

test("gantry down: ends an engine that does not answer any more", async (t) => {
  const { gantry, run } = openInstance(t, { FAKE_ENGINE_MUTE: "1" });
  const engine = gantry("engine");
  while (findEngine(run) === undefined || !existsSync(join(run, "docker.sock"))) await sleep(5);
  assert.deepEqual(await gantry("down"), { code: 0, out: "engine stopped\n", err: "" });
  assert.equal((await engine).code, 0);
});

test("gantry down: is content when nothing runs", async (t) => {
  const { gantry } = openInstance(t);
  assert.deepEqual(await gantry("down"), { code: 0, out: "engine is not running\n", err: "" });
});

test("gantry status: ends with 3 while the engine does not run", async (t) => {
  const { gantry, root, run } = openInstance(t);
  const stopped = await gantry("status", "--json");
  assert.equal(stopped.code, 3);
  assert.deepEqual(JSON.parse(stopped.out), {
    root,
    socket: `${run}/docker.sock`,
    log: `${root}/engine.log`,
    running: false,
  });
  await gantry("up", "--no-link", "--no-cluster");
  const running = await gantry("status", "--json");
  assert.equal(running.code, 0);
  const status = JSON.parse(running.out) as { readonly running: boolean; readonly containersRunning: number };
  assert.equal(status.running, true);
  assert.equal(status.containersRunning, 2);
});

test("gantry image ls: shows a row for each name", async (t) => {
  const { gantry } = openInstance(t);
  await gantry("up", "--no-link", "--no-cluster");
  const { out } = await gantry("image", "ls");
  assert.match(out, /^REPOSITORY +TAG +IMAGE ID +CREATED +SIZE\nx +1 +aaaaaaaaaaaa +N\/A +1kB\n$/);
});

test("gantry: words that make no sense say where to read on, with Docker's exit codes", async (t) => {
  const { gantry } = openInstance(t);
  assert.deepEqual(await gantry("completoin"), {
    code: 1,
    out: "",
    err: "gantry: unknown command: gantry completoin\n\nDid you mean 'gantry completion'?\n\nRun 'gantry --help' for more information\n",
  });
  assert.equal((await gantry("up", "--frob")).code, 125);
  assert.equal((await gantry("up", "extra")).code, 1);
  assert.equal((await gantry("image", "ls", "--help")).code, 0);
  assert.match((await gantry("help", "image", "bootstrap")).out, /Usage: {2}gantry image bootstrap/);
});

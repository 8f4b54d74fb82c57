import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { assertNoLeaks, networkLinks } from "../../tools/leaks.ts";
import { loadBusybox } from "../support/busybox-image.ts";
import { checkout, EngineUnderTest } from "../support/engine.ts";
import { Residents } from "./residents.ts";

// The end of everything that runs, by a reboot or by `gantry down`, with every feature in use.

test("after a reboot all that is to run does, in its networks, with its volumes, and nothing stays", async () => {
  const foreign = new Set(networkLinks());
  await using engine = await EngineUnderTest.start("10.213.0.1/16");
  await loadBusybox(engine);
  const residents = await Residents.settle(engine);
  await residents.alwaysRestart();
  await engine.docker("run", "-d", "--name", "once", "-v", "once:/volume", "test", "sleep", "1000");
  await engine.docker("network", "create", "-d", "macvlan", "wire");
  await engine.docker(
    "run",
    "-d",
    "--name",
    "wired",
    "--network",
    "wire",
    "--restart=always",
    "test",
    "sleep",
    "1000",
  );
  await residents.check();
  await engine.stop("SIGKILL");
  reboot(engine, foreign);
  await engine.up();
  await residents.check();
  assert.deepEqual(residents.violations, []);
  const format = "{{.State.Status}} {{.State.ExitCode}}";
  assert.equal((await engine.docker("inspect", "-f", format, "once")).stdout, "exited 255\n");
  assert.equal((await engine.docker("inspect", "-f", format, "wired")).stdout, "running 0\n");
  assert.equal((await engine.docker("start", "once")).code, 0);
  await residents[Symbol.asyncDispose]();
  assert.deepEqual(residents.violations, []);
});

/** What a reboot leaves of an instance: its root folder. Shims go first, because a host that goes down lets none of them write. */
function reboot({ places }: EngineUnderTest, foreign: ReadonlySet<string>): void {
  for (const pid of readdirSync("/proc").filter((name) => /^\d+$/.test(name)))
    if (commandOf(pid).includes(`socket=${places.run}/`)) end(Number(pid));
  const cgroups = readdirSync("/sys/fs/cgroup", { recursive: true, encoding: "utf8" })
    .filter((path) => path.includes(`${places.cgroup}/`) && path.endsWith("/cgroup.procs"))
    .map((path) => join("/sys/fs/cgroup", path));
  for (const file of cgroups)
    for (const pid of readFileSync(file, "utf8").split("\n").filter(Boolean)) end(Number(pid));
  for (const folder of [...new Set(cgroups.map((file) => join(file, "..")))].sort().toReversed())
    removeCgroup(folder);
  for (const line of readFileSync("/proc/self/mounts", "utf8").split("\n")) {
    const target = line.split(" ")[1] ?? "";
    if (target.startsWith(`${places.root}/`)) execFileSync("umount", [target]);
  }
  for (const name of [...networkLinks().filter((link) => !foreign.has(link)), places.bridge])
    if (existsSync(`/sys/class/net/${name}`)) execFileSync("ip", ["link", "del", name]);
  for (const family of ["ip", "ip6"])
    execFileSync("nft", [
      `add table ${family} ${places.nftTable}; delete table ${family} ${places.nftTable}`,
    ]);
  rmSync(places.run, { recursive: true });
}

function commandOf(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8");
  } catch {
    return "";
  }
}

function end(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // ended by itself
  }
}

/** As soon as its processes have gone. */
function removeCgroup(folder: string): void {
  for (let attempt = 0; attempt < 1000 && existsSync(folder); attempt++)
    try {
      execFileSync("rmdir", [folder], { stdio: "ignore" });
    } catch {
      // busy
    }
}

test("gantry down leaves the root folder only, and the engine beside it works on", async () => {
  await using kept = await EngineUnderTest.start("10.213.0.1/16");
  await using engine = await EngineUnderTest.start("10.214.0.1/16");
  await using receivers = new AsyncDisposableStack();
  const residents: Residents[] = [];
  for (const each of [kept, engine]) {
    await loadBusybox(each);
    const settled = await Residents.settle(each);
    receivers.defer(() => settled.release());
    residents.push(settled);
    await each.docker("network", "create", "-d", "macvlan", "wire");
  }
  for (const each of residents) await each.check();
  const links = networkLinks();
  assert.equal(links.length, 8);
  const down = ["down", "-t", "0", "--root", engine.root, "--run", engine.run];
  execFileSync(join(checkout, "bin/gantry"), down);
  // The lock and three empty folders; a lock that is deleted is no lock.
  const remains = new RegExp(`^(file (${engine.root}|${engine.run}/(engine.lock|c|crun|s)$)|row of )`);
  await assertNoLeaks([], engine.places, { ignore: remains });
  assert.equal(networkLinks().length, 4);
  await residents[0]?.check();
  await residents[0]?.[Symbol.asyncDispose]();
  assert.deepEqual(
    residents.flatMap(({ violations }) => violations),
    [],
  );
});

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { after, before, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { loadBusybox } from "../support/busybox-image.ts";
import { EngineUnderTest } from "../support/engine.ts";

// What others do to the kernel's rules and bridges does not last.

let engine: EngineUnderTest;
const sh = (command: string) => execFileSync("sh", ["-c", command], { encoding: "utf8" });

before(async () => {
  engine = await EngineUnderTest.start("10.217.0.1/16");
  await loadBusybox(engine);
  const server = "mkdir /www; echo hello > /www/index.html; exec httpd -f -p 80 -h /www";
  await docker("run", "-d", "--name", "web", "-p", "18098:80", "test", "sh", "-c", server);
  await until(isServed, true);
});
after(async () => {
  await engine[Symbol.asyncDispose]();
});

const docker = (...args: string[]) => engine.dockerOk(...args);

async function isServed(): Promise<boolean> {
  try {
    const answer = await fetch("http://127.0.0.1:18098", { signal: AbortSignal.timeout(300) });
    return (await answer.text()) === "hello\n";
  } catch {
    return false;
  }
}

/** Looks again and again, for five seconds at most: that is what is promised. */
async function until(look: () => Promise<boolean>, wanted: boolean): Promise<void> {
  const deadline = performance.now() + 5000;
  while ((await look()) !== wanted) {
    assert.ok(performance.now() < deadline, "within five seconds");
    await delay(50);
  }
}

const table = () => engine.places.nftTable;
const rules = () =>
  sh(`nft list table ip ${table()} 2>/dev/null | grep -c 'hook\\|18098\\|masquerade'; true`).trim();

test("rules that others take away come back by themselves, and the log says so", async () => {
  const whole = rules();
  // Not the whole ruleset: the machine that tests run on may have rules of its own.
  for (const command of [
    `delete table ip ${table()}`,
    `flush table ip ${table()}`,
    `flush chain ip ${table()} forward`,
    `flush map ip ${table()} published`,
  ]) {
    sh(`nft '${command}'`);
    await until(async () => rules() === whole, true);
    assert.ok(await isServed(), command);
  }
  await engine.untilLog(/others changed the nftables tables of the network; they are written anew/);
});

test("a bridge that others delete comes back with its containers on it", async () => {
  sh(`ip link delete ${engine.places.bridge}`);
  assert.ok(!(await isServed()));
  await until(isServed, true);
  await engine.untilLog(/others deleted a bridge/);
});

test("an interface that a killed daemon was making is swept by the next one", async () => {
  await engine.stop("SIGKILL");
  const stray = `${engine.places.vethPrefix}stray00`;
  sh(`ip link add ${stray} type veth peer name stray; ip link set ${stray} master ${engine.places.bridge}`);
  await engine.up();
  await until(async () => existsSync(`/sys/class/net/${stray}`), false);
  assert.ok(await isServed());
});

test("what the daemon does itself wakes nobody", async () => {
  const warnings = () => engine.log.match(/others (changed|deleted)/g)?.length;
  const before = warnings();
  await docker("network", "create", "brief");
  await docker("run", "-d", "--name", "other", "--network", "brief", "-p", "18097:80", "test", "sleep", "60");
  await docker("rm", "-f", "other");
  await docker("network", "rm", "brief");
  sh("nft 'add table ip stranger; delete table ip stranger'");
  await delay(1000); // nothing to wait for: twice as long as a repair takes to begin
  assert.equal(warnings(), before);
});

test("the watcher sleeps: it makes no system call while nothing happens", async () => {
  const pid = sh(`pgrep -P ${engine.pid} -f 'watch ${table()}'`).trim();
  const switches = () =>
    /voluntary_ctxt_switches:\t(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1];
  const before = switches();
  await delay(500);
  assert.equal(switches(), before);
});

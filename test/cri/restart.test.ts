import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { containerState, podSandboxState } from "#api/cri/messages.ts";
import { assertNoLeaks, takeTraces } from "../../tools/leaks.ts";
import { PodsUnderTest } from "../support/pods.ts";

const forever = "trap exit TERM; while :; do sleep 0.1; done";

test("pods, containers, addresses and ports go on without the daemon, and are taken over", async (t) => {
  await using pods = await PodsUnderTest.start();
  const portMappings = [{ containerPort: 80, hostPort: 18_081, protocol: 0 }];
  const pod = await pods.run(t.signal, { portMappings });
  const id = await pods.start(pod, "echo up; exec httpd -f -p 80 -h /etc", t.signal);
  const ending = await pods.start(pod, "while [ ! -e /dev/shm/go ]; do sleep 0.05; done; exit 9", t.signal);
  const before = await pods.runtime.podSandboxStatus({ podSandboxId: pod }, t.signal);
  await pods.engine.stop("SIGKILL");
  assert.match(fetchText("http://127.0.0.1:18081/passwd"), /^root:/);
  await pods.engine.up();
  assert.equal(await pods.sh(id, "echo go > /dev/shm/go; echo still", t.signal), "still");
  assert.equal((await pods.ended(ending, t.signal)).exitCode, 9);
  const after = await pods.runtime.podSandboxStatus({ podSandboxId: pod }, t.signal);
  assert.deepEqual(after.status, before.status);
  assert.match(fetchText("http://127.0.0.1:18081/passwd"), /^root:/);
  const other = await pods.run(t.signal);
  const { status } = await pods.runtime.podSandboxStatus({ podSandboxId: other }, t.signal);
  assert.notEqual(status?.network?.ip, before.status?.network?.ip);
});

function fetchText(url: string): string {
  return execFileSync("/bin/busybox", ["wget", "-qO-", url], { encoding: "utf8" });
}

function holderOf(pod: string): string {
  return execFileSync("pgrep", ["-f", `^gantry-shim pod ${pod}`], { encoding: "utf8" }).trim();
}

test("a pod whose holder is killed ends with its containers, whether the daemon is there or not", async (t) => {
  await using pods = await PodsUnderTest.start();
  for (const isThere of [true, false]) {
    const pod = await pods.run(t.signal);
    const id = await pods.start(pod, forever, t.signal);
    if (!isThere) await pods.engine.stop("SIGKILL");
    process.kill(Number(holderOf(pod)), "SIGKILL");
    if (!isThere) await pods.engine.up();
    const ended = await pods.ended(id, t.signal);
    assert.equal(ended.exitCode, 137);
    const { status } = await pods.runtime.podSandboxStatus({ podSandboxId: pod }, t.signal);
    if (!isThere) assert.equal(status?.state, podSandboxState.SANDBOX_NOTREADY);
  }
});

test("pods survive the daemon's being killed at any moment, and nothing is left behind", async (t) => {
  await using pods = await PodsUnderTest.start();
  // So that bridge, rules and folders are there.
  const first = await pods.run(t.signal);
  await pods.start(first, forever, t.signal);
  await pods.runtime.removePodSandbox({ podSandboxId: first }, t.signal);
  const before = await takeTraces(pods.engine.podPlaces);
  const resident = await pods.run(t.signal);
  const living = await pods.start(resident, forever, t.signal);
  const kills = Number(process.env["KILLS"] ?? 20);
  const acknowledged = new Set<string>();
  const removed = new Set<string>();
  for (let kill = 0; kill < kills; kill++) {
    const work = Array.from({ length: 3 }, () => live(pods, acknowledged, removed, t.signal));
    await delay(Math.random() * 120);
    await pods.engine.stop("SIGKILL");
    await Promise.all(work);
    await pods.engine.up();
    const { items } = await pods.runtime.listPodSandbox({}, t.signal);
    const there = new Set(items.map(({ id }) => id));
    for (const id of acknowledged) assert.ok(there.has(id), `pod ${id} was acknowledged`);
    for (const id of removed) assert.ok(!there.has(id), `pod ${id} was removed`);
    assert.equal(await pods.sh(living, "echo alive", t.signal), "alive");
    for (const { id = "" } of items) {
      if (id === resident) continue;
      await pods.runtime.removePodSandbox({ podSandboxId: id }, t.signal);
      acknowledged.delete(id);
    }
  }
  assert.equal((await pods.status(living, t.signal)).state, containerState.CONTAINER_RUNNING);
  await pods.runtime.removePodSandbox({ podSandboxId: resident }, t.signal);
  // A shim or a pod that its daemon did not live to begin waits ten seconds for somebody to come.
  await assertNoLeaks(before, pods.engine.podPlaces, { withinMs: 15_000 });
});

/** Pods and containers one after the other, until the daemon is gone. */
async function live(
  pods: PodsUnderTest,
  acknowledged: Set<string>,
  removed: Set<string>,
  signal: AbortSignal,
): Promise<void> {
  try {
    for (;;) {
      const pod = await pods.run(signal);
      acknowledged.add(pod);
      const id = await pods.start(pod, forever, signal);
      await pods.sh(id, "true", signal);
      await pods.runtime.stopContainer({ containerId: id, timeout: 1 }, signal);
      await pods.runtime.removeContainer({ containerId: id }, signal);
      acknowledged.delete(pod);
      await pods.runtime.removePodSandbox({ podSandboxId: pod }, signal);
      removed.add(pod);
    }
  } catch (error) {
    if (!/is over|no container runtime|read ECONNRESET/.test(String(error))) throw error;
  }
}

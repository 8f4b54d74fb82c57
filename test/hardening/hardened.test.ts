import assert from "node:assert/strict";
import { readlinkSync } from "node:fs";
import { after, before, test } from "node:test";
import { loadBusybox } from "../support/busybox-image.ts";
import { EngineUnderTest } from "../support/engine.ts";

let engine: EngineUnderTest;

before(async () => {
  engine = await EngineUnderTest.start("10.237.0.1/16", undefined, ["--hardened"]);
  await loadBusybox(engine);
});
after(() => engine[Symbol.asyncDispose]());

async function inContainer(script: string, ...options: readonly string[]): Promise<string> {
  const { stdout, stderr } = await engine.docker("run", "--rm", ...options, "test", "sh", "-c", script);
  return stdout + stderr;
}

test("hardened: no program gains privileges, in run and exec, unless the container asks for it", async () => {
  const show = "grep NoNewPrivs /proc/self/status";
  assert.equal(await inContainer(show), "NoNewPrivs:\t1\n");
  assert.equal(await inContainer(show, "--security-opt", "no-new-privileges=false"), "NoNewPrivs:\t0\n");
  await engine.docker("run", "-d", "--name", "kept", "test", "sleep", "1000");
  assert.equal((await engine.docker("exec", "kept", "sh", "-c", show)).stdout, "NoNewPrivs:\t1\n");
  await engine.docker("rm", "-f", "kept");
  const { stdout } = await engine.docker("info", "-f", "{{.SecurityOptions}}");
  assert.match(stdout, /name=no-new-privileges/);
});

test("hardened: a container without a limit has one of 2048 processes", async () => {
  const show = "cat /sys/fs/cgroup/pids.max /sys/fs/cgroup/pids/pids.max 2>/dev/null";
  assert.equal(await inContainer(show), "2048\n");
  assert.equal(await inContainer(show, "--pids-limit", "100"), "100\n");
});

test("hardened: no container has the host's cgroup namespace, unless it asks for it", async () => {
  const own = await inContainer("readlink /proc/self/ns/cgroup");
  assert.match(own, /^cgroup:/);
  assert.notEqual(own.trim(), readlinkSync("/proc/self/ns/cgroup"));
  await engine.dockerOk("create", "--name", "shares", "--cgroupns", "host", "test");
  assert.equal(await engine.dockerOk("inspect", "-f", "{{.HostConfig.CgroupnsMode}}", "shares"), "host");
  await engine.dockerOk("rm", "shares");
});

test("hardened: containers on the default bridge do not reach each other, on a network of their own they do", async () => {
  const { stdout } = await engine.docker(
    "network",
    "inspect",
    "bridge",
    "-f",
    '{{index .Options "com.docker.network.bridge.enable_icc"}}',
  );
  assert.equal(stdout, "false\n");
  await engine.docker("network", "create", "own");
  for (const [network, expected] of [
    ["bridge", ""],
    ["own", "hello\n"],
  ] as const) {
    const serve = "while :; do echo hello | nc -l -p 80; done";
    await engine.docker("run", "-d", "--name", "server", "--network", network, "test", "sh", "-c", serve);
    const form = "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}";
    const address = (await engine.docker("inspect", "-f", form, "server")).stdout.trim();
    assert.match(address, /^[\d.]+$/);
    const ask = `for try in 1 2 3 4 5; do nc -w 1 ${address} 80 </dev/null && break; done`;
    assert.equal(
      (await engine.docker("run", "--rm", "--network", network, "test", "sh", "-c", ask)).stdout,
      expected,
    );
    await engine.docker("rm", "-f", "server");
  }
  await engine.docker("network", "rm", "own");
});

test("hardened: root in a container is not root on the host, unless the container asks for it", async () => {
  const show = "cat /proc/self/uid_map";
  assert.doesNotMatch(await inContainer(show), /^ +0 +0 /);
  assert.match(await inContainer(show, "--userns", "host"), /^ +0 +0 /);
});

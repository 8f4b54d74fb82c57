import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { GenericContainer, getContainerRuntimeClient, Network, Wait } from "testcontainers";
import { loadBusybox } from "../support/busybox-image.ts";
import { EngineUnderTest } from "../support/engine.ts";

// testcontainers finds an engine by its environment and reads it once, so this file sets it before anything else.

let engine: EngineUnderTest;
let folder: string;

before(async () => {
  engine = await EngineUnderTest.start("10.215.0.1/16");
  process.env["DOCKER_HOST"] = `unix://${engine.socket}`;
  // It leaves a lock in there.
  folder = mkdtempSync(join(tmpdir(), "gantry-testcontainers-"));
  process.env["TMPDIR"] = folder;
  // Its reaper is an image on a registry.
  process.env["TESTCONTAINERS_RYUK_DISABLED"] = "true";
  await loadBusybox(engine, "bb:latest");
});
after(async () => {
  await engine[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true });
});

const webServer = ["sh", "-c", "mkdir -p /www; httpd -f -p 80 -h /www & echo serving; wait"];

test("testcontainers: the runtime is found and described", async () => {
  const { info } = await getContainerRuntimeClient();
  assert.equal(info.containerRuntime.hostIps.length > 0, true);
  assert.equal(info.containerRuntime.serverVersion, "28.5.2");
});

test("testcontainers: a web server, waited for by log, by port and by HTTP", async () => {
  await using container = await new GenericContainer("bb")
    .withCommand(webServer)
    .withCopyContentToContainer([{ content: "page\n", target: "/www/index.html" }])
    .withExposedPorts(80)
    .withWaitStrategy(Wait.forAll([Wait.forLogMessage("serving"), Wait.forHttp("/", 80)]))
    .start();
  const page = await fetch(`http://${container.getHost()}:${container.getMappedPort(80)}/`);
  assert.equal(await page.text(), "page\n");
});

test("testcontainers: a health check is waited for", async () => {
  await using container = await new GenericContainer("bb")
    .withCommand(["sh", "-c", "touch /well; sleep 60"])
    .withHealthCheck({ test: ["CMD", "test", "-f", "/well"], interval: 100, timeout: 1000, retries: 20 })
    .withWaitStrategy(Wait.forHealthCheck())
    .start();
  assert.equal((await container.exec(["cat", "/proc/1/comm"])).exitCode, 0);
});

test("testcontainers: environment, user, files in and out, exec, restart", async () => {
  await using container = await new GenericContainer("bb")
    .withEnvironment({ COLOUR: "blue" })
    .withLabels({ of: "testcontainers" })
    .withTmpFs({ "/scratch": "rw,size=1m" })
    .withCommand(["sleep", "60"])
    .start();
  const { output, exitCode } = await container.exec(["sh", "-c", "echo $COLOUR; exit 4"]);
  assert.deepEqual([output, exitCode], ["blue\n", 4]);
  assert.equal((await container.exec(["id", "-u"], { user: "nobody" })).output, "65534\n");
  await container.copyContentToContainer([{ content: "in\n", target: "/tmp/file", mode: 0o600 }]);
  assert.equal((await container.exec(["cat", "/tmp/file"])).output, "in\n");
  await container.restart({ timeout: 1 });
  assert.equal((await container.exec(["cat", "/tmp/file"])).output, "in\n");
});

test("testcontainers: containers of a network find each other by alias", async () => {
  await using network = await new Network().start();
  await using server = await new GenericContainer("bb")
    .withNetwork(network)
    .withNetworkAliases("web")
    .withCommand(webServer)
    .withCopyContentToContainer([{ content: "inside\n", target: "/www/index.html" }])
    .withWaitStrategy(Wait.forLogMessage("serving"))
    .start();
  await using client = await new GenericContainer("bb")
    .withNetwork(network)
    .withCommand(["sleep", "60"])
    .start();
  const fetched = await client.exec(["sh", "-c", "until wget -qO- http://web; do usleep 20000; done"]);
  assert.equal(fetched.output.endsWith("inside\n"), true, fetched.output);
  assert.deepEqual(server.getNetworkNames().sort(), ["bridge", network.getName()].sort());
});

test("testcontainers: the same container is used again", async () => {
  const start = () => new GenericContainer("bb").withCommand(["sleep", "60"]).withReuse().start();
  const first = await start();
  await using second = await start();
  assert.equal(second.getId(), first.getId());
});

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { after, before, test } from "node:test";
import { promisify } from "node:util";
import { loadBusybox } from "../support/busybox-image.ts";
import { EngineUnderTest } from "../support/engine.ts";

// The default bridge with IPv6, as `--ipv6` and `--fixed-cidr-v6` of Docker's daemon give it.

const flags = ["--ipv6", "--fixed-cidr-v6", "fd00:5:6::/64"];
let engine: EngineUnderTest;

before(async () => {
  engine = await EngineUnderTest.start("10.239.0.1/16", undefined, flags);
  await loadBusybox(engine);
});
after(() => engine[Symbol.asyncDispose]());

test("the default bridge shows its subnets as Docker does, the fixed one first", async () => {
  const shown = await engine.dockerOk(
    "network",
    "inspect",
    "-f",
    "{{.EnableIPv6}} {{json .IPAM.Config}}",
    "bridge",
  );
  const config = [
    { Subnet: "fd00:5:6::/64", IPRange: "fd00:5:6::/64" },
    { Subnet: "10.239.0.0/16", Gateway: "10.239.0.1" },
  ];
  assert.equal(shown, `true ${JSON.stringify(config)}`);
});

test("a container has an address, a route and a name there, and is published on ::1", async () => {
  const server = "echo hello > /tmp/index.html; exec httpd -f -p 80 -h /tmp";
  await engine.dockerOk("run", "-d", "--name", "web", "-p", "18093:80", "test", "sh", "-c", server);
  const form = "{{.NetworkSettings.GlobalIPv6Address}} {{.NetworkSettings.IPv6Gateway}}";
  const [address = "", gateway] = (await engine.dockerOk("inspect", "-f", form, "web")).split(" ");
  assert.match(address, /^fd00:5:6::/);
  assert.equal(gateway, "fd00:5:6::1");
  assert.match(await engine.dockerOk("exec", "web", "ip", "-6", "route"), /default via fd00:5:6::1 dev eth0/);
  assert.match(await engine.dockerOk("exec", "web", "cat", "/etc/hosts"), new RegExp(`^${address}\t`, "m"));
  const script = "fetch('http://[::1]:18093').then((answer) => answer.text()).then(console.log)";
  assert.equal((await promisify(execFile)(process.execPath, ["-e", script])).stdout, "hello\n\n");
});

test("what runs keeps its addresses when the engine is started without; what is started then has none", async () => {
  const ofSix = (name: string) =>
    engine.dockerOk("inspect", "-f", "{{.NetworkSettings.Networks.bridge.GlobalIPv6Address}}", name);
  const address = await ofSix("web");
  await engine.stop("SIGTERM");
  await engine.up([]);
  assert.equal(await ofSix("web"), address);
  await engine.dockerOk("run", "-d", "--name", "later", "test", "sleep", "1000");
  assert.equal(await ofSix("later"), "");
  assert.equal(await engine.dockerOk("network", "inspect", "-f", "{{.EnableIPv6}}", "bridge"), "false");
});

test("--ipv6 alone chooses a subnet of the machine's own, and keeps it", async () => {
  const shown = () => engine.dockerOk("network", "inspect", "-f", "{{json .IPAM.Config}}", "bridge");
  await engine.stop("SIGTERM");
  await engine.up(["--ipv6"]);
  const [four, six] = JSON.parse(await shown()) as { Subnet: string; Gateway: string }[];
  assert.equal(four?.Subnet, "10.239.0.0/16");
  assert.match(`${six?.Subnet} ${six?.Gateway}`, /^fd(.*::)\/64 fd\1(?:1)$/);
  await engine.stop("SIGTERM");
  await engine.up(["--ipv6"]);
  assert.deepEqual(JSON.parse(await shown()), [four, six]);
});

import assert from "node:assert/strict";
import { type ChildProcess, execFile, execFileSync, spawn } from "node:child_process";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { after, before, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { promisify } from "node:util";
import { loadBusybox } from "../support/busybox-image.ts";
import { EngineUnderTest } from "../support/engine.ts";

// Who reaches whom: from the host, from another machine, from containers; IPv4 and IPv6, TCP and UDP; macvlan.

let engine: EngineUnderTest;
/** Another machine: a network namespace at the other end of a cable. */
let lan: ChildProcess;
const helpers: ChildProcess[] = [];
const cable = `gt${process.pid}`.slice(0, 12);
const sh = (command: string) => execFileSync("sh", ["-c", command], { encoding: "utf8" });

before(async () => {
  engine = await EngineUnderTest.start("10.218.0.1/16");
  await loadBusybox(engine);
  lan = spawn("unshare", ["-n", "sleep", "600"], { stdio: "ignore" });
  await once(lan, "spawn");
  while (sh(`readlink /proc/${lan.pid}/ns/net`) === sh("readlink /proc/self/ns/net")) await delay(5);
  sh(`ip link add ${cable} type veth peer name eth0 netns ${lan.pid}
    ip address add 198.51.100.1/24 dev ${cable}; ip address add 2001:db8:1::1/64 dev ${cable} nodad; ip link set ${cable} up`);
  inLan(
    "ip address add 198.51.100.2/24 dev eth0; ip address add 2001:db8:1::2/64 dev eth0 nodad; ip link set eth0 up",
  );
  inLan(
    "ip link set lo up; ip route add 10.0.0.0/8 via 198.51.100.1; ip route add fd00::/8 via 2001:db8:1::1",
  );
});
after(async () => {
  for (const helper of [lan, ...helpers]) helper.kill();
  await engine[Symbol.asyncDispose]();
});

function inLan(command: string): string {
  return execFileSync("nsenter", ["-t", String(lan.pid), "-n", "sh", "-c", command], { encoding: "utf8" });
}

const docker = (...args: string[]) => engine.dockerOk(...args);

const inspect = (name: string, field: string) => docker("inspect", "-f", `{{${field}}}`, name);
const pidOf = (name: string) => inspect(name, ".State.Pid");

/** What a web client in the namespace of the process gets, or nothing. */
async function get(pid: string, url: string, withinMs = 5000): Promise<string> {
  const script = `fetch(${JSON.stringify(url)}, { signal: AbortSignal.timeout(${withinMs}) }).then((r) => r.text()).then((t) => process.stdout.write(t, () => process.exit()), () => process.exit())`;
  const command = ["-t", pid, "-n", process.execPath, "-e", script];
  return (await promisify(execFile)("nsenter", command)).stdout;
}

const server = "mkdir /www; echo hello > /www/index.html; exec httpd -f -p 80 -h /www";
const web = (...options: string[]) => docker("run", "-d", ...options, "test", "sh", "-c", server);
const self = String(process.pid);

test("IPv6: addresses, names, a way out; none where the network has none", async () => {
  await docker("network", "create", "--ipv6", "six");
  await docker("run", "-d", "--name", "peer", "--network", "six", "test", "sleep", "600");
  await web("--name", "web6", "--network", "six", "-p", "18096:80");
  const address = await inspect("web6", ".NetworkSettings.Networks.six.GlobalIPv6Address");
  assert.match(address, /^fd/);
  assert.match(
    await docker("exec", "peer", "nslookup", "-type=aaaa", "web6"),
    new RegExp(RegExp.escape(address)),
  );
  assert.equal(await get(await pidOf("peer"), `http://[${address}]`), "hello\n");
  assert.match(
    await docker("exec", "peer", "ping", "-6", "-c1", "-W2", "2001:db8:1::2"),
    /1 packets received/,
  );
  const plain = await docker("run", "--rm", "test", "ip", "-6", "address", "show", "dev", "eth0");
  assert.equal(plain, "", "not even a link-local one");
});

test("published ports: from the host, another machine and containers, by IPv4 and IPv6; nothing else", async () => {
  await docker("network", "create", "--ipv6", "other");
  await docker("run", "-d", "--name", "stranger", "--network", "other", "test", "sleep", "600");
  const [six, four] = ["http://[2001:db8:1::1]:18096", "http://198.51.100.1:18096"];
  for (const pid of [
    self,
    String(lan.pid),
    await pidOf("web6"),
    await pidOf("peer"),
    await pidOf("stranger"),
  ])
    for (const url of [four, six]) assert.equal(await get(pid, url), "hello\n", `${pid} ${url}`);
  assert.equal(await get(self, "http://127.0.0.1:18096"), "hello\n");
  assert.equal(await get(self, "http://localhost:18096"), "hello\n", "where ::1 comes first, too");
  assert.equal(await get(self, "http://[::1]:18096"), "hello\n");
  assert.equal(
    await get(String(lan.pid), "http://[100::ff00]:18096", 500),
    "",
    "what stands in for ::1 inside",
  );
  const [own, own6] = [
    await inspect("web6", ".NetworkSettings.Networks.six.IPAddress"),
    `[${await inspect("web6", ".NetworkSettings.Networks.six.GlobalIPv6Address")}]`,
  ];
  for (const pid of [String(lan.pid), await pidOf("stranger")])
    for (const host of [own, own6]) assert.equal(await get(pid, `http://${host}`, 500), "", `${pid} ${host}`);
});

test("published on ::1: by TCP and UDP from the host, with its addresses on both sides, and from nowhere else", async () => {
  await web("--name", "own6", "--network", "six", "-p", "[::1]:18097:80", "-p", "[::1]:18097:9/udp");
  assert.equal(await get(self, "http://[::1]:18097"), "hello\n");
  for (const pid of [self, String(lan.pid)])
    assert.equal(await get(pid, "http://[2001:db8:1::1]:18097", 500), "");
  assert.equal(await get(await pidOf("own6"), "http://[::1]:18097", 500), "");
  await echoIn("own6", "udp6");
  const client = createSocket("udp6").unref().bind(0, "::1");
  await once(client, "listening");
  const answer = once(client, "message", { signal: AbortSignal.timeout(5000) });
  client.send("x".repeat(4000), 18097, "::1");
  const [text, from] = (await answer) as [Buffer, { address: string; port: number }];
  assert.equal(text.length, 4000);
  assert.deepEqual([from.address, from.port], ["::1", 18097]);
  client.close();
  await docker("rm", "-f", "own6");
});

test("gateway modes: routed is reached by its own address at published ports alone, isolated has no host", async () => {
  const option = "com.docker.network.bridge.gateway_mode_ipv4";
  await docker("network", "create", "--subnet", "10.230.0.0/24", "-o", `${option}=routed`, "routed");
  await web("--name", "direct", "--network", "routed", "-p", "18095:80");
  assert.equal(await inspect("direct", '(index .NetworkSettings.Ports "80/tcp" 0).HostPort'), "");
  assert.equal(await get(String(lan.pid), "http://10.230.0.2"), "hello\n");
  await web("--name", "hidden", "--network", "routed");
  assert.equal(await get(String(lan.pid), "http://10.230.0.3", 500), "");
  await docker("network", "create", "--internal", "-o", `${option}=isolated`, "isolated");
  const route = await docker("run", "--rm", "--network", "isolated", "test", "ip", "route");
  assert.doesNotMatch(route, /default/);
});

/** Answers every packet to port 9 in the container's namespace. */
async function echoIn(name: string, family = "udp4"): Promise<void> {
  const script = `const s = require("dgram").createSocket("${family}");
    s.on("message", (m, from) => s.send(m, from.port, from.address)).bind(9, () => console.log("up"));`;
  const child = spawn("nsenter", ["-t", await pidOf(name), "-n", process.execPath, "-e", script], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  helpers.push(child);
  await once(child.stdout, "data");
}

test("UDP: a client that keeps its port reaches whichever container has the port now", async () => {
  const run = (name: string) =>
    docker("run", "-d", "--name", name, "-p", "18094:9/udp", "test", "sleep", "600");
  const socket = createSocket("udp4")
    .on("error", () => {})
    .unref();
  let answers = 0;
  socket.on("message", () => answers++);
  const answered = async () => {
    const before = answers;
    for (let tries = 0; tries < 20 && answers === before; tries++) {
      socket.send("hello", 18094, "127.0.0.1");
      await delay(100);
    }
    return answers > before;
  };
  socket.send("too early", 18094, "127.0.0.1"); // a flow that begins before there is a rule
  for (const name of ["one", "two"]) {
    await run(name);
    await echoIn(name);
    assert.ok(await answered(), name);
    await docker("rm", "-f", name);
  }
  socket.close();
});

test("macvlan: on the wire of a parent, with an address of one's own; without a parent among themselves", async () => {
  const wire = ["--subnet", "198.51.100.0/24", "--gateway", "198.51.100.2", "-o", `parent=${cable}`];
  await docker("network", "create", "-d", "macvlan", ...wire, "wire");
  await docker(
    "run",
    "-d",
    "--name",
    "wired",
    "--network",
    "wire",
    "--ip",
    "198.51.100.50",
    "test",
    "sleep",
    "600",
  );
  assert.match(await docker("exec", "wired", "ping", "-c1", "-W2", "198.51.100.2"), /1 packets received/);
  assert.match(
    inLan("ping -c1 -W2 198.51.100.50 2>/dev/null || busybox ping -c1 -W2 198.51.100.50"),
    /1 (packets )?received/,
  );
  assert.match(await docker("exec", "wired", "ip", "route"), /default via 198\.51\.100\.2/);
  await docker("network", "create", "-d", "macvlan", "--subnet", "10.231.0.0/24", "alone");
  await docker("run", "-d", "--name", "m1", "--network", "alone", "test", "sleep", "600");
  await docker("run", "-d", "--name", "m2", "--network", "alone", "test", "sleep", "600");
  assert.match(await docker("exec", "m1", "ping", "-c1", "-W2", "m2"), /1 packets received/);
  await docker("network", "connect", "six", "m1");
  assert.match(await docker("exec", "m1", "ip", "-o", "link"), /eth1@/);
  assert.match(
    (await engine.docker("network", "create", "-d", "macvlan", "-o", "parent=nosuch0", "no")).stderr,
    /invalid subinterface vlan name nosuch0/,
  );
  await docker("rm", "-f", ...(await docker("ps", "-aq")).split("\n"));
  await docker("network", "prune", "-f");
  assert.ok(existsSync(`/sys/class/net/${cable}`), "the parent stays");
  assert.doesNotMatch(sh("ip -br link"), /^d[mn]-/m);
});

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { loadBusybox } from "../support/busybox-image.ts";
import { EngineUnderTest } from "../support/engine.ts";

// Containers in several networks, and what happens to them while they run.

let engine: EngineUnderTest;

before(async () => {
  engine = await EngineUnderTest.start("10.216.0.1/16");
  await loadBusybox(engine);
});
after(async () => {
  await engine[Symbol.asyncDispose]();
});

/** Standard output of a command that has to succeed. */
const docker = (...args: string[]) => engine.dockerOk(...args);

const refused = async (...args: string[]) => (await engine.docker(...args)).stderr;
const defaultRoute = async (name: string) =>
  /default via \S+ dev (\S+)/.exec(await docker("exec", name, "ip", "route"))?.[1];
const addressOf = (name: string, network: string) =>
  docker("inspect", "-f", `{{(index .NetworkSettings.Networks "${network}").IPAddress}}`, name);
const pings = async (from: string, to: string) =>
  (await engine.docker("exec", from, "ping", "-c1", "-W2", to)).code === 0;

test("run with two networks: an interface, an address, names and a hosts line for each; one default route", async () => {
  await docker("network", "create", "b-net");
  await docker("network", "create", "--subnet", "10.220.0.0/24", "a-net");
  await docker(
    "run",
    "-d",
    "--name",
    "both",
    "--network",
    "b-net",
    "--network",
    "a-net",
    "test",
    "sleep",
    "600",
  );
  await docker("run", "-d", "--name", "on-a", "--network", "a-net", "test", "sleep", "600");
  await docker("run", "-d", "--name", "on-b", "--network", "b-net", "test", "sleep", "600");
  const [a, b] = [await addressOf("both", "a-net"), await addressOf("both", "b-net")];
  const links = await docker("exec", "both", "ip", "-4", "-o", "address");
  assert.match(links, new RegExp(`eth0 .*${RegExp.escape(b)}/`));
  assert.match(links, new RegExp(`eth1 .*${RegExp.escape(a)}/24`));
  assert.equal(await defaultRoute("both"), "eth1", "a-net is first by its name");
  const hosts = await docker("exec", "both", "cat", "/etc/hosts");
  assert.ok(hosts.includes(`${a}\t`) && hosts.includes(`${b}\t`));
  for (const other of ["on-a", "on-b"]) {
    assert.ok(await pings("both", other), `both knows ${other}`);
    assert.ok(await pings(other, "both"), `${other} knows both`);
  }
  assert.ok(!(await pings("on-a", await addressOf("on-b", "b-net"))), "networks are apart");
});

test("connect: address, alias and route at once; disconnect: gone at once", async () => {
  await docker("network", "create", "--subnet", "10.221.0.0/24", "c-net");
  await docker("run", "-d", "--name", "mover", "--network", "b-net", "test", "sleep", "600");
  await docker("run", "-d", "--name", "on-c", "--network", "c-net", "test", "sleep", "600");
  const wishes = "--ip 10.221.0.77 --alias wanderer --gw-priority 7 --link on-c:friend";
  await docker("network", "connect", ...wishes.split(" "), "c-net", "mover");
  assert.match(await docker("exec", "mover", "ip", "-o", "address"), /eth1 .*10\.221\.0\.77\/24/);
  assert.equal(await defaultRoute("mover"), "eth1");
  assert.ok(await pings("on-c", "wanderer"));
  assert.ok(await pings("mover", "friend"));
  assert.match(await docker("exec", "mover", "cat", "/etc/hosts"), /10\.221\.0\.77\t/);
  assert.match(
    await refused("network", "connect", "c-net", "mover"),
    /endpoint with name mover already exists/,
  );
  await docker("network", "disconnect", "c-net", "mover");
  assert.doesNotMatch(await docker("exec", "mover", "ip", "-o", "address"), /eth1/);
  assert.equal(await defaultRoute("mover"), "eth0");
  assert.ok(!(await pings("on-c", "wanderer")));
  assert.doesNotMatch(await docker("exec", "mover", "cat", "/etc/hosts"), /10\.221/);
  assert.match(await refused("network", "disconnect", "c-net", "mover"), /is not connected to network c-net/);
});

test("driver options of an endpoint: the interface's name and its sysctls", async () => {
  const wish = "driver-opt=com.docker.network.endpoint.ifname=wan0";
  const sysctls = (text: string) => `driver-opt=com.docker.network.endpoint.sysctls=${text}`;
  const run = (options: string) =>
    engine.docker("run", "--rm", "--network", `name=c-net,${options}`, "test", "sh", "-c", show);
  const show = "cat /proc/sys/net/ipv4/conf/wan0/log_martians";
  assert.equal((await run(`${wish},${sysctls("net.ipv4.conf.IFNAME.log_martians=1")}`)).stdout, "1\n");
  assert.match(
    (await run(sysctls("net.ipv4.conf.eth0.log_martians=1"))).stderr,
    /unrecognised network interface/,
  );
  assert.match((await run(sysctls("net.ipv4.conf.IFNAME.nosuch=1"))).stderr, /no such file/);
});

test("networks outlive a restart of the container, and a daemon that is killed", async () => {
  await docker("network", "connect", "--ip", "10.221.0.78", "c-net", "mover");
  await docker("restart", "-t", "0", "mover");
  assert.match(await docker("exec", "mover", "ip", "-o", "address"), /10\.221\.0\.78\/24/);
  await engine.stop("SIGKILL");
  await engine.up();
  assert.equal(await addressOf("mover", "c-net"), "10.221.0.78");
  assert.ok(await pings("on-c", "mover"), "names go on");
  assert.match(
    await refused("run", "--rm", "--network", "c-net", "--ip", "10.221.0.78", "test", "true"),
    /Address already in use/,
  );
  await docker("network", "disconnect", "c-net", "mover");
  assert.equal(await defaultRoute("mover"), "eth0");
});

test("connect and disconnect of a container that does not run take effect with its start", async () => {
  await docker("create", "--name", "later", "--network", "b-net", "test", "sleep", "600");
  await docker("network", "connect", "--alias", "late", "c-net", "later");
  await docker("network", "disconnect", "b-net", "later");
  await docker("start", "later");
  assert.match(await docker("exec", "later", "ip", "-o", "address"), /eth0 .*10\.221\.0\./);
  assert.ok(await pings("on-c", "late"));
});

test("published ports lead to where the default route comes from, and stay the container's", async () => {
  await docker("network", "create", "--internal", "closed");
  const server = "mkdir /www; echo hello > /www/index.html; exec httpd -f -p 80 -h /www";
  await docker(
    "run",
    "-d",
    "--name",
    "web",
    "--network",
    "closed",
    "-p",
    "18099:80",
    "test",
    "sh",
    "-c",
    server,
  );
  assert.equal(await docker("port", "web"), "");
  await docker("network", "connect", "b-net", "web");
  assert.match(await docker("port", "web"), /80\/tcp -> 0\.0\.0\.0:18099/);
  assert.equal(await fetchText("http://127.0.0.1:18099"), "hello\n");
  await engine.stop("SIGKILL");
  await engine.up();
  assert.equal(await fetchText("http://127.0.0.1:18099"), "hello\n", "after another daemon took over");
  const second = await refused("run", "--rm", "-p", "18099:80", "test", "true");
  assert.match(second, /port is already allocated/);
  await docker("network", "connect", "a-net", "web");
  assert.equal(await fetchText("http://127.0.0.1:18099"), "hello\n", "by another network");
  await docker("network", "disconnect", "a-net", "web");
  assert.equal(await fetchText("http://127.0.0.1:18099"), "hello\n", "and back");
});

async function fetchText(url: string): Promise<string> {
  return (await fetch(url, { signal: AbortSignal.timeout(5000) })).text();
}

test("a network that somebody is in cannot be removed; the last one out leaves nothing", async () => {
  assert.match(await refused("network", "rm", "b-net"), /has active endpoints/);
  const all = await docker("ps", "-aq");
  await docker("rm", "-f", ...all.split("\n"));
  await docker("network", "rm", "a-net", "b-net", "c-net", "closed");
});

test("links of the default bridge: names and variables, which follow a restart of the other", async () => {
  await docker("run", "-d", "--name", "db", "--expose", "5432", "-e", "MODE=fast", "test", "sleep", "600");
  await docker("run", "-d", "--name", "app", "--link", "db:store", "test", "sleep", "600");
  const hosts = async () => docker("exec", "app", "cat", "/etc/hosts");
  assert.match(
    await hosts(),
    new RegExp(`^${RegExp.escape(await addressOf("db", "bridge"))}\tstore \\w+ db$`, "m"),
  );
  const env = await docker("exec", "app", "env");
  assert.match(env, /^STORE_PORT_5432_TCP_PORT=5432$/m);
  assert.match(env, /^STORE_ENV_MODE=fast$/m);
  assert.equal(await docker("inspect", "-f", "{{.HostConfig.Links}}", "app"), "[/db:/app/store]");
  await docker("restart", "-t", "0", "db");
  const now = await addressOf("db", "bridge");
  assert.match(await hosts(), new RegExp(`^${RegExp.escape(now)}\tstore \\w+ db$`, "m"));
  assert.equal((await hosts()).match(/store/g)?.length, 1);
  await docker("stop", "-t", "0", "db", "app");
  assert.match(await refused("start", "app"), /Cannot link to a non running container: \/db AS \/app\/store/);
});

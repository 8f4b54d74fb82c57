import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { after, test } from "node:test";
import { fileURLToPath } from "node:url";
import { isFault } from "#base/fault.ts";
import {
  acquireOne,
  get,
  isPrivate,
  publish,
  requestOf,
  runPrivately,
  serve,
  startMachine,
  traces,
} from "./private-net.ts";

const lan = "/run/netns/lan";
const gone = /TIMEOUT|ECONNREFUSED|EHOSTUNREACH|ENETUNREACH/;

if (!isPrivate)
  test("BridgeNetworks: in a network namespace of its own", () =>
    runPrivately(fileURLToPath(import.meta.url)));
else suite();

function suite(): void {
  after(() => assert.deepEqual(traces(), { elements: [], links: [] }, "nothing is left in the kernel"));

  test("acquire: a published port answers on every address, from everywhere", async (t) => {
    await using machine = await startMachine();
    await using opened = await machine.open();
    const { networks } = opened;
    const web = requestOf({ portBindings: publish("80/tcp", "8080") });
    const { endpoint, netns, portHandles } = await acquireOne(networks, web, t.signal);
    const other = await acquireOne(networks, requestOf(), t.signal);
    assert.ok(netns !== undefined && other.netns !== undefined);
    await using _server = await serve(machine.kernel.pathOf(netns), 80);

    assert.equal(await get(lan, "http://192.0.2.1:8080"), "192.0.2.2", "from outside, with its own address");
    assert.equal(await get(undefined, "http://127.0.0.1:8080"), endpoint.gateway, "from the host's loopback");
    assert.match(await get(undefined, "http://192.0.2.1:8080"), /^[\d.]+$/, "from the host by its address");
    assert.equal(await get(undefined, `http://${endpoint.gateway}:8080`), endpoint.gateway);
    assert.equal(
      await get(undefined, `http://${endpoint.address}`),
      endpoint.gateway,
      "directly from the host",
    );
    const self = machine.kernel.pathOf(netns);
    const neighbour = machine.kernel.pathOf(other.netns);
    assert.equal(await get(self, "http://192.0.2.1:8080"), endpoint.gateway, "from itself (hairpin)");
    assert.equal(await get(neighbour, "http://192.0.2.1:8080"), endpoint.gateway, "from its neighbour");
    assert.equal(await get(neighbour, `http://${endpoint.address}`), other.endpoint.address);
    assert.deepEqual(
      endpoint.ports["80/tcp"]?.map(({ HostIp }) => HostIp),
      ["0.0.0.0", "::"],
    );
    assert.equal(portHandles.length, 2);
    await networks.release(web.containerId);
    assert.match(await get(lan, "http://192.0.2.1:8080"), gone);
  });

  test("acquire: what is published on the loopback is the host's alone, and nobody else reaches the loopback", async (t) => {
    await using machine = await startMachine();
    await using opened = await machine.open();
    const { networks } = opened;
    const web = requestOf({ portBindings: publish("80/tcp", "8080", "127.0.0.1") });
    const { endpoint, netns } = await acquireOne(networks, web, t.signal);
    const other = await acquireOne(networks, requestOf(), t.signal);
    assert.ok(netns !== undefined && other.netns !== undefined);
    await using _server = await serve(machine.kernel.pathOf(netns), 80);
    await using _secret = await serve(undefined, 9000);

    assert.equal(await get(undefined, "http://127.0.0.1:8080"), endpoint.gateway);
    assert.match(await get(lan, "http://192.0.2.1:8080"), gone);
    execFileSync("ip", ["-n", "lan", "route", "add", "127.0.0.5/32", "via", "192.0.2.1"]);
    const inside = machine.kernel.pathOf(other.netns);
    const enter = `--net=${inside}`;
    execFileSync("nsenter", [enter, "ip", "route", "replace", "127.0.0.5/32", "via", endpoint.gateway]);
    for (const name of ["lo", "eth0", "all"])
      for (const net of [lan, inside])
        execFileSync("nsenter", [
          `--net=${net}`,
          "sh",
          "-c",
          `echo 1 > /proc/sys/net/ipv4/conf/${name}/route_localnet`,
        ]);
    assert.match(await get(inside, "http://127.0.0.5:9000"), gone);
    assert.match(await get(lan, "http://127.0.0.5:9000"), gone);
    execFileSync("ip", ["-n", "lan", "route", "delete", "127.0.0.5/32"]);
  });

  test("acquire: a container's own address leads nowhere from outside, published or not", async (t) => {
    await using machine = await startMachine();
    await using opened = await machine.open();
    const request = requestOf({ portBindings: publish("80/tcp", "8080") });
    const { endpoint, netns } = await acquireOne(opened.networks, request, t.signal);
    assert.ok(netns !== undefined);
    await using _published = await serve(machine.kernel.pathOf(netns), 80);
    await using _other = await serve(machine.kernel.pathOf(netns), 81);
    assert.match(await get(lan, `http://${endpoint.address}:80`), gone);
    assert.match(await get(lan, `http://${endpoint.address}:81`), gone);
  });

  test("acquire: a container reaches the world with the host's address", async (t) => {
    await using machine = await startMachine();
    await using opened = await machine.open();
    const { netns } = await acquireOne(opened.networks, requestOf(), t.signal);
    assert.ok(netns !== undefined);
    await using _server = await serve(lan, 80);
    assert.equal(await get(machine.kernel.pathOf(netns), "http://192.0.2.2"), "192.0.2.1");
  });

  test("create: networks are apart, but for published ports; internal ones from everything", async (t) => {
    await using machine = await startMachine();
    await using opened = await machine.open();
    const { networks, management } = opened;
    await management.create({ Name: "one" }, t.signal);
    await management.create({ Name: "closed", Internal: true }, t.signal);
    const web = await acquireOne(
      networks,
      requestOf({ mode: "one", portBindings: publish("80/tcp", "8080") }),
      t.signal,
    );
    const peer = await acquireOne(networks, requestOf({ mode: "one" }), t.signal);
    const stranger = await acquireOne(networks, requestOf(), t.signal);
    const hidden = await acquireOne(
      networks,
      requestOf({ mode: "closed", portBindings: publish("80/tcp", "8081") }),
      t.signal,
    );
    const path = (sandbox: typeof web) => machine.kernel.pathOf(sandbox.netns ?? (0 as never));
    await using _web = await serve(path(web), 80);
    await using _hidden = await serve(path(hidden), 80);
    await using _world = await serve(lan, 80);
    const url = `http://${web.endpoint.address}`;

    assert.equal(await get(path(peer), url), peer.endpoint.address);
    assert.match(await get(path(stranger), url), gone);
    assert.match(await get(path(stranger), "http://192.0.2.1:8080"), /^[\d.]+$/, "published is public");
    assert.match(await get(path(hidden), url), gone);
    assert.match(await get(path(hidden), "http://192.0.2.2"), gone);
    assert.match(
      await get(path(hidden), `http://${hidden.endpoint.address.replace(/\d+$/, "1")}:8080`),
      gone,
    );
    assert.match(await get(path(stranger), `http://${hidden.endpoint.address}`), gone);
    assert.equal(hidden.endpoint.gateway, "");
    assert.deepEqual(hidden.endpoint.ports, { "80/tcp": null });
    await Promise.all(
      management
        .list()
        .flatMap(({ id }) => management.members(id))
        .map((m) => networks.release(m.containerId)),
    );
    for (const name of ["one", "closed"]) await management.remove(name);
  });

  test("create: without inter-container communication neighbours do not see each other, the host does", async (t) => {
    await using machine = await startMachine();
    await using opened = await machine.open();
    const { networks, management } = opened;
    const Options = {
      "com.docker.network.bridge.enable_icc": "false",
      "com.docker.network.bridge.name": "gt-icc",
    };
    await management.create({ Name: "shy", Options }, t.signal);
    const web = await acquireOne(
      networks,
      requestOf({ mode: "shy", portBindings: publish("80/tcp", "8080") }),
      t.signal,
    );
    const peer = await acquireOne(networks, requestOf({ mode: "shy" }), t.signal);
    assert.ok(web.netns !== undefined && peer.netns !== undefined);
    await using _web = await serve(machine.kernel.pathOf(web.netns), 80);
    assert.match(await get(machine.kernel.pathOf(peer.netns), `http://${web.endpoint.address}`), gone);
    assert.equal(await get(lan, "http://192.0.2.1:8080"), "192.0.2.2");
    assert.equal(await get(undefined, `http://${web.endpoint.address}`), web.endpoint.gateway);
    for (const { containerId } of management.members(management.get("shy").id))
      await networks.release(containerId);
    await management.remove("shy");
  });

  test("settle: after a kill -9 the next daemon has the same forwards, addresses and ports, and no others", async (t) => {
    await using machine = await startMachine();
    const kept = requestOf({ portBindings: publish("80/tcp", "8080") });
    const lost = requestOf({ portBindings: publish("80/tcp", "8081") });
    await using killed = await machine.open();
    const { endpoint, netns } = await acquireOne(killed.networks, kept, t.signal);
    const dead = await acquireOne(killed.networks, lost, t.signal);
    assert.ok(netns !== undefined && dead.netns !== undefined);
    await using _server = await serve(machine.kernel.pathOf(netns), 80);

    await using opened = await machine.open();
    const { networks } = opened;
    networks.adopt(kept.containerId, [endpoint]);
    await networks.settle();
    assert.equal(await get(lan, "http://192.0.2.1:8080"), "192.0.2.2");
    assert.deepEqual(traces().elements, [`8080 : ${endpoint.address} . 80`]);
    const thief = requestOf({ portBindings: publish("80/tcp", "8080") });
    await assert.rejects(acquireOne(networks, thief, t.signal), /port is already allocated/);
    const next = await acquireOne(networks, requestOf(), t.signal);
    assert.notEqual(next.endpoint.address, endpoint.address);
    await networks.release(kept.containerId);
    await networks.release(kept.containerId);
    assert.deepEqual(traces().elements, []);
  });

  test("settle: when no container outlived the daemon, its forwards are gone", async (t) => {
    await using machine = await startMachine();
    await using killed = await machine.open();
    await acquireOne(killed.networks, requestOf({ portBindings: publish("80/tcp", "8080") }), t.signal);
    assert.equal(traces().elements.length, 1);
    await using opened = await machine.open();
    await opened.networks.settle();
    assert.deepEqual(traces().elements, []);
  });

  test("settle: does nothing on a machine where nothing was ever done", async () => {
    await using machine = await startMachine();
    await using opened = await machine.open();
    await opened.networks.settle();
    assert.equal(execFileSync("nft", ["list", "ruleset"], { encoding: "utf8" }), "");
    assert.deepEqual(traces().links, []);
  });

  test("settle: puts everything back that somebody flushed or deleted; so does publishing a port", async (t) => {
    await using machine = await startMachine();
    await using opened = await machine.open();
    const { networks } = opened;
    const first = requestOf({ portBindings: publish("80/tcp", "8080") });
    await acquireOne(networks, first, t.signal);
    execFileSync("nft", ["flush", "ruleset"]);
    await networks.settle();
    assert.equal(traces().elements.length, 1);
    execFileSync("nft", ["flush", "ruleset"]);
    const second = await acquireOne(
      networks,
      requestOf({ portBindings: publish("80/tcp", "8081") }),
      t.signal,
    );
    assert.equal(traces().elements.length, 2);
    execFileSync("nft", ["flush", "ruleset"]);
    await networks.release(first.containerId);
    assert.equal(traces().elements.length, 1);
    execFileSync("ip", ["link", "delete", "gantry-t0"]);
    await networks.settle();
    await using _world = await serve(lan, 80);
    assert.equal(
      await get(machine.kernel.pathOf(second.netns ?? (0 as never)), "http://192.0.2.2"),
      "192.0.2.1",
    );
  });

  test("acquire: when it fails or is aborted, nothing stays taken", async (t) => {
    await using machine = await startMachine();
    await using opened = await machine.open();
    const { networks } = opened;
    const request = () =>
      requestOf({ portBindings: { ...publish("80/tcp", "8080"), ...publish("81/tcp", "9000") } });
    await acquireOne(networks, requestOf(), t.signal);
    await using _foreign = await serve(undefined, 9000);
    const before = machine.kernel.size;
    await assert.rejects(acquireOne(networks, request(), t.signal), (error) => {
      assert.ok(isFault(error, "exhausted"));
      assert.match(
        error.message,
        /failed to bind host port for 0\.0\.0\.0:9000:172\.\d+\.0\.\d+:81\/tcp: address already in use/,
      );
      return true;
    });
    const abort = new AbortController();
    const pending = acquireOne(networks, request(), abort.signal);
    abort.abort();
    await assert.rejects(pending);
    assert.equal(machine.kernel.size, before);
    assert.deepEqual(traces().elements, []);
    await acquireOne(networks, requestOf({ portBindings: publish("80/tcp", "8080") }), t.signal);
  });

  test("acquire: static addresses and MACs of user-defined networks are given once", async (t) => {
    await using machine = await startMachine();
    await using opened = await machine.open();
    const { networks, management } = opened;
    await management.create(
      { Name: "own", IPAM: { Config: [{ Subnet: "10.77.0.0/24", Gateway: "10.77.0.9" }] } },
      t.signal,
    );
    const settings = { IPAMConfig: { IPv4Address: "10.77.0.50" }, MacAddress: "02:11:22:33:44:55" };
    const first = requestOf({ mode: "own", settings });
    const { endpoint } = await acquireOne(networks, first, t.signal);
    assert.deepEqual(
      [endpoint.address, endpoint.mac, endpoint.gateway],
      ["10.77.0.50", "02:11:22:33:44:55", "10.77.0.9"],
    );
    await assert.rejects(
      acquireOne(networks, requestOf({ mode: "own", settings }), t.signal),
      /Address already in use/,
    );
    assert.throws(() => networks.check(requestOf({ mode: "nope" })), /network nope not found/);
    assert.throws(
      () => networks.check(requestOf({ settings })),
      /user specified IP address is supported on user defined/,
    );
    await assert.rejects(management.remove("own"), /has active endpoints \(name:"name\d+"/);
    await networks.release(first.containerId);
    assert.deepEqual(await management.prune(() => true), ["own"]);
  });

  test("acquire: host mode has no namespace, none has one without interfaces", async (t) => {
    await using machine = await startMachine();
    await using opened = await machine.open();
    const host = await acquireOne(opened.networks, requestOf({ mode: "host" }), t.signal);
    const none = await acquireOne(opened.networks, requestOf({ mode: "none" }), t.signal);
    assert.equal(host.netns, undefined);
    assert.ok(none.netns !== undefined);
    assert.deepEqual(machine.events, ["network connect", "network connect"]);
  });

  test("warm: keeps sandboxes ready, makes up for what was taken, and drops broken ones", async (t) => {
    await using machine = await startMachine();
    await using opened = await machine.open({ poolSize: 2 });
    const { networks } = opened;
    await networks.warm();
    assert.equal(machine.kernel.size, 3);
    const { endpoint } = await acquireOne(networks, requestOf(), t.signal);
    assert.match(endpoint.address, /\.0\.2$/);
    execFileSync("ip", ["link", "delete", "gantry-t0"]);
    const { netns } = await acquireOne(networks, requestOf(), t.signal);
    await using _server = await serve(lan, 80);
    assert.ok(netns !== undefined);
    assert.equal(await get(machine.kernel.pathOf(netns), "http://192.0.2.2"), "192.0.2.1");
  });
}

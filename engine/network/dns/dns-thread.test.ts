import assert from "node:assert/strict";
import { createSocket } from "node:dgram";
import { readdirSync, readlinkSync } from "node:fs";
import { after, test } from "node:test";
import { fileURLToPath } from "node:url";
import { isFault } from "#base/fault.ts";
import { silentLog } from "#base/log.ts";
import {
  acquireOne,
  evaluate,
  isPrivate,
  requestOf,
  runPrivately,
  startMachine,
  traces,
} from "../private-net.ts";
import { DnsThread } from "./dns-thread.ts";
import { decodeMessage, encodeMessage } from "#host/dns/message.ts";

if (!isPrivate)
  test("DnsThread: in a network namespace of its own", () => runPrivately(fileURLToPath(import.meta.url)));
else suite();

/** What node's own resolver makes of a question to 127.0.0.11 in the namespace, or the error's code. */
async function ask(netns: string, call: string): Promise<unknown> {
  const script = `
    const resolver = new (require("dns").promises.Resolver)({ timeout: 1000, tries: 1 });
    resolver.setServers(["127.0.0.11"]);
    resolver.${call}.then((r) => console.log(JSON.stringify(r)), (e) => console.log(JSON.stringify(e.code)));`;
  return JSON.parse(await evaluate(netns, script));
}

/** The host's name server: knows `world.test`, remembers who asked for what. */
async function startUpstream() {
  const asked: string[] = [];
  const socket = createSocket("udp4");
  socket.on("message", (bytes, from) => {
    const query = decodeMessage(bytes);
    const name = query?.questions[0]?.name ?? "";
    asked.push(name);
    if (query === undefined || name === "silent.test") return;
    const answers = name === "world.test" ? [{ name, type: 1, class: 1, ttl: 60, data: "203.0.113.7" }] : [];
    const code = answers.length === 0 ? 3 : 0;
    socket.send(
      encodeMessage({ ...query, isResponse: true, hasRecursion: true, rcode: code, answers }),
      from.port,
      from.address,
    );
  });
  await new Promise<void>((resolve) => socket.bind(53, "127.0.0.1", resolve));
  return { asked, [Symbol.dispose]: () => void socket.close() };
}

function suite(): void {
  after(() => assert.deepEqual(traces(), { elements: [], links: [] }, "nothing is left in the kernel"));

  test("open: containers of a user-defined network find one another, and the world", async (t) => {
    await using machine = await startMachine();
    await using opened = await machine.open();
    using upstream = await startUpstream();
    const { networks, management } = opened;
    await management.create({ Name: "mynet" }, t.signal);
    const web = requestOf({ mode: "mynet", containerName: "web", settings: { Aliases: ["www"] } });
    const second = requestOf({ mode: "mynet", containerName: "web2", settings: { Aliases: ["www"] } });
    const { endpoint, netns } = await acquireOne(networks, web, t.signal);
    const other = await acquireOne(networks, second, t.signal);
    assert.ok(netns !== undefined);
    const path = machine.kernel.pathOf(netns);

    assert.deepEqual(await ask(path, 'resolve4("web")'), [endpoint.address]);
    assert.deepEqual(await ask(path, `resolve4("${web.containerId.slice(0, 12)}")`), [endpoint.address]);
    assert.deepEqual(await ask(path, 'resolve4("web2.mynet")'), [other.endpoint.address]);
    const both = (await ask(path, 'resolve4("www")')) as string[];
    assert.deepEqual(both.toSorted(), [endpoint.address, other.endpoint.address].toSorted());
    assert.deepEqual(await ask(path, `reverse("${other.endpoint.address}")`), ["web2.mynet"]);
    assert.equal(await ask(path, 'resolve6("web")'), "ENODATA");
    assert.deepEqual(await ask(path, 'resolve4("world.test")'), ["203.0.113.7"]);
    assert.equal(await ask(path, 'resolve4("nowhere.test")'), "ENOTFOUND");
    assert.ok(!upstream.asked.includes("web"), "names of the network stay in it");

    networks.rename(second.containerId, "api");
    assert.deepEqual(await ask(path, 'resolve4("api")'), [other.endpoint.address]);
    await networks.release(second.containerId);
    assert.equal(await ask(path, 'resolve4("api")'), "ENOTFOUND");
    assert.deepEqual(
      networks.resolvConf([endpoint], { dns: [], search: [], options: [] }),
      "nameserver 127.0.0.11\noptions ndots:0\n",
    );
    await networks.release(web.containerId);
    await management.remove("mynet");
  });

  test("open: nothing leaves an internal network, not even a question", async (t) => {
    await using machine = await startMachine();
    await using opened = await machine.open();
    using upstream = await startUpstream();
    const { networks, management } = opened;
    await management.create({ Name: "closed", Internal: true }, t.signal);
    const request = requestOf({ mode: "closed" });
    const { netns } = await acquireOne(networks, request, t.signal);
    assert.ok(netns !== undefined);
    assert.equal(await ask(machine.kernel.pathOf(netns), 'resolve4("world.test")'), "ESERVFAIL");
    assert.deepEqual(upstream.asked, []);
    await networks.release(request.containerId);
    await management.remove("closed");
  });

  test("open: goes on for containers that outlived the daemon", async (t) => {
    await using machine = await startMachine();
    const killed = await machine.open();
    await killed.management.create({ Name: "mynet" }, t.signal);
    const request = requestOf({ mode: "mynet", containerName: "web" });
    const { endpoint, netns } = await acquireOne(killed.networks, request, t.signal);
    assert.ok(netns !== undefined);
    await killed[Symbol.asyncDispose]();
    await using opened = await machine.open();
    const path = machine.kernel.pathOf(netns);
    opened.networks.adopt(request.containerId, [endpoint], path);
    await opened.networks.settle();
    assert.deepEqual(await ask(path, 'resolve4("web")'), [endpoint.address]);
    await opened.networks.release(request.containerId);
    await opened.management.remove("mynet");
  });

  test("open: when the address is taken in the container, it fails and leaves nothing open", async (t) => {
    await using machine = await startMachine();
    await using opened = await machine.open();
    const { networks, management } = opened;
    await management.create({ Name: "mynet" }, t.signal);
    const first = requestOf({ mode: "mynet" });
    const { netns } = await acquireOne(networks, first, t.signal);
    assert.ok(netns !== undefined);
    const before = { held: machine.kernel.size, namespaces: openNamespaces() };
    await using thread = new DnsThread({ log: silentLog });
    const clash = {
      containerId: "c",
      entries: [],
      links: [],
      netnsPath: machine.kernel.pathOf(netns),
      isConfined: false,
      upstreams: [],
    };
    await assert.rejects(thread.open(clash), (error) => isFault(error, "unavailable"));
    await assert.rejects(thread.open({ ...clash, netnsPath: "/nowhere" }), (error) =>
      isFault(error, "unavailable"),
    );
    assert.deepEqual({ held: machine.kernel.size, namespaces: openNamespaces() }, before);
    await networks.release(first.containerId);
    await management.remove("mynet");
  });
}

/** Network namespaces that this process has open, its threads' own not counted. */
function openNamespaces(): number {
  const links = readdirSync("/proc/self/fd").map((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`);
    } catch {
      return "";
    }
  });
  const own = readlinkSync("/proc/self/ns/net");
  return links.filter((link) => link.startsWith("net:") && link !== own).length;
}

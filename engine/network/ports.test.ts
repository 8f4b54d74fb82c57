import assert from "node:assert/strict";
import { test } from "node:test";
import { Fault, isFault } from "#base/fault.ts";
import type { Handle, KernelHelper } from "#engine/supervise/kernel-helper.ts";
import { HostPorts } from "./host-ports.ts";
import { planPorts } from "./port-plan.ts";

/** A host with nothing but ports. */
function portsOnly(foreign: readonly string[] = []) {
  const bound = new Map<Handle, string>();
  let serial = 0;
  const kernel: KernelHelper = {
    bindPort: ({ protocol, address, port }) => {
      const number = port === 0 ? 32768 + ++serial : port;
      const key = `${protocol} ${address} ${number}`;
      const errno = address === "10.9.9.9" ? 99 : foreign.includes(key) ? 98 : 0;
      if (errno !== 0) return Promise.reject(new Fault("exhausted", "bind", { detail: { errno } }));
      const handle = ++serial as Handle;
      bound.set(handle, key);
      return Promise.resolve({ handle, port: number });
    },
    release: (handle) => {
      bound.delete(handle);
      return Promise.resolve();
    },
    setSetting: () => Promise.resolve(),
    addAddress: () => Promise.resolve(),
    forgetFlows: () => Promise.resolve(),
    attachInterface: () => Promise.reject(new Error("no sandboxes")),
    detachInterface: () => Promise.reject(new Error("no sandboxes")),
    setDefaultRoutes: () => Promise.reject(new Error("no sandboxes")),
    createSandbox: () => Promise.reject(new Error("no sandboxes")),
    isHeld: (handle) => bound.has(handle),
    pathOf: () => "",
  };
  return { kernel, bound };
}

const plan = (HostPort: string, HostIp = "", key = "80/tcp") =>
  planPorts({ portBindings: { [key]: [{ HostIp, HostPort }] }, exposedPorts: [], publishAll: false });

test("planPorts: exposed ports are known but not wanted, unless all are to be published", () => {
  const request = { portBindings: {}, exposedPorts: ["80/tcp", "53/udp"], publishAll: false };
  assert.deepEqual(planPorts(request), { keys: ["80/tcp", "53/udp"], wanted: [] });
  assert.equal(planPorts({ ...request, publishAll: true }).wanted.length, 2);
});

test("planPorts: a binding without an address is for IPv4 and IPv6, or the network's own choice", () => {
  assert.deepEqual(plan("80").wanted[0]?.hostAddresses, ["0.0.0.0", "::"]);
  const request = {
    portBindings: { "80/tcp": [{ HostIp: "", HostPort: "" }] },
    exposedPorts: [],
    publishAll: false,
  };
  assert.deepEqual(planPorts(request, { defaultAddress: "127.0.0.1" }).wanted[0]?.hostAddresses, [
    "127.0.0.1",
  ]);
});

test("planPorts: refuses what is no port, protocol or address", () => {
  for (const key of ["0/tcp", "80/icmp", "x", "70000", "90-80"])
    assert.throws(
      () => plan("80", "", key),
      (error) => isFault(error, "invalid"),
      key,
    );
  for (const port of ["x", "70000", "-1"])
    assert.throws(
      () => plan(port),
      (error) => isFault(error, "invalid"),
      port,
    );
  assert.throws(
    () => plan("80", "localhost"),
    (error) => isFault(error, "invalid"),
  );
});

test("bind: shows both families, and null for what is only exposed", async () => {
  const ports = new HostPorts(portsOnly().kernel);
  const wanted = plan("8080");
  const { ports: shown } = await ports.bind(
    "a",
    { ...wanted, keys: [...wanted.keys, "81/tcp"] },
    "172.17.0.2",
  );
  assert.deepEqual(shown, {
    "80/tcp": [
      { HostIp: "0.0.0.0", HostPort: "8080" },
      { HostIp: "::", HostPort: "8080" },
    ],
    "81/tcp": null,
  });
});

test("bind: a port of another container is refused with Docker's text, until that one is forgotten", async () => {
  const ports = new HostPorts(portsOnly().kernel);
  await ports.bind("a", plan("80"), "172.17.0.2");
  await assert.rejects(ports.bind("b", plan("80", "127.0.0.1"), "172.17.0.3"), {
    kind: "exhausted",
    message: "Bind for 127.0.0.1:80 failed: port is already allocated",
  });
  await ports.bind("c", plan("80", "", "80/udp"), "172.17.0.4");
  ports.forget("a");
  await ports.bind("b", plan("80"), "172.17.0.3");
});

test("bind: adopted ports are taken too", async () => {
  const ports = new HostPorts(portsOnly().kernel);
  ports.adopt("a", { "80/tcp": [{ HostIp: "0.0.0.0", HostPort: "80" }], "81/tcp": null });
  await assert.rejects(ports.bind("b", plan("80"), "172.17.0.3"), /port is already allocated/);
});

test("bind: a port of another program is refused with the kernel's reason", async () => {
  const ports = new HostPorts(portsOnly(["tcp 0.0.0.0 80"]).kernel);
  await assert.rejects(ports.bind("a", plan("80"), "172.17.0.2"), {
    kind: "exhausted",
    message: "failed to bind host port for 0.0.0.0:80:172.17.0.2:80/tcp: address already in use",
  });
});

test("bind: nothing stays bound or held when one of several fails", async () => {
  const { kernel, bound } = portsOnly(["tcp :: 81"]);
  const ports = new HostPorts(kernel);
  const both = planPorts({
    portBindings: { "80/tcp": [{ HostIp: "", HostPort: "80" }], "81/tcp": [{ HostIp: "", HostPort: "81" }] },
    exposedPorts: [],
    publishAll: false,
  });
  await assert.rejects(ports.bind("a", both, "172.17.0.2"), /\[::\]:81/);
  assert.equal(bound.size, 0);
  await ports.bind("b", plan("80"), "172.17.0.3");
});

test("bind: of a range the first free one, the next time the next", async () => {
  const ports = new HostPorts(portsOnly(["tcp :: 8000"]).kernel);
  const range = plan("8000-8002");
  const first = await ports.bind("a", range, "172.17.0.2");
  const second = await ports.bind("b", range, "172.17.0.3");
  assert.deepEqual(
    [first, second].map(({ ports: shown }) => shown["80/tcp"]?.[0]?.HostPort),
    ["8001", "8002"],
  );
  await assert.rejects(ports.bind("c", range, "172.17.0.4"), /all ports are allocated/);
});

test("bind: a free port is the same for both families", async () => {
  const ports = new HostPorts(portsOnly(["tcp :: 32769"]).kernel);
  const { ports: shown } = await ports.bind("a", plan(""), "172.17.0.2");
  const numbers = shown["80/tcp"]?.map(({ HostPort }) => HostPort);
  assert.equal(numbers?.length, 2);
  assert.equal(numbers?.[0], numbers?.[1]);
  assert.notEqual(numbers?.[0], "32769");
});

test("bind: an address that the host does not have is an error when it was asked for", async () => {
  const ports = new HostPorts(portsOnly().kernel);
  await assert.rejects(ports.bind("a", plan("80", "10.9.9.9"), "172.17.0.2"), (error) =>
    isFault(error, "exhausted"),
  );
});

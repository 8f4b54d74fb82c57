import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { createInterface, type Interface } from "node:readline";
import type { EndpointSlice } from "#api/kube/types/discovery.ts";
import type { Service, ServiceSpec } from "#api/kube/types/core.ts";
import { silentLog } from "#base/log.ts";
import { type KubeClient, kubeClient } from "#client/kube/kube-client.ts";
import { CLONE, unshare } from "#host/sys.ts";
import { systemTimers } from "#host/system-timers.ts";
import { InformerFactory } from "#orchestrator/informers/informer-factory.ts";
import { MemoryApi } from "#orchestrator/informers/memory-api.fixture.ts";
import { checkout } from "./engine.ts";
import type { Errand } from "./net-peer.fixture.ts";

/** A pod or a machine elsewhere: a network namespace with one process in it. */
export class Peer {
  readonly #process: ChildProcess;
  readonly #lines: AsyncIterator<string>;
  readonly #interface: Interface;

  constructor(name: string, ports: readonly number[]) {
    const script = join(import.meta.dirname, "net-peer.fixture.ts");
    const args = ["netns", "exec", name, process.execPath, script, name, ...ports.map(String)];
    this.#process = spawn("ip", args, { stdio: ["pipe", "pipe", "inherit"] });
    if (this.#process.stdout === null) throw new Error("no stdout");
    this.#interface = createInterface(this.#process.stdout);
    this.#lines = this.#interface[Symbol.asyncIterator]();
  }

  async ready(): Promise<this> {
    await this.#lines.next();
    return this;
  }

  /** What each of so many connections heard, or how it failed. */
  async ask(protocol: Errand["protocol"], where: string, more: Partial<Errand> = {}): Promise<string[]> {
    const [host = "", port = ""] = where.split(":");
    const errand: Errand = { protocol, host, port: Number(port), count: 1, ...more };
    this.#process.stdin?.write(`${JSON.stringify(errand)}\n`);
    const { value } = await this.#lines.next();
    return JSON.parse(String(value)) as string[];
  }

  async end(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#process.once("exit", () => resolve());
    this.#process.stdin?.end();
    await promise;
    this.#interface.close();
  }
}

/**
 * A node's network for tests in namespaces of their own, that are this process's from then on: pods `a` (10.244.0.2) and `b`
 * (10.244.0.3) on a bridge, a machine `world` (192.0.2.2) on another link, an API in memory with informers.
 */
export class ClusterNet implements AsyncDisposable {
  readonly folder = mkdtempSync(join(tmpdir(), "gantry-services-"));
  readonly nativeBinary = join(checkout, "native/build/gantry-shim");
  readonly api = new MemoryApi();
  readonly kube: KubeClient = kubeClient(this.api, { userAgent: "test" });
  readonly informers = new InformerFactory(this.kube, {
    timers: systemTimers,
    random: Math.random,
    log: silentLog,
  });
  readonly #stop = new AbortController();
  readonly #peers: Peer[] = [];

  static async open(): Promise<ClusterNet> {
    unshare(CLONE.NEWNET | CLONE.NEWNS);
    const script = [
      "mount --make-rprivate /; mount -t sysfs sysfs /sys; mkdir -p /run/netns; mount -t tmpfs none /run/netns",
      "ip link set lo up; sysctl -qw net.ipv4.ip_forward=1",
      "ip link add pods type bridge; ip address add 10.244.0.1/24 dev pods; ip link set pods up",
      "sysctl -qw net.ipv4.conf.pods.route_localnet=1",
      ...["a", "b"].flatMap((name, at) => [
        `ip netns add ${name}; ip link add v${name} type veth peer name eth0 netns ${name}`,
        `ip link set v${name} master pods up; ip -n ${name} link set lo up; ip -n ${name} link set eth0 up`,
        `ip -n ${name} address add 10.244.0.${at + 2}/24 dev eth0; ip -n ${name} route add default via 10.244.0.1`,
        `echo 1 >/sys/class/net/v${name}/brport/hairpin_mode`,
      ]),
      "ip netns add world; ip link add outside type veth peer name eth0 netns world; ip link set outside up",
      "ip address add 192.0.2.1/24 dev outside; ip -n world link set lo up; ip -n world link set eth0 up",
      "ip -n world address add 192.0.2.2/24 dev eth0; ip -n world route add default via 192.0.2.1",
    ];
    execFileSync("sh", ["-ec", script.join("\n")], { stdio: ["ignore", "ignore", "inherit"] });
    const net = new ClusterNet();
    net.informers.start(net.signal);
    for (const [name, ports] of [
      ["a", [8080]],
      ["b", [8080]],
      ["world", []],
    ] as const)
      net.#peers.push(new Peer(name, ports));
    await Promise.all(net.#peers.map((peer) => peer.ready()));
    return net;
  }

  get signal(): AbortSignal {
    return this.#stop.signal;
  }

  get peers(): { readonly a: Peer; readonly b: Peer; readonly world: Peer } {
    const [a, b, world] = this.#peers as [Peer, Peer, Peer];
    return { a, b, world };
  }

  /** What a shell's words write, on the node. */
  sh(script: string): string {
    return execFileSync("sh", ["-c", script], { encoding: "utf8" }).trim();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await Promise.all(this.#peers.map((peer) => peer.end()));
    await this.informers.ended();
    rmSync(this.folder, { recursive: true });
  }
}

export function service(name: string, spec: ServiceSpec): Service {
  return {
    apiVersion: "v1",
    kind: "Service",
    metadata: { name, namespace: "default" },
    spec: { type: "ClusterIP", ports: [{ port: 80, protocol: "TCP", targetPort: 8080 }], ...spec },
  };
}

export type EndpointFacts = NonNullable<EndpointSlice["endpoints"]>[number];

/** Of a service with the same name; all ports go to 8080. */
export function slice(
  name: string,
  endpoints: readonly (string | EndpointFacts)[],
  ports: EndpointSlice["ports"] = [{ name: "", port: 8080, protocol: "TCP" }],
): EndpointSlice {
  return {
    apiVersion: "discovery.k8s.io/v1",
    kind: "EndpointSlice",
    metadata: { name, namespace: "default", labels: { "kubernetes.io/service-name": name } },
    addressType: "IPv4",
    endpoints: endpoints.map((one) =>
      typeof one === "string"
        ? { addresses: [one], conditions: { ready: true }, nodeName: one.endsWith(".2") ? "here" : "there" }
        : one,
    ),
    ports,
  };
}

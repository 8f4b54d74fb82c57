import { execFile, execFileSync } from "node:child_process";
import { createSocket } from "node:dgram";
import { createServer } from "node:net";
import { promisify } from "node:util";
import { Fault } from "#base/fault.ts";
import type { Handle, InterfaceRequest, KernelHelper, NetnsRef } from "#engine/supervise/kernel-helper.ts";

const run = promisify(execFile);

/**
 * A spawner for tests, made of `ip` commands: network namespaces by name under /run/netns, and ports held by sockets of this
 * process. Slow, but it needs no native code. Like the real one it never uses a handle twice.
 */
export class IpKernel implements KernelHelper, AsyncDisposable {
  readonly #held = new Map<Handle, { readonly name?: string; readonly release: () => Promise<void> }>();
  #serial = 0;

  async createSandbox(request: InterfaceRequest | undefined): Promise<Handle> {
    const handle = ++this.#serial as Handle;
    const name = `sandbox${handle}`;
    await run("ip", ["netns", "add", name]);
    this.#held.set(handle, { name, release: () => removeNamespace(name) });
    execFileSync("ip", ["-n", name, "-batch", "-"], { input: insideOf(undefined) });
    if (request === undefined) return handle;
    try {
      await run("sh", ["-ec", outsideOf(request, name)]);
      execFileSync("ip", ["-n", name, "-batch", "-"], { input: insideOf(request) });
    } catch (error) {
      await this.release(handle);
      throw new Fault("exhausted", "sandbox", { cause: error });
    }
    return handle;
  }

  async attachInterface(netns: NetnsRef, request: InterfaceRequest): Promise<void> {
    const name = this.#nameOf(netns);
    await run("sh", ["-ec", outsideOf(request, name)]);
    execFileSync("ip", ["-n", name, "-batch", "-"], { input: insideOf(request) });
  }

  async detachInterface(netns: NetnsRef, name: string): Promise<void> {
    await run("ip", ["-n", this.#nameOf(netns), "link", "delete", name]);
  }

  async setDefaultRoutes(netns: NetnsRef, gateway: string): Promise<void> {
    const name = this.#nameOf(netns);
    if (gateway === "") await run("sh", ["-c", `ip -n ${name} route delete default; true`]);
    else await run("ip", ["-n", name, "route", "replace", "default", "via", gateway]);
  }

  async forgetFlows(): Promise<void> {}

  async setSetting(netns: NetnsRef, key: string, value: string): Promise<void> {
    const setting = `net.${key.replaceAll("/", ".")}=${value}`;
    await run("ip", ["netns", "exec", this.#nameOf(netns), "sysctl", "-q", "-w", setting]);
  }

  async addAddress(netns: NetnsRef, name: string, address: string, prefix: number): Promise<void> {
    await run("ip", ["-n", this.#nameOf(netns), "address", "add", `${address}/${prefix}`, "dev", name]);
  }

  #nameOf(netns: NetnsRef): string {
    return typeof netns === "string" ? (netns.split("/").at(-1) ?? "") : (this.#held.get(netns)?.name ?? "");
  }

  async bindPort(port: {
    readonly protocol: "tcp" | "udp" | "sctp";
    readonly address: string;
    readonly port: number;
  }): Promise<{ readonly handle: Handle; readonly port: number }> {
    const { promise, resolve, reject } = Promise.withResolvers<number>();
    const refuse = (error: NodeJS.ErrnoException) =>
      reject(new Fault("exhausted", error.message, { detail: { errno: -(error.errno ?? 0) } }));
    const handle = ++this.#serial as Handle;
    if (port.protocol === "tcp") {
      const server = createServer((socket) => socket.destroy()).once("error", refuse);
      const where = { host: port.address, port: port.port, ipv6Only: true };
      server.listen(where, () => resolve((server.address() as { port: number }).port));
      const close = () => new Promise<void>((done) => server.close(() => done()));
      this.#held.set(handle, { release: close });
    } else {
      const isSix = port.address.includes(":");
      const socket = isSix ? createSocket({ type: "udp6", ipv6Only: true }) : createSocket("udp4");
      socket.once("error", refuse).bind(port.port, port.address, () => resolve(socket.address().port));
      this.#held.set(handle, { release: async () => void socket.close() });
    }
    try {
      return { handle, port: await promise };
    } catch (error) {
      this.#held.delete(handle);
      throw error;
    }
  }

  isHeld(handle: Handle): boolean {
    return this.#held.has(handle);
  }

  pathOf(handle: Handle): string {
    return `/run/netns/${this.#held.get(handle)?.name}`;
  }

  async release(handle: Handle): Promise<void> {
    const held = this.#held.get(handle);
    this.#held.delete(handle);
    await held?.release();
  }

  get size(): number {
    return this.#held.size;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const handle of this.#held.keys()) await this.release(handle);
  }
}

/** Its interface goes first: connections of dead processes may keep the namespace alive for a while, but nobody waits for them. */
async function removeNamespace(name: string): Promise<void> {
  await run("sh", ["-c", `ip -n ${name} link delete eth0 2>/dev/null; ip netns delete ${name}`]);
}

function outsideOf(request: InterfaceRequest, name: string): string {
  const { hostName, mac, mtu, master: bridge } = request;
  const peer = `name ${request.name} address ${mac} mtu ${mtu} netns ${name}`;
  return `ip link add name ${hostName} mtu ${mtu} master ${bridge} up type veth peer ${peer}`;
}

function insideOf(request: InterfaceRequest | undefined): string {
  if (request === undefined) return "link set lo up\n";
  const { name, address, prefixLength, gateway } = request;
  const route = gateway === "" ? "" : `route add default via ${gateway}\n`;
  return `address add ${address}/${prefixLength} dev ${name}\nlink set ${name} up\n${route}`;
}

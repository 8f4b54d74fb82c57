import type { PortBinding, PortMap } from "#api/docker/container.ts";
import type { Protocol } from "#api/docker/ports.ts";
import { Fault, isFault, messageOf } from "#base/fault.ts";
import type { Handle, KernelHelper } from "#engine/supervise/kernel-helper.ts";
import { letGo } from "./let-go.ts";
import type { PortPlan, WantedPort } from "./port-plan.ts";

interface Held {
  readonly protocol: Protocol;
  readonly address: string;
  readonly port: number;
}

export interface BoundPorts {
  /** As `NetworkSettings.Ports` shows it. */
  readonly ports: PortMap;
  readonly handles: readonly Handle[];
}

const EADDRINUSE = 98;
const EAFNOSUPPORT = 97;
const EADDRNOTAVAIL = 99;
/** How often another port is tried when the kernel's choice for IPv4 is not free for IPv6. */
const EPHEMERAL_TRIES = 16;

/** The host ports that containers hold, and the way to get more. A port is held from the moment it is asked for. */
export class HostPorts {
  readonly #kernel: KernelHelper;
  readonly #held = new Map<string, readonly Held[]>();

  constructor(kernel: KernelHelper) {
    this.#kernel = kernel;
  }

  /**
   * Binds everything or nothing. `target` is the container's address, for the message.
   *
   * @throws {Fault} `exhausted`, with Docker's text, when a port is taken
   */
  async bind(owner: string, plan: PortPlan, target: string): Promise<BoundPorts> {
    const ports: Record<string, PortBinding[] | null> = Object.fromEntries(
      plan.keys.map((key) => [key, null]),
    );
    const handles: Handle[] = [];
    await using undo = new AsyncDisposableStack();
    undo.defer(() => this.#letGo(owner, handles));
    for (const wanted of plan.wanted) {
      const { port, addresses } = await this.#bindOne(owner, wanted, target, handles);
      const key = `${wanted.containerPort}/${wanted.protocol}`;
      const bindings = [
        ...wanted.routedAddresses.map((HostIp) => ({ HostIp, HostPort: "" })),
        ...addresses.map((HostIp) => ({ HostIp, HostPort: String(port) })),
      ];
      ports[key] = [...(ports[key] ?? []), ...bindings];
    }
    undo.move();
    return { ports, handles };
  }

  /** For ports that a container's shim holds already. */
  adopt(owner: string, ports: PortMap): void {
    const held = Object.entries(ports).flatMap(([key, bindings]) =>
      (bindings ?? []).map(({ HostIp, HostPort }) => ({
        protocol: key.split("/")[1] as Protocol,
        address: HostIp,
        port: Number(HostPort),
      })),
    );
    if (held.length > 0) this.#held.set(owner, held);
  }

  /** The numbers may be taken again; sockets are the holder's affair. */
  forget(owner: string): void {
    this.#held.delete(owner);
  }

  async #letGo(owner: string, handles: readonly Handle[]): Promise<void> {
    this.forget(owner);
    await letGo(this.#kernel, handles);
  }

  async #bindOne(owner: string, wanted: WantedPort, target: string, handles: Handle[]) {
    const { first, last } = wanted.hostPorts;
    if (first === 0) return this.#bindEphemeral(owner, wanted, target, handles);
    for (let port = first; ; port++) {
      try {
        return await this.#bindNumber(owner, wanted, port, target, handles);
      } catch (error) {
        if (!isFault(error, "exhausted")) throw error;
        if (port < last) continue;
        if (first === last) throw error;
        throw new Fault("exhausted", "all ports are allocated", { cause: error });
      }
    }
  }

  async #bindEphemeral(owner: string, wanted: WantedPort, target: string, handles: Handle[]) {
    for (let tries = 1; ; tries++) {
      try {
        return await this.#bindNumber(owner, wanted, 0, target, handles);
      } catch (error) {
        if (tries === EPHEMERAL_TRIES || !isFault(error, "exhausted")) throw error;
      }
    }
  }

  /** All addresses of a wanted port with one number; of IPv4 and IPv6 together the second may be one that the host lacks. */
  async #bindNumber(
    owner: string,
    wanted: WantedPort,
    number: number,
    target: string,
    handles: Handle[],
  ): Promise<{ readonly port: number; readonly addresses: readonly string[] }> {
    const { protocol } = wanted;
    const before = this.#held.get(owner) ?? [];
    const bound: Handle[] = [];
    const addresses: string[] = [];
    let port = number;
    try {
      for (const address of wanted.hostAddresses) {
        if (port !== 0) this.#hold(owner, { protocol, address, port });
        const taken = await this.#bindSocket(wanted, address, port, target, addresses.length > 0);
        if (taken === undefined) continue;
        bound.push(taken.handle);
        addresses.push(address);
        if (port === 0) this.#hold(owner, { protocol, address, port: taken.port });
        port = taken.port;
      }
    } catch (error) {
      this.#held.set(owner, before);
      await letGo(this.#kernel, bound);
      throw error;
    }
    handles.push(...bound);
    return { port, addresses };
  }

  async #bindSocket(
    wanted: WantedPort,
    address: string,
    port: number,
    target: string,
    isOptional: boolean,
  ): Promise<{ readonly handle: Handle; readonly port: number } | undefined> {
    try {
      return await this.#kernel.bindPort({ protocol: wanted.protocol, address, port });
    } catch (error) {
      if (!isFault(error, "exhausted")) throw error;
      const { errno } = error.detail;
      if (isOptional && (errno === EAFNOSUPPORT || errno === EADDRNOTAVAIL)) return undefined;
      const reason = errno === EADDRINUSE ? "address already in use" : messageOf(error);
      const shown = address.includes(":") ? `[${address}]` : address;
      throw new Fault(
        "exhausted",
        `failed to bind host port for ${shown}:${port}:${target}:${wanted.containerPort}/${wanted.protocol}: ${reason}`,
        { cause: error },
      );
    }
  }

  #hold(owner: string, port: Held): void {
    for (const held of this.#held.values())
      if (held.some((other) => collides(other, port))) {
        const shown = port.address.includes(":") ? `[${port.address}]` : port.address;
        throw new Fault("exhausted", `Bind for ${shown}:${port.port} failed: port is already allocated`);
      }
    this.#held.set(owner, [...(this.#held.get(owner) ?? []), port]);
  }
}

function collides(one: Held, other: Held): boolean {
  if (one.protocol !== other.protocol || one.port !== other.port) return false;
  const isSameFamily = one.address.includes(":") === other.address.includes(":");
  return isSameFamily && (one.address === other.address || isAny(one.address) || isAny(other.address));
}

function isAny(address: string): boolean {
  return address === "0.0.0.0" || address === "::";
}

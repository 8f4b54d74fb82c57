import { Fault } from "#base/fault.ts";
import type { Log } from "#base/log.ts";
import type { Handle, KernelHelper } from "#engine/supervise/kernel-helper.ts";
import { bridgesPassIpHooks, hairpinPort, isolatePort, isPortOf } from "#host/link/bridge.ts";
import { formatAddress, macOf } from "./cidr.ts";
import { type KernelNames, vethName } from "./kernel-names.ts";
import { letGo } from "./let-go.ts";
import type { LiveNetwork } from "./live-network.ts";
import { ReadyPool } from "./pool.ts";

/** A network namespace with its address, not yet a container's. */
export interface Place {
  readonly handle: Handle;
  readonly address: number;
  readonly mac: string;
  readonly hostName: string;
}

export interface SandboxDeps {
  readonly kernel: KernelHelper;
  readonly names: KernelNames;
  readonly log: Log;
  /** How many to keep ready for the default bridge. */
  readonly poolSize: number;
}

/** What none of the ready ones has. */
interface AskedSandbox {
  readonly address?: number;
  readonly mac?: string;
  /** The user namespace that it belongs to. */
  readonly owner?: Handle | string;
}

/** Makes network namespaces on bridges, and keeps some ready for the default bridge. */
export class Sandboxes implements AsyncDisposable {
  readonly #deps: SandboxDeps;
  #pool: ReadyPool<Place> | undefined;
  #pooled: LiveNetwork | undefined;

  constructor(deps: SandboxDeps) {
    this.#deps = deps;
  }

  /** Resolves when as many as wished are ready. The network's bridge has to be there. */
  async keepReady(network: LiveNetwork): Promise<void> {
    await this.#poolOf(network).fill();
  }

  /**
   * One for a container of the network, out of the pool where that is possible. `asked` is an address that was claimed already.
   *
   * @throws {Fault} `exhausted` when the network has no address left
   */
  async take(network: LiveNetwork, asked: AskedSandbox = {}): Promise<Place> {
    if (network === this.#pooled && Object.keys(asked).length === 0) {
      const ready = this.#pool?.take();
      if (ready !== undefined) return ready;
    }
    return this.#make(network, asked);
  }

  /** Begins to keep some ready for the network, a little later. */
  poolFrom(network: LiveNetwork): void {
    if (this.#pool === undefined) this.#poolOf(network).fillLater();
  }

  /** Undoes {@link take}. */
  async giveBack(network: LiveNetwork, place: Place): Promise<void> {
    await letGo(this.#deps.kernel, [place.handle]);
    network.addresses.release(place.address);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#pool?.[Symbol.asyncDispose]();
  }

  #poolOf(network: LiveNetwork): ReadyPool<Place> {
    if (this.#pool !== undefined) return this.#pool;
    const { kernel, log, poolSize } = this.#deps;
    this.#pooled = network;
    this.#pool = new ReadyPool<Place>({
      size: poolSize,
      make: () => this.#make(network, {}),
      isUsable: (place) => kernel.isHeld(place.handle) && isPortOf(network.record.bridge, place.hostName),
      discard: (place) => this.giveBack(network, place),
      log,
    });
    return this.#pool;
  }

  async #make(network: LiveNetwork, asked: AskedSandbox): Promise<Place> {
    const { kernel, names } = this.#deps;
    const address = asked.address ?? network.addresses.allocate();
    if (address === undefined) {
      const { name, id } = network.record;
      throw new Fault(
        "exhausted",
        `no available IPv4 addresses on this network's address pools: ${name} (${id})`,
      );
    }
    const mac = asked.mac ?? macOf(address);
    const hostName = vethName(names);
    await using undo = new AsyncDisposableStack();
    undo.defer(() => network.addresses.release(address));
    const request = {
      bridge: network.record.bridge,
      hostName,
      name: "eth0",
      address: formatAddress(address),
      prefixLength: network.plan.subnet.prefix,
      gateway: network.gateway,
      mac,
      mtu: network.options.mtu,
    };
    const handle = await kernel.createSandbox(request, asked.owner);
    undo.defer(() => letGo(kernel, [handle]));
    configurePort(network, hostName);
    undo.move();
    return { handle, address, mac, hostName };
  }
}

/** What an interface needs as a port of the network's bridge. */
export function configurePort(network: LiveNetwork, hostName: string): void {
  if (!network.options.isConnected) isolatePort(hostName);
  if (bridgesPassIpHooks()) hairpinPort(hostName);
}

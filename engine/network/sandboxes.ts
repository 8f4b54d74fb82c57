import { Fault } from "#base/fault.ts";
import type { Log } from "#base/log.ts";
import type { Handle, InterfaceRequest, KernelHelper, NetnsRef } from "#engine/supervise/kernel-helper.ts";
import { bridgesPassIpHooks, hairpinPort, isolatePort, isPortOf } from "#host/link/bridge.ts";
import { formatAddress } from "#base/cidr.ts";
import { formatAddress6 } from "#base/cidr6.ts";
import type { AskedPlace } from "./endpoint.ts";
import { type KernelNames, vethName } from "./kernel-names.ts";
import { letGo } from "./let-go.ts";
import type { LiveNetwork } from "./live-network.ts";
import { ensureParent } from "./macvlan-parent.ts";
import { ReadyPool } from "./pool.ts";

/** An interface with its addresses. */
export interface Place {
  readonly address?: number;
  readonly address6?: bigint;
  readonly mac: string;
  /** Of the host's end; empty where there is none. */
  readonly hostName: string;
  /** Inside. */
  readonly name: string;
}

/** The first interface of a network namespace, not yet a container's. */
export interface Sandbox extends Place {
  readonly handle: Handle;
}

export interface SandboxDeps {
  readonly kernel: KernelHelper;
  readonly names: KernelNames;
  readonly log: Log;
  /** How many to keep ready for the default bridge. */
  readonly poolSize: number;
}

const firstName = "eth0";

/** Makes network namespaces and interfaces in them, and keeps some ready for the default bridge. */
export class Sandboxes implements AsyncDisposable {
  readonly #deps: SandboxDeps;
  #pool: ReadyPool<Sandbox> | undefined;
  #pooled: LiveNetwork | undefined;

  constructor(deps: SandboxDeps) {
    this.#deps = deps;
  }

  /** Resolves when as many as wished are ready. The network's bridge has to be there. */
  async keepReady(network: LiveNetwork): Promise<void> {
    await this.#poolOf(network).fill();
  }

  /**
   * One for a container of the network, out of the pool where that is possible; it belongs to the user namespace `owner`, if any.
   *
   * @throws {Fault} `exhausted` when the network has no address left, `forbidden` when the one asked for is taken
   */
  async take(network: LiveNetwork, asked: AskedPlace = {}, owner?: Handle | string): Promise<Sandbox> {
    if (network === this.#pooled && owner === undefined && Object.keys(asked).length === 0) {
      const ready = this.#pool?.take();
      if (ready !== undefined) return ready;
    }
    return this.#make(network, asked, owner);
  }

  /** One more interface in a namespace that is there. It has no default route. @throws {Fault} as {@link take} */
  async attach(netns: NetnsRef, network: LiveNetwork, asked: AskedPlace, name: string): Promise<Place> {
    const { kernel } = this.#deps;
    await using undo = new AsyncDisposableStack();
    const place = this.#claim(network, asked, name);
    undo.defer(() => releaseAddresses(network, place));
    const request = await this.#interface(network, place);
    await kernel.attachInterface(netns, { ...request, gateway: "", gateway6: "" });
    undo.defer(() => kernel.detachInterface(netns, place.name).catch(() => undefined));
    configurePort(network, place.hostName);
    await this.#applySettings(netns, asked, place);
    undo.move();
    return place;
  }

  /** Makes an interface anew that the container has by its record. */
  async restore(netns: NetnsRef, network: LiveNetwork, place: Place): Promise<void> {
    const request = await this.#interface(network, place);
    await this.#deps.kernel.attachInterface(netns, { ...request, gateway: "", gateway6: "" });
    configurePort(network, place.hostName);
  }

  /** Begins to keep some ready for the network, a little later. */
  poolFrom(network: LiveNetwork): void {
    if (this.#pool === undefined) this.#poolOf(network).fillLater();
  }

  /** Undoes {@link take}. */
  async giveBack(network: LiveNetwork, sandbox: Sandbox): Promise<void> {
    await letGo(this.#deps.kernel, [sandbox.handle]);
    releaseAddresses(network, sandbox);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#pool?.[Symbol.asyncDispose]();
  }

  #poolOf(network: LiveNetwork): ReadyPool<Sandbox> {
    if (this.#pool !== undefined) return this.#pool;
    const { kernel, log, poolSize } = this.#deps;
    this.#pooled = network;
    this.#pool = new ReadyPool<Sandbox>({
      size: poolSize,
      make: () => this.#make(network, {}),
      isUsable: (place) => kernel.isHeld(place.handle) && isPortOf(network.record.bridge, place.hostName),
      discard: (place) => this.giveBack(network, place),
      log,
    });
    return this.#pool;
  }

  async #make(network: LiveNetwork, asked: AskedPlace, owner?: Handle | string): Promise<Sandbox> {
    const { kernel } = this.#deps;
    await using undo = new AsyncDisposableStack();
    const place = this.#claim(network, asked, firstName);
    undo.defer(() => releaseAddresses(network, place));
    const handle = await kernel.createSandbox(await this.#interface(network, place), owner);
    undo.defer(() => letGo(kernel, [handle]));
    configurePort(network, place.hostName);
    await this.#applySettings(handle, asked, place);
    undo.move();
    return { ...place, handle };
  }

  async #applySettings(
    netns: NetnsRef,
    { settings = [], linkLocals = [] }: AskedPlace,
    { name }: Place,
  ): Promise<void> {
    for (const address of linkLocals)
      await this.#deps.kernel.addAddress(netns, name, address, address.includes(":") ? 64 : 16);
    for (const [key, value] of settings)
      try {
        await this.#deps.kernel.setSetting(netns, key.replace("IFNAME", name), value);
      } catch (error) {
        if (!(error instanceof Fault)) throw error;
        throw new Fault("invalid", `failed to add interface to sandbox: /proc/sys/net/${error.message}`);
      }
  }

  #claim(network: LiveNetwork, asked: AskedPlace, name: string): Place {
    const { addresses, addresses6 } = network;
    const { name: networkName, id } = network.record;
    const exhausted = (family: string) =>
      new Fault(
        "exhausted",
        `no available ${family} addresses on this network's address pools: ${networkName} (${id})`,
      );
    const taken = () => new Fault("forbidden", "Address already in use");
    const address = addresses && (asked.address ?? addresses.allocate());
    if (addresses !== undefined && address === undefined) throw exhausted("IPv4");
    if (asked.address !== undefined && addresses?.claim(asked.address) !== true) throw taken();
    const address6 = addresses6 && (asked.address6 ?? addresses6.allocate());
    const isLost = addresses6 !== undefined && address6 === undefined;
    const isTaken = asked.address6 !== undefined && addresses6?.claim(asked.address6) !== true;
    if (isLost || isTaken) {
      if (address !== undefined) addresses?.release(address);
      throw isLost ? exhausted("IPv6") : taken();
    }
    return {
      ...(address !== undefined && { address }),
      ...(address6 !== undefined && { address6 }),
      mac: asked.mac ?? network.macOf(address, address6),
      hostName: network.hasBridge ? vethName(this.#deps.names) : "",
      name: asked.interfaceName ?? name,
    };
  }

  async #interface(network: LiveNetwork, place: Place): Promise<InterfaceRequest> {
    const { macvlan, record, plan, plan6, options } = network;
    const { address, address6, hostName, name, mac } = place;
    const parent = macvlan && (await ensureParent(record, macvlan));
    return {
      kind: macvlan === undefined ? "veth" : `macvlan:${macvlan.mode}`,
      master: parent ?? record.bridge,
      hostName,
      name,
      mac,
      mtu: macvlan?.mtu ?? options.mtu,
      address: address === undefined ? "" : formatAddress(address),
      prefixLength: plan?.subnet.prefix ?? 0,
      gateway: network.gateway,
      address6: address6 === undefined ? "" : formatAddress6(address6),
      prefixLength6: plan6?.subnet.prefix ?? 0,
      gateway6: network.gateway6,
    };
  }
}

export function releaseAddresses(network: LiveNetwork, { address, address6 }: Place): void {
  if (address !== undefined) network.addresses?.release(address);
  if (address6 !== undefined) network.addresses6?.release(address6);
}

/** What an interface needs as a port of the network's bridge. */
export function configurePort(network: LiveNetwork, hostName: string): void {
  if (hostName === "") return;
  const { isConnected, routesWithin } = network.options;
  const passesHooks = bridgesPassIpHooks();
  // Where bridged frames pass the rules as well there is no need to lead them round, and what the kernel turns round stays a frame.
  if (!isConnected || (routesWithin && !passesHooks)) isolatePort(hostName);
  if (passesHooks) hairpinPort(hostName);
}

import { formatSubnet, parseCidr } from "#base/cidr.ts";
import { routesWithinOption } from "#engine/network/bridge-options.ts";
import { type OpenNetworks, openNetworks, type NetworkDeps } from "#engine/network/open-networks.ts";
import type { Networks } from "#engine/network/networks.ts";
import { Fault, isFault } from "#base/fault.ts";
import { KeyedLock } from "#base/keyed-lock.ts";

export interface PodNetworkOptions {
  readonly instance: string;
  readonly runFolder: string;
  readonly nativeBinary: string;
  /** Where all pods of the cluster are: they see each other by their own addresses. */
  readonly clusterCidr: string;
  /** Of Docker's networks. */
  readonly othersSubnets: () => readonly string[];
}

/** The world reaches pods by their own addresses; who may is for network policies to say. */
const bridgeOptions = {
  "com.docker.network.bridge.gateway_mode_ipv4": "nat-unprotected",
  [routesWithinOption]: "true",
};

/** The network that pods are in: a bridge of their own, with the subnet that the node was given. */
export class PodNetwork implements AsyncDisposable {
  readonly #deps: NetworkDeps;
  readonly #options: PodNetworkOptions;
  readonly #lock = new KeyedLock();
  #open: OpenNetworks;
  /** Pods that are on their way into the network. */
  #arriving = 0;
  /** Settles when the network can be used: it is being made anew. */
  #changing: Promise<void> = Promise.resolve();
  /** Wished for; it becomes the network's when no pod is in it any more. */
  #wanted: string | undefined;

  static async open(deps: NetworkDeps, options: PodNetworkOptions): Promise<PodNetwork> {
    return new PodNetwork(deps, options, await open(deps, options, undefined));
  }

  private constructor(deps: NetworkDeps, options: PodNetworkOptions, opened: OpenNetworks) {
    this.#deps = deps;
    this.#options = options;
    this.#open = opened;
  }

  get networks(): Networks {
    return this.#open.networks;
  }

  /** @see Networks.acquire */
  async acquire(...args: Parameters<Networks["acquire"]>): ReturnType<Networks["acquire"]> {
    await this.#changing;
    this.#arriving++;
    try {
      return await this.#open.networks.acquire(...args);
    } finally {
      this.#arriving--;
    }
  }

  /** `address/prefix` of the subnet that pods get addresses of. */
  get cidr(): string {
    return this.#record.ipam.config[0]?.Subnet ?? "";
  }

  get #record() {
    return this.#open.management.get("bridge");
  }

  /** Takes bridge and first namespaces off the way of the first pod. */
  warm(): Promise<void> {
    return this.#open.networks.warm();
  }

  /**
   * Pods get their addresses from this subnet: from now on, or, while pods have addresses of another one, once they are gone.
   *
   * @throws {Fault} `invalid` for what is no subnet
   */
  async use(cidr: string): Promise<void> {
    this.#wanted = subnetIn(cidr);
    await this.settle();
  }

  /** Before a pod is made, and after one is gone. */
  async settle(): Promise<void> {
    const wanted = this.#wanted;
    if (wanted === undefined) return;
    await this.#lock.run("network", async () => {
      const hasPods = this.#arriving > 0 || this.#open.management.members(this.#record.id).length > 0;
      if (this.#wanted === undefined || (wanted !== this.cidr && hasPods)) return;
      this.#wanted = undefined;
      if (wanted === this.cidr) return;
      const change = this.#change(wanted);
      this.#changing = change.catch(() => {});
      await change;
    });
  }

  async #change(cidr: string): Promise<void> {
    await this.#open.networks.dismantle();
    await this.#open[Symbol.asyncDispose]();
    this.#open = await open(this.#deps, this.#options, cidr);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#open.networks.dismantle();
    await this.#open[Symbol.asyncDispose]();
  }
}

/** Of a network with room for pods. */
const maxPrefix = 30;

function subnetIn(cidr: string): string {
  try {
    const { subnet } = parseCidr(cidr);
    if (subnet.prefix <= maxPrefix) return formatSubnet(subnet);
  } catch (error) {
    if (!isFault(error)) throw error;
  }
  throw new Fault("invalid", `invalid pod CIDR: ${cidr}`);
}

function open(
  deps: NetworkDeps,
  options: PodNetworkOptions,
  cidr: string | undefined,
): Promise<OpenNetworks> {
  const { instance, runFolder, nativeBinary, clusterCidr, othersSubnets } = options;
  return openNetworks(deps, {
    instance,
    runFolder,
    nativeBinary,
    bridgeOptions,
    othersSubnets,
    style: { directSubnets: [clusterCidr], routesWithin: true },
    ...(cidr !== undefined && { bridgeCidr: cidr }),
  });
}

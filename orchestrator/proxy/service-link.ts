import { networkInterfaces } from "node:os";
import { addLinks, hasLink } from "#host/link/bridge.ts";

/**
 * An interface that leads nowhere and has the addresses that the node answers at for the cluster: of its name server, of its API,
 * of load balancers. The other addresses of services are routed to it, so that a node without a default route reaches them too. It
 * is a bridge without ports, because some kernels have no dummies.
 */
export class ServiceLink {
  readonly #name: string;
  readonly #addresses: Set<string>;
  #tail: Promise<unknown> = Promise.resolve();

  /** The interface is there, with these addresses and no other ones, when it resolves. @throws {Fault} `unavailable` */
  static async open(name: string, addresses: readonly string[], serviceCidr: string): Promise<ServiceLink> {
    // What the kernel gives every link by itself is not ours to take away.
    const given = (networkInterfaces()[name] ?? []).filter(({ address }) => !address.startsWith("fe80:"));
    const now = new Set(given.map(({ address }) => address));
    const add = hasLink(name) ? [] : [`link add name ${name} type bridge stp_state 0 forward_delay 0`];
    await addLinks([...add, `link set dev ${name} up`]);
    const link = new ServiceLink(name, now);
    await link.set(addresses);
    await addLinks([`route replace ${serviceCidr} dev ${name}`]);
    return link;
  }

  private constructor(name: string, addresses: Set<string>) {
    this.#name = name;
    this.#addresses = addresses;
  }

  /** It has these and no other ones when it resolves; in the order asked for. @throws {Fault} `unavailable` */
  set(addresses: readonly string[]): Promise<void> {
    const result = this.#tail.then(() => this.#set(new Set(addresses)));
    this.#tail = result.catch(() => {});
    return result;
  }

  async #set(wanted: ReadonlySet<string>): Promise<void> {
    const come = [...wanted].filter((address) => !this.#addresses.has(address));
    const gone = [...this.#addresses].filter((address) => !wanted.has(address));
    if (come.length + gone.length === 0) return;
    await addLinks([
      ...gone.map((address) => `address delete ${address} dev ${this.#name}`),
      ...come.map((address) => `address replace ${address}/32 dev ${this.#name}`),
    ]);
    for (const address of come) this.#addresses.add(address);
    for (const address of gone) this.#addresses.delete(address);
  }
}

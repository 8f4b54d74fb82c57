import { Fault } from "#base/fault.ts";
import { type Attachment, LiveNetwork } from "./live-network.ts";
import type { NetworkRegistry } from "./network-registry.ts";
import type { Member, NetworkRecord } from "./networks.ts";
import type { Forwards, NetworkRules } from "./ruleset.ts";

/** Where a container is. Without `network` it is in host mode or has none. */
export interface Membership {
  readonly record: NetworkRecord;
  readonly network: LiveNetwork | undefined;
  readonly attachment: Attachment;
}

/** All networks, and which containers are in them. In memory alone, but for the records. */
export class NetworkTable {
  readonly #registry: NetworkRegistry;
  readonly #live = new Map<string, LiveNetwork>();
  /** Containers in networks without a bridge, by network and container. */
  readonly #bare = new Map<string, Map<string, Attachment>>();

  constructor(registry: NetworkRegistry) {
    this.#registry = registry;
    for (const record of registry.list()) this.enliven(record);
  }

  enliven(record: NetworkRecord): LiveNetwork | undefined {
    const network = LiveNetwork.of(record);
    if (network === undefined) this.#bare.set(record.id, new Map());
    else this.#live.set(record.id, network);
    return network;
  }

  forget(networkId: string): void {
    this.#live.delete(networkId);
  }

  /** Undoes {@link forget}. */
  restore(network: LiveNetwork): void {
    this.#live.set(network.record.id, network);
  }

  /** The predefined ones first. */
  list(): readonly NetworkRecord[] {
    const isBuiltIn = ({ name }: NetworkRecord) => name === "bridge" || name === "host" || name === "none";
    const all = this.#registry.list();
    return [...all.filter(isBuiltIn), ...all.filter((record) => !isBuiltIn(record))];
  }

  /** @throws {Fault} `not-found`, `invalid` when ambiguous */
  get(ref: string): NetworkRecord {
    const network = this.#registry.find(ref);
    if (network === undefined) throw new Fault("not-found", `network ${ref} not found`);
    return network;
  }

  /** Of a container's `NetworkMode`. @throws {Fault} `not-found` */
  byMode(mode: string): NetworkRecord {
    return this.get(mode === "default" || mode === "" ? "bridge" : mode);
  }

  findLive(networkId: string): LiveNetwork | undefined {
    return this.#live.get(networkId);
  }

  get live(): readonly LiveNetwork[] {
    return [...this.#live.values()];
  }

  get rules(): readonly NetworkRules[] {
    return this.live.map((network) => network.rules);
  }

  get forwards(): readonly Forwards[] {
    return this.live.flatMap((network) => network.forwards);
  }

  putBare(networkId: string, containerId: string, attachment: Attachment): void {
    this.#bare.get(networkId)?.set(containerId, attachment);
  }

  removeBare(networkId: string, containerId: string): void {
    this.#bare.get(networkId)?.delete(containerId);
  }

  findMembership(containerId: string): Membership | undefined {
    for (const network of this.#live.values()) {
      const attachment = network.attached.get(containerId);
      if (attachment !== undefined) return { record: network.record, network, attachment };
    }
    for (const [networkId, attachments] of this.#bare) {
      const attachment = attachments.get(containerId);
      if (attachment !== undefined) return { record: this.get(networkId), network: undefined, attachment };
    }
    return undefined;
  }

  isUsed(networkId: string): boolean {
    return (this.#live.get(networkId)?.attached.size ?? 0) + (this.#bare.get(networkId)?.size ?? 0) > 0;
  }

  members(networkId: string): readonly Member[] {
    const attached = [...(this.#live.get(networkId)?.attached ?? [])].flatMap(([containerId, attachment]) =>
      attachment === undefined ? [] : [{ containerId, endpoint: attachment.endpoint }],
    );
    const bare = [...(this.#bare.get(networkId) ?? [])].map(([containerId, { endpoint }]) => ({
      containerId,
      endpoint,
    }));
    return [...attached, ...bare];
  }
}

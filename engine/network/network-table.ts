import { Fault } from "#base/fault.ts";
import { gatewaysOf } from "./endpoint.ts";
import { type Attachment, LiveNetwork } from "./live-network.ts";
import type { NetworkRegistry } from "./network-registry.ts";
import type { Endpoint, Member, NetworkRecord } from "./networks.ts";
import type { Forwards, NetworkRules } from "./ruleset.ts";

/** A place where a container is. Without `network` it is in host mode or has none. */
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
    this.#bare.delete(networkId);
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
    return this.live.filter((network) => network.hasBridge).map((network) => network.rules);
  }

  /** Of all containers that have published ports. */
  get forwards(): readonly Forwards[] {
    const endpoints = new Map<string, Endpoint[]>();
    for (const { attached } of this.#live.values())
      for (const [containerId, attachment] of attached)
        if (attachment !== undefined)
          endpoints.set(containerId, [...(endpoints.get(containerId) ?? []), attachment.endpoint]);
    return [...endpoints.values()].map(forwardsOf);
  }

  putBare(networkId: string, containerId: string, attachment: Attachment): void {
    this.#bare.get(networkId)?.set(containerId, attachment);
  }

  removeBare(networkId: string, containerId: string): void {
    this.#bare.get(networkId)?.delete(containerId);
  }

  /** Every place of the container, in no order. */
  memberships(containerId: string): readonly Membership[] {
    const found: Membership[] = [];
    for (const network of this.#live.values()) {
      const attachment = network.attached.get(containerId);
      if (attachment !== undefined) found.push({ record: network.record, network, attachment });
    }
    for (const [networkId, attachments] of this.#bare) {
      const attachment = attachments.get(containerId);
      if (attachment !== undefined)
        found.push({ record: this.get(networkId), network: undefined, attachment });
    }
    return found;
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

/** Ports lead where the default routes come from. */
export function forwardsOf(endpoints: readonly Endpoint[]): Forwards {
  const { four, six } = gatewaysOf(endpoints);
  return {
    address: four?.address ?? "",
    address6: six?.address6 ?? "",
    ports: Object.assign({}, ...endpoints.map(({ ports }) => ports)),
  };
}

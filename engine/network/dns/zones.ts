/** A container's names in one network. Plain data: it crosses to the resolver's thread. */
export interface ZoneEntry {
  readonly endpointId: string;
  readonly networkId: string;
  readonly networkName: string;
  /** The first is the one that a reverse lookup answers with. */
  readonly names: readonly string[];
  readonly address: string;
}

interface Zone {
  /** Lowercase name → addresses, in the order of arrival. */
  readonly addresses: Map<string, string[]>;
  readonly names: Map<string, string>;
}

/** Who has which name in which network. */
export class Zones {
  readonly #zones = new Map<string, Zone>();
  readonly #entries = new Map<string, ZoneEntry>();

  /** Replaces what the endpoint had before. */
  put(entry: ZoneEntry): void {
    this.remove(entry.endpointId);
    this.#entries.set(entry.endpointId, entry);
    const zone = this.#zones.get(entry.networkId) ?? { addresses: new Map(), names: new Map() };
    this.#zones.set(entry.networkId, zone);
    for (const name of namesOf(entry)) {
      const addresses = zone.addresses.get(name) ?? [];
      zone.addresses.set(name, [...addresses, entry.address]);
    }
    const [first] = entry.names;
    if (first !== undefined) zone.names.set(entry.address, `${first}.${entry.networkName}`);
  }

  remove(endpointId: string): void {
    const entry = this.#entries.get(endpointId);
    const zone = entry && this.#zones.get(entry.networkId);
    if (entry === undefined || zone === undefined) return;
    this.#entries.delete(endpointId);
    for (const name of namesOf(entry)) {
      const left = (zone.addresses.get(name) ?? []).filter((address) => address !== entry.address);
      if (left.length === 0) zone.addresses.delete(name);
      else zone.addresses.set(name, left);
    }
    zone.names.delete(entry.address);
    if (zone.addresses.size === 0) this.#zones.delete(entry.networkId);
  }

  /** Undefined when nobody in the network has the name. */
  findAddresses(networkId: string, name: string): readonly string[] | undefined {
    return this.#zones.get(networkId)?.addresses.get(name.toLowerCase());
  }

  findName(networkId: string, address: string): string | undefined {
    return this.#zones.get(networkId)?.names.get(address);
  }
}

/** Each name alone and followed by the network's. */
function namesOf({ names, networkName }: ZoneEntry): ReadonlySet<string> {
  return new Set(names.flatMap((name) => [name, `${name}.${networkName}`]).map((name) => name.toLowerCase()));
}

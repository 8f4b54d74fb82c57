/** A container's names in one network. Plain data: it crosses to the resolver's thread. */
export interface ZoneEntry {
  readonly endpointId: string;
  readonly networkId: string;
  readonly networkName: string;
  /** The first is the one that a reverse lookup answers with. */
  readonly names: readonly string[];
  readonly addresses: Addresses;
}

/** Each empty where there is none. */
export interface Addresses {
  readonly four: string;
  readonly six: string;
}

interface Zone {
  /** Lowercase name → who has it, in the order of arrival. */
  readonly holders: Map<string, readonly ZoneEntry[]>;
  /** By either address. */
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
    const zone = this.#zones.get(entry.networkId) ?? { holders: new Map(), names: new Map() };
    this.#zones.set(entry.networkId, zone);
    for (const name of namesOf(entry)) zone.holders.set(name, [...(zone.holders.get(name) ?? []), entry]);
    const [first] = entry.names;
    for (const address of addressesOf(entry))
      if (first !== undefined) zone.names.set(address, `${first}.${entry.networkName}`);
  }

  remove(endpointId: string): void {
    const entry = this.#entries.get(endpointId);
    const zone = entry && this.#zones.get(entry.networkId);
    if (entry === undefined || zone === undefined) return;
    this.#entries.delete(endpointId);
    for (const name of namesOf(entry)) {
      const left = (zone.holders.get(name) ?? []).filter((holder) => holder !== entry);
      if (left.length === 0) zone.holders.delete(name);
      else zone.holders.set(name, left);
    }
    for (const address of addressesOf(entry)) zone.names.delete(address);
    if (zone.holders.size === 0) this.#zones.delete(entry.networkId);
  }

  /** Undefined when nobody in the network has the name. */
  findAddresses(networkId: string, name: string): readonly Addresses[] | undefined {
    return this.#zones
      .get(networkId)
      ?.holders.get(name.toLowerCase())
      ?.map(({ addresses }) => addresses);
  }

  findName(networkId: string, address: string): string | undefined {
    return this.#zones.get(networkId)?.names.get(address);
  }
}

function addressesOf({ addresses: { four, six } }: ZoneEntry): readonly string[] {
  return [four, six].filter((address) => address !== "");
}

/** Each name alone and followed by the network's. */
function namesOf({ names, networkName }: ZoneEntry): ReadonlySet<string> {
  return new Set(names.flatMap((name) => [name, `${name}.${networkName}`]).map((name) => name.toLowerCase()));
}

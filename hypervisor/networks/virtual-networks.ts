import { execFile } from "node:child_process";
import { Fault } from "#base/fault.ts";
import { addLinks, ensureBridge, hasLink, removeBridge } from "#host/link/bridge.ts";

/** Where a machine's NIC goes. VLAN 0 is the network that reaches the world by translation; others are bridges of their own. */
export interface NicPlace {
  readonly uuid: string;
  readonly vlan: number;
  /** Whom QEMU runs as. */
  readonly userId: number;
  readonly isConnected: boolean;
}

export interface NetworkSettings {
  /** Begins every name in the kernel; at most 8 bytes. */
  readonly prefix: string;
  /** Of the host on the network of VLAN 0, e.g. `10.98.0.1/24`. */
  readonly cidr: string;
  /** An interface whose VLANs the bridges of the same number are connected to. */
  readonly uplink?: string;
}

const mtu = 1500;

/** Bridges and taps in the kernel. All of it can be made again: machines that run keep theirs. */
export class VirtualNetworks {
  readonly #settings: NetworkSettings;

  constructor(settings: NetworkSettings) {
    this.#settings = settings;
  }

  tapOf(device: string): string {
    return `${this.#settings.prefix}t${device.replaceAll("-", "").slice(0, 14 - this.#settings.prefix.length)}`;
  }

  bridgeOf(vlan: number): string {
    return `${this.#settings.prefix}${vlan === 0 ? "nat" : `v${vlan}`}`;
  }

  /** Makes the bridge of a VLAN. @throws {Fault} `unavailable` when `ip` fails */
  async ensureBridge(vlan: number): Promise<string> {
    const name = this.bridgeOf(vlan);
    const mac = macOf(name);
    if (vlan === 0)
      await ensureBridge({ name, mac, mtu, cidr: this.#settings.cidr, ...subnetOf(this.#settings.cidr) });
    else await ensureBridge({ name, mac, mtu });
    if (vlan > 0) await this.#connectUplink(vlan, name);
    return name;
  }

  /** Makes the tap of a NIC, or puts it where it now belongs. @throws {Fault} `unavailable` when `ip` fails */
  async ensureTap(nic: NicPlace): Promise<string> {
    const bridge = await this.ensureBridge(nic.vlan);
    const name = this.tapOf(nic.uuid);
    const add = hasLink(name) ? [] : [`tuntap add dev ${name} mode tap user ${nic.userId}`];
    await addLinks([
      ...add,
      `link set dev ${name} master ${bridge} mtu ${mtu} ${nic.isConnected ? "up" : "down"}`,
    ]);
    return name;
  }

  async removeTap(device: string): Promise<void> {
    const name = this.tapOf(device);
    if (hasLink(name)) await addLinks([`link delete dev ${name}`]);
  }

  /** Removes taps that belong to none of these NICs, and bridges without taps. */
  async collect(devices: ReadonlySet<string>): Promise<void> {
    const { prefix } = this.#settings;
    const taps = new Set([...devices].map((device) => this.tapOf(device)));
    const links = await linksOf(prefix);
    const stray = links.filter(({ name }) => name.startsWith(`${prefix}t`) && !taps.has(name));
    await addLinks(stray.map(({ name }) => `link delete dev ${name}`));
    const left = links.filter((link) => !stray.includes(link));
    for (const { name } of left)
      if (new RegExp(`^${prefix}(nat|v\\d+)$`).test(name) && !left.some(({ master }) => master === name))
        await removeBridge(name);
  }

  async #connectUplink(vlan: number, bridge: string): Promise<void> {
    const { uplink } = this.#settings;
    const name = `${bridge}u`;
    if (uplink === undefined || hasLink(name)) return;
    if (!hasLink(uplink)) throw new Fault("precondition", `there is no interface ${uplink}`);
    await addLinks([
      `link add link ${uplink} name ${name} type vlan id ${vlan}`,
      `link set dev ${name} master ${bridge} up`,
    ]);
  }
}

interface Link {
  readonly name: string;
  readonly master?: string;
}

async function linksOf(prefix: string): Promise<readonly Link[]> {
  const text = await new Promise<string>((resolve, reject) => {
    execFile("ip", ["-json", "link", "show"], { encoding: "utf8", maxBuffer: 16 << 20 }, (error, stdout) =>
      error === null ? resolve(stdout) : reject(new Fault("unavailable", "ip link fails", { cause: error })),
    );
  });
  return (JSON.parse(text) as { ifname: string; master?: string }[])
    .filter(({ ifname }) => ifname.startsWith(prefix))
    .map(({ ifname, master }) => ({ name: ifname, ...(master !== undefined && { master }) }));
}

/** Locally administered, the same for a name each time. */
function macOf(name: string): string {
  let hash = 0x811c9dc5;
  for (const byte of Buffer.from(name)) hash = Math.imul(hash ^ byte, 0x01000193) >>> 0;
  const hex = hash.toString(16).padStart(8, "0");
  return `02:56:${hex.replaceAll(/(..)(?=.)/g, "$1:")}`;
}

export function subnetOf(cidr: string): {
  readonly subnet: { readonly base: number; readonly prefix: number };
} {
  const [address = "", length = "24"] = cidr.split("/");
  const bits = address.split(".").reduce((sum, part) => sum * 256 + Number(part), 0);
  const prefix = Number(length);
  return { subnet: { base: Math.floor(bits / 2 ** (32 - prefix)) * 2 ** (32 - prefix), prefix } };
}

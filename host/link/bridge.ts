import { spawn } from "node:child_process";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { Fault } from "#base/fault.ts";
import { parseRoutes } from "./routes.ts";

export interface BridgeSpec {
  /** At most 15 bytes. */
  readonly name: string;
  /** `address/prefix` of the host on it, as text and as numbers for comparing with the routes; absent: it has none. */
  readonly cidr?: string;
  readonly subnet?: { readonly base: number; readonly prefix: number };
  /** The same of IPv6; without one the bridge has no IPv6 at all. */
  readonly cidr6?: string;
  readonly mac: string;
  readonly mtu: number;
  /** Its ports, which do not reach one another, find each other at the host's own hardware address. */
  readonly answersForPorts?: boolean;
}

const IFF_UP = 1;

/**
 * Makes the bridge as described where it is missing or different, without touching what is attached to it. Costs a few file
 * reads when nothing is to do, one `ip` process otherwise.
 *
 * @throws {Fault} `conflict` when the name belongs to an interface that is no bridge, `unavailable` when `ip` fails
 */
export async function ensureBridge(spec: BridgeSpec): Promise<void> {
  if (!hasBridge(spec.name)) {
    if (hasLink(spec.name)) throw new Fault("conflict", `interface ${spec.name} exists and is no bridge`);
    const add = `link add name ${spec.name} type bridge stp_state 0 forward_delay 0`;
    // Where the host has IPv6 off by default, the bridge takes no address before it is on.
    if (spec.cidr6 === undefined) await ipBatch([add, ...hardware(spec), ...addresses(spec)]);
    else {
      await ipBatch([add, ...hardware(spec)]);
      setSysctls(spec);
      await ipBatch(addresses(spec));
    }
    setSysctls(spec);
  } else if (!isConfigured(spec)) {
    setSysctls(spec);
    await ipBatch([
      `link set dev ${spec.name} type bridge stp_state 0 forward_delay 0`,
      ...hardware(spec),
      ...addresses(spec),
    ]);
  } else setSysctls(spec);
}

/** Lines for `ip -batch`, all done in order. @throws {Fault} `unavailable` with what ip says */
export async function addLinks(lines: readonly string[]): Promise<void> {
  await ipBatch(lines);
}

/** Removes the bridge; fine when there is none. */
export async function removeBridge(name: string): Promise<void> {
  if (hasBridge(name)) await ipBatch([`link delete dev ${name}`]);
}

export function hasLink(name: string): boolean {
  return existsSync(`/sys/class/net/${name}`);
}

/** Of all interfaces in this network namespace. */
export function linkNames(): readonly string[] {
  return readdirSync("/sys/class/net");
}

export function hasBridge(name: string): boolean {
  return existsSync(`/sys/class/net/${name}/bridge`);
}

/** Whether the interface is a port of the bridge. */
export function isPortOf(bridge: string, port: string): boolean {
  return existsSync(`/sys/class/net/${bridge}/brif/${port}`);
}

/** Joins the interface to the bridge; its settings as a port are the kernel's defaults again. */
export async function attachPort(bridge: string, port: string): Promise<void> {
  await ipBatch([`link set dev ${port} master ${bridge}`]);
}

/** Tries every one of them. @throws {Fault} `unavailable` when one could not be removed, also because it is gone */
export async function removeLinks(names: readonly string[]): Promise<void> {
  await ipBatch(
    names.map((name) => `link delete dev ${name}`),
    ["-force"],
  );
}

/** Ports that are isolated reach the host and, through it, the world, but not one another. */
export function isolatePort(port: string): void {
  writeFileSync(`/sys/class/net/${port}/brport/isolated`, "1");
}

/**
 * Lets a frame leave by the port it came from. Only bridges whose frames pass the IP hooks (br_netfilter) need it: there, the
 * kernel turns a connection to a published port of the same container round without leaving the bridge.
 */
export function hairpinPort(port: string): void {
  writeFileSync(`/sys/class/net/${port}/brport/hairpin_mode`, "1");
}

export function bridgesPassIpHooks(): boolean {
  return readTrimmed("/proc/sys/net/bridge/bridge-nf-call-iptables") === "1";
}

/** Lets the host forward packets between interfaces. Writes only when it does not. */
export function enableForwarding(): void {
  write("/proc/sys/net/ipv4/ip_forward", "1");
}

/** The same of IPv6. The host stops listening to router advertisements then, unless its `accept_ra` is 2. */
export function enableForwarding6(): void {
  write("/proc/sys/net/ipv6/conf/default/forwarding", "1");
  write("/proc/sys/net/ipv6/conf/all/forwarding", "1");
}

/** Packets for the address are the host's own, though no interface has it. Stays when it is there. */
export async function keepLocal6(address: string): Promise<void> {
  await ipBatch([`route replace local ${address}/128 dev lo`]);
}

function hardware(spec: BridgeSpec): readonly string[] {
  // A bridge without an address of its own takes the lowest of its ports', and changes it as they come and go.
  return [`link set dev ${spec.name} address ${spec.mac} mtu ${spec.mtu}`];
}

function addresses({ name, cidr, cidr6 }: BridgeSpec): readonly string[] {
  return [
    ...(cidr === undefined ? [] : [`address replace ${cidr} broadcast + dev ${name}`]),
    ...(cidr6 === undefined ? [] : [`address replace ${cidr6} dev ${name} nodad`]),
    `link set dev ${name} up`,
  ];
}

function isConfigured(spec: BridgeSpec): boolean {
  const folder = `/sys/class/net/${spec.name}`;
  const isUp = (Number(readTrimmed(`${folder}/flags`)) & IFF_UP) !== 0;
  const isSame =
    readTrimmed(`${folder}/mtu`) === String(spec.mtu) && readTrimmed(`${folder}/address`) === spec.mac;
  return isUp && isSame && hasRoute(spec) && hasAddress6(spec);
}

function hasAddress6({ name, cidr6 }: BridgeSpec): boolean {
  if (cidr6 === undefined) return true;
  const lines = (readTrimmed("/proc/net/if_inet6") ?? "").split("\n");
  return lines.some((line) => line.endsWith(` ${name}`) && !line.startsWith("fe80"));
}

function hasRoute({ name, subnet }: BridgeSpec): boolean {
  if (subnet === undefined) return true;
  const mask = subnet.prefix === 0 ? 0 : (0xffffffff << (32 - subnet.prefix)) >>> 0;
  return parseRoutes(readFileSync("/proc/net/route", "utf8")).some(
    (route) => route.device === name && route.destination === subnet.base && route.mask === mask,
  );
}

/** route_localnet lets 127.0.0.1 reach published ports; the rules keep everybody else away from it (CVE-2020-8558). */
function setSysctls({ name, cidr6, answersForPorts = false }: BridgeSpec): void {
  const wanted = [
    [`/proc/sys/net/ipv4/conf/${name}/route_localnet`, "1"],
    [`/proc/sys/net/ipv4/conf/${name}/proxy_arp_pvlan`, answersForPorts ? "1" : "0"],
    // Else the kernel takes its time, up to 0.8 s.
    ...(answersForPorts ? [[`/proc/sys/net/ipv4/neigh/${name}/proxy_delay`, "0"] as const] : []),
    [`/proc/sys/net/ipv6/conf/${name}/disable_ipv6`, cidr6 === undefined ? "1" : "0"],
    // A container is no router of the host's, whatever it says.
    ...(cidr6 === undefined ? [] : [[`/proc/sys/net/ipv6/conf/${name}/accept_ra`, "0"] as const]),
  ] as const;
  for (const [file, value] of wanted) write(file, value);
}

function write(file: string, value: string): void {
  const now = readTrimmed(file);
  if (now !== undefined && now !== value) writeFileSync(file, value);
}

function readTrimmed(file: string): string | undefined {
  try {
    return readFileSync(file, "utf8").trim();
  } catch {
    return undefined;
  }
}

async function ipBatch(lines: readonly string[], flags: readonly string[] = []): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const child = spawn("ip", [...flags, "-batch", "-"], {
    stdio: ["pipe", "ignore", "pipe"],
    env: { PATH: "/usr/sbin:/usr/bin:/sbin:/bin", LC_ALL: "C" },
  });
  let complaint = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    complaint += text;
  });
  child.stdin.on("error", () => {}); // it is dead: its end says so
  child.once("error", (error) =>
    reject(new Fault("unavailable", `ip cannot be run: ${error.message}`, { cause: error })),
  );
  child.once("close", (code) => {
    if (code === 0) resolve();
    else reject(new Fault("unavailable", `ip: ${complaint.split("\n")[0]}`));
  });
  child.stdin.end(`${lines.join("\n")}\n`);
  await promise;
}

import { isIP } from "node:net";
import { Fault, messageOf } from "#base/fault.ts";
import type { MountCall } from "#host/mount-helper.ts";
import type { DriverMount } from "./volume-record.ts";

/** Flags of mount(2) that options of a volume can name: those it sets, and those that it takes back. @see man 2 mount */
const flagOf: Readonly<Record<string, readonly [bits: number, isSet: boolean]>> = {
  defaults: [0, true],
  ro: [0x1, true],
  rw: [0x1, false],
  nosuid: [0x2, true],
  suid: [0x2, false],
  nodev: [0x4, true],
  dev: [0x4, false],
  noexec: [0x8, true],
  exec: [0x8, false],
  sync: [0x10, true],
  async: [0x10, false],
  mand: [0x40, true],
  nomand: [0x40, false],
  dirsync: [0x80, true],
  noatime: [0x400, true],
  atime: [0x400, false],
  nodiratime: [0x800, true],
  diratime: [0x800, false],
  relatime: [0x200000, true],
  norelatime: [0x200000, false],
  strictatime: [0x1000000, true],
  nostrictatime: [0x1000000, false],
};

/**
 * What a volume's options ask of mount(2). The kernel knows no names of hosts: the address of a server is looked up.
 *
 * @throws {Fault} `invalid` with Docker's text when the server has no address
 */
export async function planDriverMount(
  mount: DriverMount,
  target: string,
  lookup: (host: string) => Promise<string>,
): Promise<MountCall> {
  const { type, device } = mount;
  const options = type === "nfs" || type === "cifs" ? await resolved(mount, lookup) : mount.options;
  let flags = 0;
  const data: string[] = [];
  for (const option of options) {
    const flag = Object.hasOwn(flagOf, option) ? flagOf[option] : undefined;
    if (flag === undefined) data.push(option);
    else flags = flag[1] ? flags | flag[0] : flags & ~flag[0];
  }
  return { type, device, target, flags, data: data.join(",") };
}

/** How Docker names a mount that did not come to be. */
export function describeMount({ device, target, flags, data }: MountCall): string {
  return `mount ${device}:${target}${flags === 0 ? "" : `, flags: 0x${flags.toString(16)}`}${data === "" ? "" : `, data: ${data}`}`;
}

async function resolved(
  { type, device, options }: DriverMount,
  lookup: (host: string) => Promise<string>,
): Promise<readonly string[]> {
  const addressOf = async (host: string) => {
    if (isIP(host) !== 0) return host;
    try {
      return await lookup(host);
    } catch (error) {
      throw new Fault(
        "invalid",
        `error resolving passed in network volume address: lookup ${host}: ${messageOf(error)}`,
        { cause: error },
      );
    }
  };
  const index = options.findIndex((option) => option.startsWith("addr="));
  if (index >= 0)
    return options.with(index, `addr=${await addressOf(options[index]?.slice("addr=".length) ?? "")}`);
  const host = type === "cifs" ? /^\/\/([^/]+)\//.exec(device)?.[1] : undefined;
  return host === undefined ? options : [...options, `addr=${await addressOf(host)}`];
}

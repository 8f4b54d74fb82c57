import { BlockList, isIP } from "node:net";
import { loopbackRanges } from "#base/registry-settings.ts";

/** Where machines of a cloud are told their secrets, and nothing that serves images: never a place to be sent to. */
const linkLocal = rangesOf(["169.254.0.0/16", "fe80::/10", "fd00:ec2::254/128", "0.0.0.0/8", "::/128"]);
const loopback = rangesOf(loopbackRanges);

export function rangesOf(cidrs: readonly string[]): BlockList {
  const list = new BlockList();
  for (const cidr of cidrs) {
    const [address = "", bits = ""] = cidr.split("/");
    list.addSubnet(address, Number(bits), isIP(address) === 6 ? "ipv6" : "ipv4");
  }
  return list;
}

export function isIn(list: BlockList, address: string): boolean {
  const family = isIP(address);
  return family !== 0 && list.check(address, family === 6 ? "ipv6" : "ipv4");
}

export function isLinkLocal(address: string): boolean {
  return isIn(linkLocal, address);
}

export function isLoopback(address: string): boolean {
  return isIn(loopback, address);
}

/** `[::1]` is `::1`. */
export function bareHost(hostname: string): string {
  return hostname.startsWith("[") ? hostname.slice(1, -1) : hostname;
}

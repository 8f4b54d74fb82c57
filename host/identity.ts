import { readFileSync, statfsSync } from "node:fs";
import { hostname, release } from "node:os";

/** What the host is called. */
export interface HostIdentity {
  readonly hostname: string;
  /** `6.1.0-18-amd64` */
  readonly kernelRelease: string;
  /** `Debian GNU/Linux 12 (bookworm)` */
  readonly operatingSystem: string;
  /** `12` */
  readonly osVersion: string;
}

/** @see man 5 os-release */
export function readHostIdentity(): HostIdentity {
  const text = readText("/etc/os-release");
  const field = (name: string) => new RegExp(`^${name}="?([^"\n]*)"?$`, "m").exec(text)?.[1] ?? "";
  return {
    hostname: hostname(),
    kernelRelease: release(),
    operatingSystem: field("PRETTY_NAME"),
    osVersion: field("VERSION_ID"),
  };
}

const fileSystems: Readonly<Record<number, string>> = {
  0xef53: "extfs",
  0x58465342: "xfs",
  0x9123683e: "btrfs",
  0x01021994: "tmpfs",
  0x794c7630: "overlayfs",
  0x2fc12fc1: "zfs",
};

/** What a folder's file system is called, in Docker's words. */
export function fileSystemOf(folder: string): string {
  return fileSystems[statfsSync(folder).type] ?? "<unknown>";
}

function readText(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}

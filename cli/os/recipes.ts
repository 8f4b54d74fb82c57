import { Fault } from "#base/fault.ts";

/** A runtime that an image can have, in Debian's packages. */
export interface RuntimeRecipe {
  readonly summary: string;
  readonly packages: readonly string[];
  /** Started with the machine. */
  readonly units: readonly string[];
  /** Whether Gantry itself is in the image. */
  readonly hasGantry: boolean;
}

export const runtimes = {
  gantry: {
    summary: "Gantry's engine, with Node",
    packages: ["crun", "nftables", "procps", "xz-utils", "bzip2", "isal", "apparmor"],
    units: ["gantry.service"],
    hasGantry: true,
  },
  docker: {
    summary: "docker.io and its command line",
    packages: ["docker.io", "docker-cli", "iptables", "nftables", "apparmor"],
    units: ["docker.service"],
    hasGantry: false,
  },
  containerd: {
    summary: "containerd with runc and ctr",
    packages: ["containerd", "runc", "nftables", "apparmor"],
    units: ["containerd.service"],
    hasGantry: false,
  },
  "cri-o": {
    summary: "CRI-O with crictl, where the suite has it (Debian 13 has not)",
    packages: ["cri-o", "cri-tools", "crun", "nftables", "apparmor"],
    units: ["crio.service"],
    hasGantry: false,
  },
} as const satisfies Readonly<Record<string, RuntimeRecipe>>;

export type RuntimeName = keyof typeof runtimes;

export function parseRuntime(name: string): RuntimeName {
  if (Object.hasOwn(runtimes, name)) return name as RuntimeName;
  throw new Fault("invalid", `there is no runtime '${name}'; there are ${Object.keys(runtimes).join(", ")}`);
}

/** What every image has. Each is there for a reason: the machine starts, is told who it is, is reached, runs containers. */
export const basePackages = [
  "systemd",
  "systemd-sysv",
  "systemd-resolved",
  "libpam-systemd",
  "udev",
  "kmod",
  "login",
  "dbus",
  "cloud-init",
  "qemu-guest-agent",
  "openssh-server",
  "sudo",
  "ca-certificates",
  "netbase",
  "iproute2",
  "e2fsprogs",
] as const;

/** Read for single files and not installed: the kernel's package would bring tools that make another initial RAM disk. */
export const readPackages = ["busybox-static", "systemd-boot-efi"] as const;
export const kernelPackage = "linux-image-cloud-amd64";

/**
 * Files that packages bring and nothing here uses: what is read by people, in other languages, and names of hardware.
 */
export const leftOut = [
  "/usr/share/doc/*",
  "/usr/share/man/*",
  "/usr/share/info/*",
  "/usr/share/locale/*",
  "/usr/share/i18n/*",
  "/usr/share/lintian/*",
  "/usr/share/bash-completion/*",
  "/usr/share/zsh/*",
  "/usr/share/bug/*",
  "/usr/share/pixmaps/*",
  "/usr/share/gcc/*",
  "/usr/share/gdb/*",
  "/usr/lib/udev/hwdb.d/*",
  "/usr/lib/udev/hwdb.bin",
  "/usr/lib/systemd/catalog/*",
] as const;

/** Of those, what stays: packages owe their copyright. */
export const keptIn = ["/usr/share/doc/*/copyright"] as const;

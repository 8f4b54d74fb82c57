import type { RuntimeRecipe } from "./recipes.ts";
import { cloudFinal, cloudInitLocal, early, gantryService, journalFlush, network } from "./units.ts";

/** A file or link that the image gets beside what packages bring; those of the same name are replaced. */
export type SystemFile = {
  /** Without a slash in front. */
  readonly path: string;
} & ({ readonly text: string; readonly mode?: number } | { readonly target: string });

/**
 * Units that do nothing for a machine that runs containers, or nothing that was not done when the image was made. Each would be a
 * process or several at every start.
 */
const masked = [
  "apt-daily-upgrade.timer",
  "apt-daily.timer",
  "cloud-init-hotplugd.socket",
  "dev-hugepages.mount",
  "dpkg-db-backup.timer",
  "e2scrub_all.timer",
  "e2scrub_reap.service",
  "ldconfig.service",
  "modprobe@configfs.service",
  "modprobe@drm.service",
  "modprobe@efi_pstore.service",
  "modprobe@fuse.service",
  "modprobe@loop.service",
  "modprobe@dm_mod.service",
  "proc-sys-fs-binfmt_misc.automount",
  "sshd-keygen.service",
  "sys-fs-fuse-connections.mount",
  "sys-kernel-config.mount",
  "sys-kernel-debug.mount",
  "sys-kernel-tracing.mount",
  "systemd-binfmt.service",
  "systemd-firstboot.service",
  "systemd-hwdb-update.service",
  "systemd-journal-catalog-update.service",
  "systemd-journald-audit.socket",
  "systemd-machine-id-commit.service",
  "systemd-networkd-persistent-storage.service",
  "systemd-pstore.service",
  "systemd-sysusers.service",
  "systemd-udev-load-credentials.service",
  "systemd-update-done.service",
  "apparmor.service",
] as const;

/** Programs that write units at every start: of these machines each would find nothing. */
const maskedGenerators = [
  "cloud-init-generator",
  "systemd-debug-generator",
  "systemd-getty-generator",
  "systemd-gpt-auto-generator",
  "systemd-hibernate-resume-generator",
  "systemd-rc-local-generator",
  "systemd-run-generator",
  "systemd-ssh-generator",
  "systemd-system-update-generator",
  "systemd-sysv-generator",
  "systemd-tpm2-generator",
] as const;

/**
 * What udev would load because it is there, though nobody here uses it; ciphers are loaded by who uses them, and machines within this
 * machine by who has them.
 */
const unusedModules = [
  "aesni_intel",
  "crc32_pclmul",
  "crct10dif_pclmul",
  "floppy",
  "ghash_clmulni_intel",
  "i2c_piix4",
  "intel_agp",
  "joydev",
  "kvm_amd",
  "kvm_intel",
  "parport_pc",
  "pcspkr",
  "polyval_clmulni",
  "psmouse",
  "sg",
  "sha1_ssse3",
  "sha256_ssse3",
  "sha512_ssse3",
] as const;

/** Links of `systemctl enable`. */
const wanted: Readonly<Record<string, readonly string[]>> = {
  "multi-user.target": ["cloud-init.target", "systemd-networkd.service"],
  "sockets.target": ["ssh.socket"],
  "getty.target": ["serial-getty@ttyS0.service"],
  "local-fs.target": ["systemd-growfs-root.service"],
};

/** The name of the root file system. */
export const rootLabel = "gantry-root";

export function systemFiles(runtime: RuntimeRecipe, cloudConfig: string): readonly SystemFile[] {
  const units = {
    ...wanted,
    "multi-user.target": [...(wanted["multi-user.target"] ?? []), ...runtime.units],
  };
  return [
    { path: "etc/machine-id", text: "" },
    { path: "etc/hostname", text: "gantry\n" },
    { path: "etc/hosts", text: "127.0.0.1 localhost\n::1 localhost ip6-localhost ip6-loopback\n" },
    {
      path: "etc/modprobe.d/gantry-os.conf",
      text: unusedModules.map((name) => `blacklist ${name}\n`).join(""),
    },
    { path: "etc/systemd/system/cloud-init-local.service", text: cloudInitLocal },
    { path: "etc/systemd/system/cloud-final.service", text: cloudFinal },
    { path: "etc/systemd/system/systemd-journal-flush.service", text: journalFlush },
    ...["qemu-guest-agent", "containerd"].map((name) => ({
      path: `etc/systemd/system/${name}.service.d/early.conf`,
      text: `[Unit]\n${early}`,
    })),
    { path: "etc/resolv.conf", target: "../run/systemd/resolve/resolv.conf" },
    { path: "etc/systemd/system/default.target", target: "/usr/lib/systemd/system/multi-user.target" },
    { path: "etc/systemd/network/80-dhcp.network", text: network },
    {
      path: "etc/systemd/system/systemd-networkd-wait-online.service.d/any.conf",
      text: "[Service]\nExecStart=\nExecStart=/usr/lib/systemd/systemd-networkd-wait-online --any --ipv4\n",
    },
    {
      path: "etc/systemd/system.conf.d/emulated.conf",
      text: "# for machines that are emulated on busy hosts\n[Manager]\nDefaultTimeoutStartSec=5min\nDefaultDeviceTimeoutSec=5min\n",
    },
    { path: "etc/cloud/cloud.cfg", text: cloudConfig },
    { path: "var/lib/cloud/seed/nocloud", target: "/run/cloud-seed" },
    ...["cloud-init-main", "cloud-init-network", "cloud-config"].map((name) => ({
      path: `etc/systemd/system/${name}.service.d/quiet.conf`,
      text: "[Service]\nStandardOutput=journal\n",
    })),
    { path: "etc/sysctl.d/80-containers.conf", text: "net.ipv4.ip_forward = 1\n" },
    ...masked.map((name) => ({ path: `etc/systemd/system/${name}`, target: "/dev/null" })),
    ...maskedGenerators.map((name) => ({
      path: `etc/systemd/system-generators/${name}`,
      target: "/dev/null",
    })),
    ...Object.entries(units).flatMap(([target, names]) =>
      names.map((name) => ({
        path: `etc/systemd/system/${target}.wants/${name}`,
        target: `/usr/lib/systemd/system/${name.replace(/@.*\./, "@.")}`,
      })),
    ),
    ...(runtime.hasGantry ? [{ path: "usr/lib/systemd/system/gantry.service", text: gantryService }] : []),
  ];
}

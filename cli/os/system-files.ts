import type { RuntimeRecipe } from "./recipes.ts";

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
  "sshd-keygen.service",
  "sys-fs-fuse-connections.mount",
  "sys-kernel-config.mount",
  "sys-kernel-debug.mount",
  "sys-kernel-tracing.mount",
  "systemd-firstboot.service",
  "systemd-hwdb-update.service",
  "systemd-journal-catalog-update.service",
  "systemd-journald-audit.socket",
  "systemd-machine-id-commit.service",
  "systemd-pstore.service",
  "systemd-sysusers.service",
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

/** Links of `systemctl enable`. */
const wanted: Readonly<Record<string, readonly string[]>> = {
  "multi-user.target": ["cloud-init.target", "systemd-networkd.service"],
  "sockets.target": ["ssh.socket"],
  "getty.target": ["serial-getty@ttyS0.service"],
  "local-fs.target": ["systemd-growfs-root.service"],
};

/**
 * What the image does not keep of the tree: keys and numbers of one machine, logs of its making, caches; the link by which sshd
 * runs from the start, as the first who connects starts it; and what makes cloud-init check data against its schema at every start,
 * which took longer than doing what the data says.
 */
export const unwantedFile =
  /^(etc\/(resolv\.conf|.*-|ssh\/ssh_host_.*|systemd\/system\/multi-user\.target\.wants\/ssh\.service|cloud\/cloud\.cfg\.d\/.*)|(run|tmp)\/.*|usr\/lib\/(udev\/hwdb\.bin|python3\/dist-packages\/(chardet|jsonschema).*)|var\/(cache\/(apt|debconf|ldconfig)\/.*|lib\/(apt\/lists|cloud|dbus|dpkg\/.*-old|systemd\/random-seed)(\/.*)?|log\/.*(?<!journal|private)|lib\/dhcpcd\/.*))$/;

const network = `[Match]
Name=e*
Kind=!*

[Network]
DHCP=yes

[DHCPv4]
ClientIdentifier=mac
UseDomains=yes
`;

const gantryService = `[Unit]
Description=Gantry container engine
Documentation=file:///usr/share/gantry/README.md
After=network-pre.target
Wants=network-pre.target

[Service]
Type=exec
ExecStart=/usr/bin/gantry engine
ExecStartPost=/bin/sh -c 'until [ -S /run/gantry/docker.sock ]; do sleep 0.1; done; ln -sf gantry/docker.sock /run/docker.sock'
ExecReload=/bin/kill -HUP $MAINPID
KillMode=process
Delegate=yes
Restart=on-failure
LimitNOFILE=1048576
TasksMax=infinity
OOMScoreAdjust=-500

[Install]
WantedBy=multi-user.target
`;

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
    { path: "etc/fstab", text: "# the root file system is mounted by the initial RAM disk\n" },
    { path: "etc/resolv.conf", target: "../run/systemd/resolve/resolv.conf" },
    { path: "etc/systemd/system/default.target", target: "/usr/lib/systemd/system/multi-user.target" },
    { path: "etc/systemd/network/80-dhcp.network", text: network },
    {
      path: "etc/systemd/system/systemd-networkd-wait-online.service.d/any.conf",
      text: "[Service]\nExecStart=\nExecStart=/usr/lib/systemd/systemd-networkd-wait-online --any --ipv4\n",
    },
    { path: "etc/cloud/cloud.cfg", text: cloudConfig },
    { path: "var/lib/cloud/seed/nocloud", target: "/run/cloud-seed" },
    ...["main", "local", "network"].map((stage) => ({
      path: `etc/systemd/system/cloud-init-${stage}.service.d/quiet.conf`,
      text: "[Service]\nStandardOutput=journal\n",
    })),
    ...["cloud-config", "cloud-final"].map((stage) => ({
      path: `etc/systemd/system/${stage}.service.d/quiet.conf`,
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

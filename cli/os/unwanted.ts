/** udev's rules that a machine here needs. */
const rules = [
  "50-.*",
  "60-(block|cdrom_id|input-id|persistent-storage|qemu-guest-agent|serial)\\..*",
  "64-ext4.*",
  "70-power-switch.*",
  "7[135]-(seat|net).*",
  "80-.*",
  "99-systemd.*",
].join("|");

/** Paths in the tree, by patterns of the whole of them. */
const patterns = [
  // Keys, names and numbers of one machine; logs of its making; caches.
  "etc/resolv\\.conf",
  "etc/.*-",
  "etc/ssh/ssh_host_.*",
  "(run|tmp)/.*",
  "var/cache/(apt|debconf|ldconfig)/.*",
  "var/lib/(apt/lists|cloud|dbus|dhcpcd)/.*",
  "var/lib/dpkg/.*-old",
  "var/lib/systemd/random-seed",
  "var/log/.*(?<!journal|private)",
  // The first who connects starts sshd.
  "etc/systemd/system/(multi-user\\.target\\.wants/ssh|sshd)\\.service",
  // One file says what cloud-init does.
  "etc/cloud/cloud\\.cfg\\.d/.*",
  // Names of hardware, and rules for hardware that no machine here has.
  "usr/lib/udev/hwdb\\.bin",
  `usr/lib/udev/rules\\.d/(?!(${rules})$).*`,
  // With the one cloud-init checks data against its schema at every start, which took longer than doing what the data says; the
  // other is loaded by Python's client for HTTP and guesses the encoding of texts.
  "usr/lib/python3/dist-packages/(jsonschema|chardet).*",
];

const unwanted = new RegExp(`^(${patterns.join("|")})$`);

/** Whether the image does without a path that packages, or their scripts, have made. */
export function isUnwanted(path: string): boolean {
  return unwanted.test(path);
}

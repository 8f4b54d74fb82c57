/** Mount points that the runtime makes in every root. */
export const placeholders = [
  "/.dockerenv",
  "/dev",
  "/dev/console",
  "/etc",
  "/etc/hosts",
  "/etc/hostname",
  "/etc/resolv.conf",
  "/proc",
  "/sys",
];

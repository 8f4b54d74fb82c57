import type { MountRequest } from "#api/docker/container.ts";
import { Fault } from "#base/fault.ts";

/** Flags by what they decide: the last one of a kind wins. */
const kindOfFlag: Readonly<Record<string, string>> = {
  ro: "ro",
  rw: "ro",
  suid: "suid",
  nosuid: "suid",
  dev: "dev",
  nodev: "dev",
  exec: "exec",
  noexec: "exec",
  sync: "sync",
  async: "sync",
  dirsync: "dirsync",
  mand: "mand",
  nomand: "mand",
  atime: "atime",
  noatime: "atime",
  diratime: "diratime",
  nodiratime: "diratime",
  relatime: "relatime",
  norelatime: "relatime",
  strictatime: "strictatime",
  nostrictatime: "strictatime",
  private: "propagation",
  rprivate: "propagation",
  slave: "propagation",
  rslave: "propagation",
  shared: "propagation",
  rshared: "propagation",
};
const keys = new Set(["size", "mode", "uid", "gid", "nr_inodes", "nr_blocks", "mpol"]);
const always = ["noexec", "nosuid", "nodev", "rprivate"];
const suffixes = ["", "k", "m", "g", "t"];

/**
 * Docker's defaults for a tmpfs and what was asked for as one list without contradictions: of two that decide the same, the
 * later stays. The size is the kernel's default, half of the memory, unless it is asked for.
 *
 * @throws {Fault} `invalid` for an option that a tmpfs does not have
 */
export function mergeTmpfsOptions(asked: readonly string[]): readonly string[] {
  const merged = new Map<string, string>();
  for (const option of [...always, ...asked]) {
    if (option === "" || option === "defaults") continue;
    const [key = "", ...rest] = option.split("=");
    const kind = rest.length === 0 ? ownValue(kindOfFlag, option) : keys.has(key) ? key : undefined;
    if (kind === undefined || option.includes("\0"))
      throw new Fault("invalid", `invalid tmpfs option ${JSON.stringify(option)}`);
    merged.delete(kind);
    merged.set(kind, option);
  }
  return [...merged.values()];
}

/** `TmpfsOptions` of a mount as mount options. @throws {Fault} `invalid` */
export function tmpfsOptionsOf(
  options: MountRequest["TmpfsOptions"],
  isReadOnly: boolean,
): readonly string[] {
  const asked: string[] = isReadOnly ? ["ro"] : [];
  if (options?.Mode) asked.push(`mode=${options.Mode.toString(8)}`);
  if (options?.SizeBytes) asked.push(`size=${sizeText(options.SizeBytes)}`);
  for (const pair of options?.Options ?? []) {
    if (pair.length < 1 || pair.length > 2) throw new Fault("invalid", "invalid option array length");
    asked.push(pair.join("="));
  }
  return mergeTmpfsOptions(asked);
}

function sizeText(bytes: number): string {
  if (!Number.isSafeInteger(bytes) || bytes < 0) throw new Fault("invalid", `invalid tmpfs size ${bytes}`);
  let size = bytes;
  let step = 0;
  while (size % 1024 === 0 && step < suffixes.length - 1) {
    size /= 1024;
    step++;
  }
  return `${size}${suffixes[step]}`;
}

function ownValue(table: Readonly<Record<string, string>>, key: string): string | undefined {
  return Object.hasOwn(table, key) ? table[key] : undefined;
}

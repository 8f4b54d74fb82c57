/** Go's io/fs.FileMode: permissions in the low bits, kinds in the high ones. @see Go, io/fs, FileMode */
const bits = {
  folder: 2 ** 31,
  symlink: 2 ** 27,
  device: 2 ** 26,
  fifo: 2 ** 25,
  socket: 2 ** 24,
  setuid: 2 ** 23,
  setgid: 2 ** 22,
  sticky: 2 ** 20,
  irregular: 2 ** 19,
} as const;

export type GoKind = "folder" | "symlink" | "fifo" | "file" | "other";

/** The kind, and the mode as chmod(2) takes it. */
export function fromGoMode(mode: number): { readonly kind: GoKind; readonly mode: number } {
  const has = (bit: number) => Math.floor(mode / bit) % 2 === 1;
  const special =
    (has(bits.setuid) ? 0o4000 : 0) | (has(bits.setgid) ? 0o2000 : 0) | (has(bits.sticky) ? 0o1000 : 0);
  const isOther = has(bits.device) || has(bits.socket) || has(bits.irregular);
  const kind = has(bits.folder)
    ? "folder"
    : has(bits.symlink)
      ? "symlink"
      : has(bits.fifo)
        ? "fifo"
        : isOther
          ? "other"
          : "file";
  return { kind, mode: (mode % 0o1000) | special };
}

export function toGoMode(kind: Exclude<GoKind, "other">, mode: number): number {
  const kindBit = kind === "file" ? 0 : bits[kind];
  return (
    (mode & 0o777) +
    ((mode & 0o4000) === 0 ? 0 : bits.setuid) +
    ((mode & 0o2000) === 0 ? 0 : bits.setgid) +
    ((mode & 0o1000) === 0 ? 0 : bits.sticky) +
    kindBit
  );
}

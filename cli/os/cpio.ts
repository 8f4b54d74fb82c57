/** A file of an initial RAM file system. */
export type CpioFile = {
  /** Without a slash in front. */
  readonly path: string;
} & (
  | { readonly type: "directory" }
  | { readonly type: "file"; readonly mode: number; readonly bytes: Uint8Array }
  | { readonly type: "character"; readonly major: number; readonly minor: number }
);

const types = { directory: 0o040755, file: 0o100000, character: 0o020600 } as const;

/**
 * An archive as the kernel unpacks it; everything in it is root's and of 1970.
 *
 * @see Linux, Documentation/driver-api/early-userspace/buffer-format.rst
 */
export function cpioArchive(files: readonly CpioFile[]): Buffer {
  const parts = files.flatMap((file, at) => cpioEntry(file, at + 1));
  return Buffer.concat([
    ...parts,
    ...cpioEntry({ path: "TRAILER!!!", type: "file", mode: 0, bytes: Buffer.alloc(0) }, 0),
  ]);
}

function cpioEntry(file: CpioFile, inode: number): readonly Uint8Array[] {
  const bytes = file.type === "file" ? file.bytes : Buffer.alloc(0);
  const name = Buffer.from(`${file.path}\0`);
  const [major, minor] = file.type === "character" ? [file.major, file.minor] : [0, 0];
  const mode = types[file.type] | (file.type === "file" ? file.mode : 0);
  const fields = [inode, mode, 0, 0, 1, 0, bytes.length, 0, 0, major, minor, name.length, 0];
  const header = Buffer.from(`070701${fields.map((value) => value.toString(16).padStart(8, "0")).join("")}`);
  return [header, name, padding(header.length + name.length), bytes, padding(bytes.length)];
}

function padding(length: number): Uint8Array {
  return Buffer.alloc((4 - (length % 4)) % 4);
}

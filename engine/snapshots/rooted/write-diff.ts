import type { ByteText, TarEntry } from "#oci/tar/entry.ts";
import type { UpperChange } from "./changes.ts";
import { splitPath } from "./paths.ts";
import type { TarOut } from "./tar-out.ts";

/** A change as entries of a layer archive. @see OCI image-spec v1.1.1, layer.md#whiteouts */
export function addChange(out: TarOut, { path, disk, kind, stat, hidesLower }: UpperChange): void {
  const name = path.slice(1);
  if (kind === "deleted") {
    const [folder, last] = splitPath(name);
    out.header(whiteout(folder === "" ? `.wh.${last}` : `${folder}/.wh.${last}`));
    return;
  }
  out.add(disk, name, stat);
  if (hidesLower) out.header(whiteout(`${name}/.wh..wh..opq`));
}

function whiteout(path: ByteText): TarEntry {
  const none = { linkPath: "", mode: 0, uid: 0, gid: 0, size: 0, major: 0, minor: 0 };
  return { type: "file", path, ...none, mtime: { seconds: 0, nanoseconds: 0 } };
}

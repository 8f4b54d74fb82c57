import type { TarEntry } from "#oci/tar/entry.ts";
import { tarHeader, tarPadding } from "#oci/tar/writer.ts";

/** An entry of an archive, a file of root's unless `change` says otherwise. */
export function tarEntry(
  path: string,
  content: string | Buffer = "",
  change: Partial<TarEntry> = {},
): Buffer {
  const bytes = Buffer.from(content);
  const head = tarHeader({
    type: "file",
    path,
    linkPath: "",
    mode: 0o644,
    uid: 0,
    gid: 0,
    size: bytes.length,
    major: 0,
    minor: 0,
    mtime: { seconds: 1, nanoseconds: 0 },
    ...change,
  });
  return Buffer.concat([head, bytes, tarPadding(bytes.length)]);
}

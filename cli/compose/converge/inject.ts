import { bytesOfText, textOfBytes } from "#oci/tar/entry.ts";
import { tarEnd, tarHeader, tarPadding } from "#oci/tar/writer.ts";
import type { InjectedFile } from "./mounts.ts";

/** An archive for the root of a container with files and the folders above them that have to be there. */
export async function* archiveOf(files: readonly InjectedFile[]): AsyncGenerator<Uint8Array> {
  const text = new TextEncoder();
  const common = { linkPath: "", mtime: { seconds: 0, nanoseconds: 0 }, major: 0, minor: 0 };
  for (const { target, content, uid, gid, mode } of files) {
    const bytes = text.encode(content);
    const path = textOfBytes(text.encode(target.replace(/^\/+/, "")));
    yield tarHeader({ ...common, type: "file", path, mode, uid, gid, size: bytes.length });
    yield bytes;
    yield tarPadding(bytes.length);
  }
  yield bytesOfText("");
  yield tarEnd;
}

import type { TarEntryType } from "#oci/tar/entry.ts";
import { tarEnd, tarHeader, tarPadding } from "#oci/tar/writer.ts";
import { takeInventory } from "./inventory.ts";

/** Layers made by hand, for tests. */

export interface LayerEntry {
  readonly path: string;
  readonly content?: string | Uint8Array;
  readonly type?: TarEntryType;
  readonly link?: string;
  readonly mode?: number;
}

export function layer(...entries: readonly LayerEntry[]): Buffer {
  const parts = entries.flatMap(({ path, content = "", type = "file", link = "", mode = 0o644 }) => {
    const bytes = typeof content === "string" ? Buffer.from(content) : content;
    const header = tarHeader({
      type,
      path,
      linkPath: link,
      mode,
      uid: 0,
      gid: 0,
      size: type === "file" ? bytes.length : 0,
      mtime: { seconds: 0, nanoseconds: 0 },
      major: 0,
      minor: 0,
    });
    return type === "file" ? [header, bytes, tarPadding(bytes.length)] : [header];
  });
  return Buffer.concat([...parts, tarEnd]);
}

/** In pieces of a size that no boundary agrees with. */
export async function* pieces(bytes: Uint8Array, size = 777): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

export function inventoryOf(...layers: readonly Buffer[]) {
  return takeInventory(
    layers.map((bytes) => pieces(bytes)),
    AbortSignal.timeout(10_000),
  );
}

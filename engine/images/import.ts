import type { Readable } from "node:stream";
import { Fault } from "#base/fault.ts";
import type { Digest } from "#oci/digest.ts";
import type { ImageConfig } from "#oci/image-config.ts";
import { parsePlatform, type Platform } from "#oci/platform.ts";
import { abortable } from "#engine/content/abortable.ts";
import { claimOf } from "./archive-index.ts";
import { applyChanges } from "./changes.ts";
import { commitImages } from "./commit-images.ts";
import { decompressed } from "./decompress.ts";
import { type ImageDeps, publish } from "./image-deps.ts";
import { storeImage } from "./store-image.ts";
import { parseNewTag } from "./tag.ts";
import { unpackImages } from "./unpack.ts";

export interface ImportOptions {
  readonly reference?: string;
  readonly message?: string;
  readonly changes: readonly string[];
  readonly platform?: string;
}

/**
 * `docker import`: a root file system becomes an image of one layer. Everything in the request is checked before the first byte
 * is read.
 *
 * @throws {Fault} `invalid` for a broken archive, reference, change or platform
 */
export async function importRootfs(
  deps: ImageDeps,
  archive: Readable,
  options: ImportOptions,
  signal: AbortSignal,
): Promise<Digest> {
  const names = options.reference === undefined ? [] : [parseNewTag(options.reference, "")];
  const platform = importPlatform(options.platform, deps.platform);
  const created = new Date(deps.now()).toISOString();
  const runtime = applyChanges({}, options.changes);
  try {
    await using lease = deps.leases.hold();
    const archiveDeps = { content: deps.content, lease };
    const source = decompressed(abortable<Uint8Array>(archive, signal));
    const layer = await deps.content.ingest(source, { claim: claimOf(lease) }, signal);
    const config: ImageConfig = {
      created,
      ...platform,
      config: runtime,
      rootfs: { type: "layers", diff_ids: [layer.digest] },
      history: [{ created, comment: options.message ?? "Imported from -" }],
    };
    const image = { ...(await storeImage(archiveDeps, config, [layer], signal)), names };
    await unpackImages({ ...archiveDeps, snapshots: deps.snapshots, store: deps.store }, [image], signal);
    await commitImages(deps, [image], names.length === 0 ? {} : { lastTaggedAt: created });
    publish(deps, "import", image.id, { labels: runtime.Labels });
    return image.id;
  } catch (error) {
    await deps.collector.tidy();
    throw error;
  }
}

function importPlatform(text: string | undefined, host: Platform): Platform {
  const platform = text === undefined || text === "" ? host : parsePlatform(text, host);
  if (platform.os !== "linux")
    throw new Fault("invalid", `operating system is not supported: ${platform.os}`);
  return platform;
}

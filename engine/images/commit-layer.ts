import type { Readable } from "node:stream";
import { Fault } from "#base/fault.ts";
import type { Digest } from "#oci/digest.ts";
import type { ImageConfig } from "#oci/image-config.ts";
import { abortable } from "#engine/content/abortable.ts";
import type { Lease } from "#engine/gc/leases.ts";
import { claimOf } from "./archive-index.ts";
import { commitImages } from "./commit-images.ts";
import type { ImageDeps } from "./image-deps.ts";
import type { CommitOptions, ImageRecord } from "./images.ts";
import { storeImage } from "./store-image.ts";
import { parseNewTag } from "./tag.ts";
import { unpackImages } from "./unpack.ts";

/** @see ImageCommitter.commit */
export async function commitLayer(
  deps: ImageDeps,
  open: () => Promise<Readable> | Readable,
  options: CommitOptions,
  signal: AbortSignal,
): Promise<Digest> {
  const names = options.reference === undefined ? [] : [parseNewTag(options.reference, "")];
  const created = new Date(deps.now()).toISOString();
  try {
    await using lease = deps.leases.hold();
    const archiveDeps = { content: deps.content, lease };
    const base = await heldBase(deps, lease, options.base);
    const source = abortable<Uint8Array>(await open(), signal);
    const layer = await deps.content.ingest(source, { claim: claimOf(lease) }, signal);
    const config = configOf(base, layer.digest, created, options);
    const layers = [
      ...base.layers.map(({ mediaType, digest, size }) => ({ mediaType, digest, size })),
      layer,
    ];
    const image = { ...(await storeImage(archiveDeps, config, layers, signal)), names };
    await unpackImages({ ...archiveDeps, snapshots: deps.snapshots, store: deps.store }, [image], signal);
    await commitImages(deps, [image], {
      parent: base.id,
      ...(names.length > 0 && { lastTaggedAt: created }),
    });
    return image.id;
  } catch (error) {
    await deps.collector.tidy();
    throw error;
  }
}

/** From here on its blobs and layers stay, whatever becomes of the image. */
async function heldBase({ store }: ImageDeps, lease: Lease, id: Digest): Promise<ImageRecord> {
  const base = store.findById(id);
  for (const { digest } of base?.layers ?? []) await lease.protect({ kind: "blob", ref: digest });
  for (const ref of base?.chainIds ?? []) await lease.protect({ kind: "snapshot", ref });
  if (base === undefined || store.findById(id) === undefined)
    throw new Fault("not-found", `No such image: ${id}`);
  return base;
}

function configOf(
  base: ImageRecord,
  diffId: Digest,
  created: string,
  { config, author, comment, createdBy }: CommitOptions,
): ImageConfig {
  const { architecture, os, variant, rootfs, history } = base.config;
  const by = { ...(author !== undefined && { author }), ...(comment !== undefined && { comment }) };
  const earlier = history ?? rootfs.diff_ids.map(() => ({}));
  return {
    created,
    ...(author !== undefined && { author }),
    architecture,
    os,
    ...(variant !== undefined && { variant }),
    config,
    rootfs: { type: "layers", diff_ids: [...rootfs.diff_ids, diffId] },
    history: [...earlier, { created, created_by: createdBy, ...by }],
  };
}

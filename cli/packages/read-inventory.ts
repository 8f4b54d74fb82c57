import type { DockerClient } from "#client/docker-client.ts";
import { type Digest, parseDigest } from "#oci/digest.ts";
import type { ImageConfig } from "#oci/image-config.ts";
import { takeInventory } from "#engine/sbom/inventory.ts";
import type { Inventory } from "#engine/sbom/package.ts";
import { canonicalName } from "./canonical-name.ts";
import { openSavedImage } from "./saved-image.ts";

/** An image of the daemon's, and what is in it. */
export interface ImageContents {
  readonly id: Digest;
  /** Of its manifest; that of its config from daemons that do not tell. */
  readonly digest: Digest;
  /** The name that was asked for, or one that it has, in full; undefined for an image without one. */
  readonly reference: string | undefined;
  readonly config: ImageConfig;
  readonly inventory: Inventory;
}

interface Inspected {
  readonly Id: string;
  readonly RepoTags?: readonly string[] | null;
  readonly Descriptor?: { readonly digest: string };
}

/** Reads an image through the daemon's API, without running anything of it. @throws {Fault} `not-found` */
export async function readContents(
  engine: DockerClient,
  name: string,
  signal: AbortSignal,
): Promise<ImageContents> {
  const path = `/images/${name.split("/").map(encodeURIComponent).join("/")}/json`;
  const inspected = await engine.api.json<Inspected>("GET", path, {}, signal);
  await using image = await openSavedImage(await engine.saveImages([name], {}, signal), signal);
  return {
    id: parseDigest(inspected.Id),
    digest: parseDigest(inspected.Descriptor?.digest ?? inspected.Id),
    reference: nameOf(name, inspected),
    config: image.config,
    inventory: await takeInventory(image.layers(), signal),
  };
}

function nameOf(typed: string, { RepoTags }: Inspected): string | undefined {
  const tags = (RepoTags ?? []).map(canonicalName);
  const meant = canonicalName(typed);
  return tags.find((tag) => tag === meant) ?? tags[0];
}

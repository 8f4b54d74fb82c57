import { join } from "node:path";
import { overlayOptions, readOnlyView } from "#engine/snapshots/overlay-mount.ts";
import type { OverlayMount } from "#engine/snapshots/snapshotter.ts";
import type { ResolvedMount } from "#engine/volumes/volumes.ts";

/**
 * Mounts whose source the shim's child makes in its own mount namespace, below the bundle: the file systems of images, and parts
 * of volumes and images, which are looked up in there so that no link that somebody puts there meanwhile leads out.
 */
export interface StagedMounts {
  /** With sources that will be there. */
  readonly mounts: readonly ResolvedMount[];
  /** For the shim: `image=` or `volume=` for each, then `subpath=` for a part of it. */
  readonly args: readonly string[];
}

export function stageMounts(
  mounts: readonly ResolvedMount[],
  bundle: string,
  layersOf: (snapshot: string) => OverlayMount,
): StagedMounts {
  const args: string[] = [];
  let staged = 0;
  const placed = mounts.map((mount) => {
    const { type, source, subpath } = mount;
    if (type !== "image" && subpath === undefined) return mount;
    args.push(
      type === "image"
        ? `image=${overlayOptions(readOnlyView(layersOf(source)))}`
        : `volume=${source.slice(0, -(subpath?.length ?? 0) - 1)}`,
      ...(subpath === undefined ? [] : [`subpath=${subpath}`]),
    );
    const name = `${subpath === undefined ? "m" : "s"}${staged++}`;
    return { ...mount, type: "bind", source: join(bundle, name) };
  });
  return { mounts: placed, args };
}

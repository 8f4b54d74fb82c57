import type { OverlayMount } from "./snapshotter.ts";

/** A folder under the snapshotter's root that is always empty: the lowest layer where there would be too few. */
export const emptyFolder = "empty";

/** More layers than this do not fit into the page that mount(2) takes; Docker's limit is 125. */
export const maxDepth = 256;

/**
 * The data argument of mount(2) for type `overlay`, to be used with the snapshotter's root as working directory. Features that
 * would write more than whiteouts and opaque marks into the upper folder are off, so that the folder alone tells what changed.
 *
 * @see Linux, Documentation/filesystems/overlayfs.rst
 */
export function overlayOptions(mount: OverlayMount): string {
  const lower =
    mount.lower.length > 1 || mount.upper !== undefined ? mount.lower : [...mount.lower, emptyFolder];
  const options = [`lowerdir=${lower.join(":")}`];
  if (mount.upper !== undefined) options.push(`upperdir=${mount.upper}`, `workdir=${mount.work}`);
  return [...options, "redirect_dir=off", "metacopy=off", "index=off"].join(",");
}

/** The same tree, read-only: the upper folder becomes the topmost layer. */
export function readOnlyView(mount: OverlayMount): OverlayMount {
  return { lower: mount.upper === undefined ? mount.lower : [mount.upper, ...mount.lower] };
}

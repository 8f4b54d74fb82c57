import { closeSync, constants, openSync } from "node:fs";
import { join } from "node:path";
import {
  CLONE,
  chroot,
  chrootTo,
  fchdir,
  keepCapabilities,
  MS,
  mount,
  O_PATH,
  umount,
  unshare,
} from "#host/sys.ts";
import { emptyFolder, overlayOptions, readOnlyView } from "../overlay-mount.ts";
import type { OverlayMount } from "../snapshotter.ts";
import { type LayerRoom, needed, type NewLayerRoom } from "./enter.ts";

/** For going into a root, and out of it again. */
const sysChroot = 18;

/**
 * Locks a process that stays into one snapshot's folder after the other. Names are followed by the kernel, which stops at the root;
 * nothing in there is ever run, and no path of an archive can name the descriptors by which this process comes out again.
 *
 * Unlike a process for one job it keeps SYS_CHROOT and a descriptor of the host's root: each layer is a root of its own, and where
 * the next one and its blob are is said by paths of the host's. Both protect from paths alone: whoever made this process run code
 * would have SYS_ADMIN and MKNOD, which layers need, and by them the host's disks, without either.
 */
export class ResidentRoom {
  readonly #home: number;
  #outside = -1;
  #mounted: string | undefined;

  constructor() {
    unshare(CLONE.NEWNS | CLONE.FS);
    mount(null, "/", null, MS.REC | MS.SLAVE, null);
    this.#home = openSync("/", O_PATH | constants.O_DIRECTORY);
    keepCapabilities([...needed, sysChroot]);
  }

  /** As the functions of these names, until {@link leave}. */
  readonly ways = {
    enterLayer: (snapshots: string, folder: string, lower: readonly string[]): LayerRoom => {
      const room = this.#enter(snapshots, folder, lower.length > 0 ? () => lower : undefined);
      return { upper: room.upper, lower: room.lower?.() };
    },
    enterNewLayer: (
      snapshots: string,
      folder: string,
      findLower: (() => readonly string[]) | undefined,
    ): NewLayerRoom => this.#enter(snapshots, folder, findLower),
    enterView: (snapshots: string, view: OverlayMount): void => {
      process.chdir(snapshots);
      mount("overlay", emptyFolder, "overlay", MS.RDONLY, overlayOptions(readOnlyView(view)));
      this.#mounted = join(snapshots, emptyFolder);
      chroot(emptyFolder);
    },
  };

  #enter(snapshots: string, folder: string, findLower: (() => readonly string[]) | undefined): NewLayerRoom {
    process.chdir(snapshots);
    this.#outside = openSync(".", O_PATH | constants.O_DIRECTORY);
    chroot(folder);
    if (findLower === undefined) return { upper: "/fs", lower: undefined };
    const lower = (): "/work" => {
      if (this.#mounted !== undefined) return "/work";
      const layers = findLower();
      const target = `${folder}/work`;
      fchdir(this.#outside);
      mount("overlay", target, "overlay", MS.RDONLY, overlayOptions({ lower: layers }));
      this.#mounted = join(snapshots, target);
      process.chdir("/");
      return "/work";
    };
    return { upper: "/fs", lower };
  }

  /** Fine for one that has entered nothing. */
  leave(): void {
    chrootTo(this.#home);
    if (this.#outside >= 0) closeSync(this.#outside);
    this.#outside = -1;
    if (this.#mounted !== undefined) umount(this.#mounted);
    this.#mounted = undefined;
  }
}

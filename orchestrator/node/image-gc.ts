import { statfs } from "node:fs/promises";
import type { Image } from "#api/cri/messages.ts";
import { messageOf } from "#base/fault.ts";
import type { NodeDeps } from "./node-deps.ts";

const [highShare, lowShare] = [0.85, 0.8];
/** An image that is younger here may be about to be used. */
const leastAgeMs = 120_000;

interface Known {
  readonly seenMs: number;
  usedMs: number;
}

/** Which images to remove, in order, until so many bytes are free. */
export function planImageRemoval(
  images: readonly Partial<Image>[],
  used: ReadonlySet<string>,
  lastUsedMs: (id: string) => number,
  bytes: number,
): readonly string[] {
  const unused = images
    .filter(
      ({ id = "", pinned = false, repoTags = [] }) =>
        !pinned && !used.has(id) && !repoTags.some((tag) => used.has(tag)),
    )
    .toSorted((a, b) => lastUsedMs(a.id ?? "") - lastUsedMs(b.id ?? ""));
  const chosen: string[] = [];
  let left = bytes;
  for (const { id = "", size = 0 } of unused) {
    if (left <= 0) break;
    chosen.push(id);
    left -= size;
  }
  return chosen;
}

/** Removes images that no container uses when their disk is fuller than 85 %, the longest unused first, until it is at 80 %. */
export class ImageCollector {
  readonly #deps: NodeDeps;
  readonly #known = new Map<string, Known>();

  constructor(deps: NodeDeps) {
    this.#deps = deps;
  }

  /** @param isNeeded the node needs the room: everything that is of no use goes, however full the disk and young the image */
  async collect(signal: AbortSignal, isNeeded = false): Promise<void> {
    const { cri, timers, log } = this.#deps;
    const [{ images }, { containers }, info] = await Promise.all([
      cri.images.listImages({}, signal),
      cri.runtime.listContainers({}, signal),
      cri.images.imageFsInfo({}, signal),
    ]);
    const used = new Set(
      containers.flatMap(({ imageId = "", imageRef = "", image }) => [imageId, imageRef, image?.image ?? ""]),
    );
    const now = timers.now();
    this.#note(images, used, now);
    const mountpoint = info.imageFilesystems[0]?.fsId?.mountpoint;
    if (mountpoint === undefined || mountpoint === "") return;
    const disk = await statfs(mountpoint);
    const capacity = disk.blocks * disk.bsize;
    const taken = capacity - disk.bavail * disk.bsize;
    if (capacity === 0 || (!isNeeded && taken < capacity * highShare)) return;
    const isOld = (id: string) => now - (this.#known.get(id)?.seenMs ?? now) >= leastAgeMs;
    const old = images.filter(({ id = "" }) => isNeeded || isOld(id));
    const chosen = planImageRemoval(
      old,
      used,
      (id) => this.#known.get(id)?.usedMs ?? 0,
      isNeeded ? Number.POSITIVE_INFINITY : taken - capacity * lowShare,
    );
    for (const id of chosen) {
      try {
        await cri.images.removeImage({ image: { image: id } }, signal);
        log.info("an image was removed to make room", { image: id });
      } catch (error) {
        signal.throwIfAborted();
        log.warn("an image could not be removed", { image: id, error: messageOf(error) });
      }
    }
  }

  #note(images: readonly Partial<Image>[], used: ReadonlySet<string>, now: number): void {
    const ids = new Set(images.map(({ id = "" }) => id));
    for (const id of this.#known.keys()) if (!ids.has(id)) this.#known.delete(id);
    for (const { id = "", repoTags = [] } of images) {
      const known = this.#known.get(id) ?? { seenMs: now, usedMs: 0 };
      if (used.has(id) || repoTags.some((tag) => used.has(tag))) known.usedMs = now;
      this.#known.set(id, known);
    }
  }
}

import { setTimeout as sleep } from "node:timers/promises";
import { isFault } from "#base/fault.ts";
import type { Log } from "#base/log.ts";
import { type Digest, parseDigest } from "#oci/digest.ts";
import type { Database } from "#host/sqlite/database.ts";
import { type ImageDeps, publish } from "./image-deps.ts";
import { dueLooks, type Look, mayWait, pauseUntilNext, pauseWhileBusy } from "./scrub-plan.ts";
import type { LookMemo } from "./verify-image.ts";

export interface ScrubberOptions {
  readonly intervalMs: number;
  /** Whether the machine has other things to do. */
  readonly isBusy: () => boolean;
  /** Bytes that may still be written where images are unpacked. */
  readonly freeBytes: () => number;
}

export interface ScrubberDeps extends ImageDeps {
  readonly db: Database;
  readonly log: Log;
}

/** Timers cannot wait longer. */
const MAX_TIMER_MS = 2 ** 31 - 1;
/** A layer is unpacked beside itself to be compared: what must be left of the disk then. */
const MIN_FREE_BYTES = 5 * 2 ** 30;
const BUSY_BEFORE_REST_MS = 20;
/** Times as long as it worked. */
const REST = 3;

/**
 * Verifies every image once an interval, each layer and blob once a pass, at a quarter of one processor. Between passes there is one
 * timer and nothing else. When each image was seen last is in the database: a daemon that starts goes on where the last one was.
 *
 * @see docs/trust.md, "Altered on disk"
 */
export class Scrubber implements AsyncDisposable {
  readonly #deps: ScrubberDeps;
  readonly #options: ScrubberOptions;
  readonly #stop = new AbortController();
  #timer: NodeJS.Timeout | undefined;
  #pass: Promise<void> = Promise.resolve();

  constructor(deps: ScrubberDeps, options: ScrubberOptions) {
    this.#deps = deps;
    this.#options = options;
  }

  /** Sets the timer for the first pass. */
  async start(): Promise<void> {
    const looks = await this.#looks();
    this.#wait(pauseUntilNext(looks, { ...this.#options, hasPassed: false }, this.#deps.now()));
  }

  /** A pass under way ends at the next chunk. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    clearTimeout(this.#timer);
    await this.#pass;
  }

  #wait(pauseMs: number): void {
    if (this.#stop.signal.aborted) return;
    this.#timer = setTimeout(
      () => {
        this.#pass = this.#run();
      },
      Math.min(pauseMs, MAX_TIMER_MS),
    );
    this.#timer.unref();
  }

  async #run(): Promise<void> {
    const { log, now } = this.#deps;
    const { intervalMs } = this.#options;
    try {
      const isWhole = await this.#passOver(dueLooks(await this.#looks(), intervalMs, now()));
      const next = pauseUntilNext(await this.#looks(), { intervalMs, hasPassed: true }, now());
      this.#wait(isWhole ? next : pauseWhileBusy(intervalMs));
    } catch (error) {
      if (this.#stop.signal.aborted) return;
      log.error("images were not looked at", { error });
      this.#wait(pauseWhileBusy(intervalMs));
    }
  }

  /** Resolves to false when the machine had other things to do. */
  async #passOver(due: readonly Look[]): Promise<boolean> {
    const { now } = this.#deps;
    const { intervalMs, isBusy } = this.#options;
    const { emptyMemo } = await import("./verify-image.ts");
    const memo = emptyMemo();
    for (const look of due) {
      this.#stop.signal.throwIfAborted();
      if (isBusy() && mayWait(look, intervalMs, now())) return false;
      await this.#lookAt(look, memo);
    }
    return true;
  }

  async #lookAt({ imageId }: Look, memo: LookMemo): Promise<void> {
    const { store, log, now } = this.#deps;
    const { signal } = this.#stop;
    const image = store.findById(imageId);
    if (image === undefined) return;
    const before = store.damageOf(imageId);
    const { verifyImage } = await import("./verify-image.ts");
    try {
      const pace = pacer(signal);
      const skipsLayers = this.#options.freeBytes() < MIN_FREE_BYTES + image.size;
      if (skipsLayers)
        log.info("unpacked layers are not looked at: the disk is too full", { image: imageId });
      const problems = await verifyImage(this.#deps, image, signal, { memo, pace, skipsLayers });
      if (problems.length > 0 && before === undefined) {
        log.error("image found altered on disk", { image: imageId, names: image.repoTags, problems });
        publish(this.#deps, "alter", imageId, { name: image.repoTags[0] ?? imageId });
      }
    } catch (error) {
      signal.throwIfAborted();
      if (isFault(error, "not-found")) return; // removed meanwhile
      log.warn("image could not be looked at", { image: imageId, error });
    }
    await this.#note([{ imageId, at: now() }]);
  }

  /** Of the images that there are. What is new was verified when it came. */
  async #looks(): Promise<readonly Look[]> {
    const { db, store, now } = this.#deps;
    const known = new Map<string, number>();
    for (const row of db.sql.prepare("SELECT image_id, at FROM image_looks").all())
      known.set(String(row["image_id"]), Number(row["at"]));
    const ids = new Set<Digest>(store.ids());
    const fresh = Array.from(ids).filter((id) => !known.has(id));
    const gone = Array.from(known.keys()).filter((id) => !ids.has(parseDigest(id)));
    const at = now();
    await this.#note(
      fresh.map((imageId) => ({ imageId, at })),
      gone,
    );
    return Array.from(ids, (imageId) => ({ imageId, at: known.get(imageId) ?? at }));
  }

  async #note(looks: readonly Look[], gone: readonly string[] = []): Promise<void> {
    if (looks.length === 0 && gone.length === 0) return;
    const { db } = this.#deps;
    await db.write(() => {
      // One that was removed meanwhile stays removed.
      const insert = db.sql.prepare(
        "INSERT OR REPLACE INTO image_looks (image_id, at) SELECT id, ? FROM images WHERE id = ?",
      );
      for (const { imageId, at } of looks) insert.run(at, imageId);
      const remove = db.sql.prepare("DELETE FROM image_looks WHERE image_id = ?");
      for (const id of gone) remove.run(id);
    });
  }
}

/** Called between pieces of work: rests three times as long as they took. */
function pacer(signal: AbortSignal): () => Promise<void> {
  let begin = performance.now();
  return async () => {
    const worked = performance.now() - begin;
    if (worked < BUSY_BEFORE_REST_MS) return;
    await sleep(worked * REST, undefined, { signal, ref: false });
    begin = performance.now();
  };
}

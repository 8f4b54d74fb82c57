import { createHash } from "node:crypto";
import { createReadStream, createWriteStream, existsSync, mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { isFault } from "#base/fault.ts";
import { type IsoPlan, planIso } from "#base/iso9660.ts";
import type { DockerClient } from "#client/docker-client.ts";
import type { HypercoreClient } from "#client/hypercore/hypercore-client.ts";
import { mediumFile, mediumLabel } from "./user-data/workload.ts";

const ownName = /^gantry-image-[\da-f]{16}\.iso$/;

export interface ImageMedium {
  readonly uuid: string;
  readonly sizeBytes: number;
  /** False when the library had it. */
  readonly isNew: boolean;
}

/**
 * The ISO image in the library that brings a container image of an engine's into machines, made when there is none.
 *
 * @param name as machines will call the image
 * @param root of the instance; the archive is kept below it meanwhile
 * @returns undefined when the engine does not run or has no such image
 */
export async function ensureMedium(
  client: HypercoreClient,
  engine: DockerClient,
  name: string,
  root: string,
  signal: AbortSignal,
): Promise<ImageMedium | undefined> {
  const id = await findImageId(engine, name, signal);
  if (id === undefined) return undefined;
  const tag = createHash("sha256").update(`${id} ${name}`).digest("hex").slice(0, 16);
  const isoName = `gantry-image-${tag}.iso`;
  const known = (await client.list("ISO", signal)).find((iso) => iso.name === isoName);
  if (known?.readyForInsert === true) return { uuid: known.uuid, sizeBytes: known.size, isNew: false };
  // Somebody else's upload, or one that was cut.
  if (known !== undefined) await client.remove("ISO", known.uuid, signal);
  const hypervisorFolder = join(root, "hypervisor");
  const folder = mkdtempSync(join(existsSync(hypervisorFolder) ? hypervisorFolder : tmpdir(), "image-"));
  try {
    const archive = join(folder, mediumFile);
    const bytes = await engine.saveImages([name], {}, signal);
    await pipeline(bytes, createWriteStream(archive), { signal });
    const { size } = statSync(archive);
    const plan = planIso(mediumLabel, [{ name: mediumFile, length: size }]);
    const uuid = await client.uploadIso(isoName, plan.length, imageBytes(plan, archive), signal);
    return { uuid, sizeBytes: plan.length, isNew: true };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function* imageBytes({ head, paddings }: IsoPlan, archive: string): AsyncGenerator<Uint8Array> {
  yield head;
  yield* createReadStream(archive, { highWaterMark: 1 << 20 }) as AsyncIterable<Uint8Array>;
  yield new Uint8Array(paddings[0] ?? 0);
}

/** Undefined also when there is no engine. */
export async function findImageId(
  engine: DockerClient,
  name: string,
  signal: AbortSignal,
): Promise<string | undefined> {
  try {
    const path = `/images/${name.split("/").map(encodeURIComponent).join("/")}/json`;
    const { Id } = await engine.api.json<{ readonly Id: string }>("GET", path, {}, signal);
    return Id;
  } catch (error) {
    if (isFault(error, "not-found") || isFault(error, "unavailable")) return undefined;
    throw error;
  }
}

/** Deletes those of these media that are in no drive any more. */
export async function removeUnusedMedia(
  client: HypercoreClient,
  names: ReadonlySet<string>,
  signal: AbortSignal,
): Promise<void> {
  if (![...names].some((name) => ownName.test(name))) return;
  for (const { uuid, name, mounts } of await client.list("ISO", signal))
    if (names.has(name) && ownName.test(name) && mounts.length === 0)
      await client.remove("ISO", uuid, signal);
}

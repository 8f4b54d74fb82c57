import { createHash } from "node:crypto";
import { createReadStream, statSync } from "node:fs";
import { basename, extname } from "node:path";
import { Fault } from "#base/fault.ts";
import type { HypercoreClient } from "#client/hypercore/hypercore-client.ts";
import { chosen } from "./find.ts";
import type { ImageRow } from "./formats.ts";

const pieceBytes = 1 << 20;
const diskFormats = [".qcow2", ".raw", ".img", ".vmdk", ".vhd", ".vhdx"];

/** Everything that disks and drives are made from. */
export async function listImages(client: HypercoreClient, signal: AbortSignal): Promise<readonly ImageRow[]> {
  const [disks, isos] = await Promise.all([client.list("VirtualDisk", signal), client.list("ISO", signal)]);
  return [
    ...disks.map(
      ({ uuid, name, capacityBytes, totalAllocationBytes }): ImageRow => ({
        kind: "disk",
        uuid,
        name,
        sizeBytes: capacityBytes,
        allocatedBytes: totalAllocationBytes,
        mounts: [],
      }),
    ),
    ...isos.map(
      ({ uuid, name, size, mounts }): ImageRow => ({
        kind: "iso",
        uuid,
        name,
        sizeBytes: size,
        allocatedBytes: size,
        mounts: mounts.map(({ vmName }) => vmName),
      }),
    ),
  ];
}

/** @throws {Fault} `not-found` */
export async function findImage(
  client: HypercoreClient,
  name: string,
  signal: AbortSignal,
): Promise<ImageRow> {
  return chosen(await listImages(client, signal), name, (image) => image.name === name, "image");
}

export interface UploadedImage {
  readonly image: ImageRow;
  /** False when the library had it. */
  readonly isNew: boolean;
}

/**
 * Puts a file into the library under a name that tells its content, once: the next machine from it shares its bytes. An `.iso` is a
 * medium for drives, everything else a disk.
 *
 * @throws {Fault} `not-found`, or `invalid` for an ending that tells no format
 */
export async function ensureUploaded(
  client: HypercoreClient,
  path: string,
  signal: AbortSignal,
): Promise<UploadedImage> {
  const name = nameWith(path, (await hashOf(path, signal)).slice(0, 12));
  const known = (await listImages(client, signal)).find((image) => image.name === name);
  if (known !== undefined) return { image: known, isNew: false };
  return { image: await upload(client, path, name, signal), isNew: true };
}

/** @throws {Fault} as {@link ensureUploaded} */
export async function upload(
  client: HypercoreClient,
  path: string,
  name: string,
  signal: AbortSignal,
): Promise<ImageRow> {
  const { size } = statOf(path);
  const bytes = () => createReadStream(path, { highWaterMark: pieceBytes });
  const uuid =
    formatOf(name) === ".iso"
      ? await client.uploadIso(name, size, bytes(), signal)
      : await client.uploadDisk(name, size, bytes(), signal);
  return await findImage(client, uuid, signal);
}

/** `debian-12.qcow2` becomes `debian-12-1f2e3d4c5b6a.qcow2`. */
function nameWith(path: string, tag: string): string {
  const format = formatOf(path);
  const bare = basename(path, extname(path)).replaceAll(/[^\w.-]/g, "_");
  return `${bare}-${tag}${format}`;
}

/** @throws {Fault} `invalid` */
export function formatOf(path: string): string {
  const format = extname(path).toLowerCase();
  if (format !== ".iso" && !diskFormats.includes(format))
    throw new Fault("invalid", `${path}: the name must end in ${[...diskFormats, ".iso"].join(", ")}`);
  return format;
}

async function hashOf(path: string, signal: AbortSignal): Promise<string> {
  statOf(path);
  const hash = createHash("sha256");
  for await (const piece of createReadStream(path, { highWaterMark: pieceBytes, signal }))
    hash.update(piece as Buffer);
  return hash.digest("hex");
}

function statOf(path: string) {
  const stat = statSync(path, { throwIfNoEntry: false });
  if (stat?.isFile() !== true) throw new Fault("not-found", `there is no file ${path}`);
  return stat;
}

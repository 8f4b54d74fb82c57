import { createHash, type Hash } from "node:crypto";
import { Fault } from "#base/fault.ts";
import { type FolderNode, nodesBelow } from "#engine/build/files/tree.ts";
import { Spool } from "#engine/build/files/spool.ts";
import { readTree } from "#engine/build/files/tree-builder.ts";
import { byteText, shown } from "#engine/snapshots/rooted/paths.ts";
import type { TarEntry } from "#oci/tar/entry.ts";
import { rewrittenTar } from "#oci/tar/rewrite.ts";
import { tarEnd, tarHeader, tarPadding } from "#oci/tar/writer.ts";
import { type Attestation, attestationsOf, statementOf, type Subject } from "./attestations.ts";
import type { Exporter, ExportDeps } from "./export.ts";
import { sendArchive, sendTree } from "./file-send.ts";
import { flagOf } from "./image-attributes.ts";
import type { Vertex } from "./progress.ts";
import type { PlatformImage, Solved } from "./solved.ts";

/**
 * Sends the files of a result to the client as one archive: with a folder for each platform where there are several.
 *
 * @throws {Fault} with what the client says
 */
export async function exportTar(
  { job, session }: ExportDeps,
  solved: Solved,
  { index, attrs }: Exporter,
  signal: AbortSignal,
): Promise<ReadonlyMap<string, string>> {
  const isSplit = solved.isMulti;
  const vertex = job.progress.vertex("exporting to client tarball");
  await vertex.run(async () => {
    const parts: Part[] = [];
    for (const image of solved.images) {
      const said = await filesOf(solved, image, vertex, job.progress.now(), signal);
      const prefix = attrs.get("attestation-prefix") ?? "";
      const madeAt = image.built.epoch ?? Number(job.progress.now() / 1_000_000_000n);
      parts.push({ image, said, madeAt, prefix, below: isSplit ? folderOf(image) : "" });
    }
    const sending = vertex.part("sending tarball");
    await sendArchive(await session(), index, archiveOf(parts, signal), sending.moved, signal);
    sending.done();
  });
  return new Map();
}

interface Part {
  readonly image: PlatformImage;
  readonly said: readonly Attestation[];
  /** The time of files with attestations. */
  readonly madeAt: number;
  /** Of their names. */
  readonly prefix: string;
  readonly below: string;
}

async function* archiveOf(parts: readonly Part[], signal: AbortSignal): AsyncGenerator<Uint8Array> {
  for (const { image, said, madeAt, prefix, below } of parts) {
    const { built } = image;
    if (below !== "") yield tarHeader(entryOf(`${below}/`, "directory", 0o755, 0, built.epoch ?? 0));
    const change = (entry: TarEntry) => placed(entry, below, built.epoch);
    const digests = said.length === 0 ? undefined : new FileDigests(below === "" ? "" : `${below}/`);
    const isPlain = below === "" && built.epoch === undefined && digests === undefined;
    const files = await built.files(signal);
    if (isPlain) return yield* files;
    yield* rewrittenTar(files, change, digests);
    for (const one of said) {
      const bytes = fileBytes(one, digests?.subjects ?? []);
      const path = `${below === "" ? "" : `${below}/`}${prefix}${one.path}`;
      yield tarHeader(entryOf(path, "file", 0o600, bytes.length, madeAt));
      yield bytes;
      yield tarPadding(bytes.length);
    }
  }
  yield tarEnd;
}

/** Below the folder; the root of the tree is that folder. */
function placed(entry: TarEntry, below: string, epoch: number | undefined): TarEntry | undefined {
  const { atime: _, ...rest } = entry;
  const timed = epoch === undefined ? entry : { ...rest, mtime: { seconds: epoch, nanoseconds: 0 } };
  if (below === "") return timed;
  const under = (path: string) => `${below}/${path.replace(/^(\.?\/)+/, "")}`;
  if (/^\.?\/*$/.test(entry.path)) return undefined;
  return {
    ...timed,
    path: under(entry.path),
    linkPath: entry.type === "link" ? under(entry.linkPath) : entry.linkPath,
  };
}

function entryOf(
  path: string,
  type: "file" | "directory",
  mode: number,
  size: number,
  seconds: number,
): TarEntry {
  const mtime = { seconds, nanoseconds: 0 };
  return { type, path, linkPath: "", mode, uid: 0, gid: 0, size, mtime, major: 0, minor: 0 };
}

/** Of the files of an archive that passes by. */
class FileDigests {
  readonly subjects: Subject[] = [];
  readonly #below: string;
  #hash: Hash = createHash("sha256");

  constructor(below: string) {
    this.#below = below;
  }

  data(bytes: Uint8Array): void {
    this.#hash.update(bytes);
  }

  end({ path }: TarEntry): void {
    const name = path.slice(this.#below.length).replace(/^(\.?\/)+/, "");
    this.subjects.push({ name: shown(name), digest: { sha256: this.#hash.digest("hex") } });
    this.#hash = createHash("sha256");
  }
}

/**
 * Sends the files of a result to the client's folder, or to one below it for each platform.
 *
 * @throws {Fault} with what the client says
 */
export async function exportLocal(
  deps: ExportDeps,
  solved: Solved,
  exporter: Exporter,
  signal: AbortSignal,
): Promise<ReadonlyMap<string, string>> {
  const vertex = deps.job.progress.vertex("exporting to client directory");
  const owners = new Map<string, string>();
  await vertex.run(async () => {
    for (const image of solved.images)
      await exportFolder(deps, solved, image, exporter, owners, vertex, signal);
  });
  return new Map();
}

/** @param owners the platforms of files that are there already, by their paths, where all share a folder */
async function exportFolder(
  { job, session, folder }: ExportDeps,
  solved: Solved,
  image: PlatformImage,
  { index, attrs }: Exporter,
  owners: Map<string, string>,
  vertex: Vertex,
  signal: AbortSignal,
): Promise<void> {
  const isSplit = flagOf(attrs, "platform-split", solved.isMulti);
  const said = await filesOf(solved, image, vertex, job.progress.now(), signal);
  const sending = vertex.part(`copying files ${isSplit ? image.platform : ""}`.trimEnd());
  using spool = new Spool(folder);
  const root = await readTree(await image.built.files(signal), spool);
  const subjects = [...nodesBelow(root)].flatMap(({ path, node }) =>
    node.kind === "file" ? [{ name: shown(path), digest: { sha256: node.sha256 } }] : [],
  );
  if (!isSplit) takePaths(root, image.platform, owners);
  const isShared = solved.isMulti && !isSplit;
  const extra = said.map((one) => ({
    path: `${attrs.get("attestation-prefix") ?? ""}${isShared ? sharedName(one.path, image) : one.path}`,
    bytes: fileBytes(one, subjects),
  }));
  for (const { path, bytes } of extra) {
    const position = spool.reserve(bytes.length);
    spool.write(position, bytes);
    const sha256 = createHash("sha256").update(bytes).digest("hex");
    const size = bytes.length;
    const mtime = { seconds: Number(job.progress.now() / 1_000_000_000n), nanoseconds: 0 };
    const owned = { mode: 0o600, uid: 0, gid: 0, mtime };
    root.children.set(byteText(path), { kind: "file", size, sha256, spool, position, ...owned });
  }
  const tree = { root, below: isSplit ? folderOf(image) : "", epoch: image.built.epoch };
  await sendTree(await session(), index, tree, sending.moved, signal);
  sending.done();
}

/** @throws {Fault} `invalid` when another platform has a file by the same name */
function takePaths(root: FolderNode, platform: string, owners: Map<string, string>): void {
  for (const { path, node } of nodesBelow(root)) {
    if (node.kind === "folder") continue;
    const owner = owners.get(path);
    if (owner !== undefined)
      throw new Fault(
        "invalid",
        `cannot overwrite ${shown(path)} from ${owner} with ${platform} when split option is disabled`,
      );
    owners.set(path, platform);
  }
}

/** `provenance.linux_arm64.json` */
function sharedName(path: string, image: PlatformImage): string {
  return path.replace(/\.[^.]*$/, (end) => `.${folderOf(image)}${end}`);
}

/** What only goes inline does not go beside files. */
async function filesOf(
  { account }: Solved,
  image: PlatformImage,
  vertex: Vertex,
  now: bigint,
  signal: AbortSignal,
): Promise<readonly Attestation[]> {
  const said = await attestationsOf(account, image, vertex, now, signal);
  return said.filter(({ isInlineOnly }) => !isInlineOnly);
}

function fileBytes(one: Attestation, subjects: readonly Subject[]): Buffer {
  return Buffer.from(JSON.stringify(statementOf(one, subjects), undefined, 2));
}

function folderOf({ platform }: PlatformImage): string {
  return platform.replaceAll("/", "_");
}

import { Fault } from "#base/fault.ts";
import type { Built } from "#engine/build/builder.ts";
import { imageConfigOf } from "#engine/build/stage-state.ts";
import { imageIdOf } from "#engine/images/image-workshop.ts";
import { formatReference, parseReference, type Reference, withDefaultTag } from "#oci/reference.ts";
import type { Job } from "./jobs.ts";
import { sendArchive, sendTree } from "./file-send.ts";
import type { Session } from "./sessions.ts";

export interface Exporter {
  readonly type: string;
  readonly attrs: ReadonlyMap<string, string>;
  /** By which the client knows where it goes. */
  readonly index: number;
}

export interface ExportDeps {
  readonly job: Job;
  readonly session: () => Promise<Session>;
  /** Where files may be kept for a while. */
  readonly folder: string;
}

/**
 * Brings a result to where the client wants it, and returns what the client is told about it.
 *
 * @throws {Fault} `not-implemented` for places that this engine does not know
 */
export async function exportResult(
  deps: ExportDeps,
  built: Built,
  exporter: Exporter,
  signal: AbortSignal,
): Promise<ReadonlyMap<string, string>> {
  switch (exporter.type) {
    case "moby":
    case "image":
      return await exportImage(deps, built, exporter, signal);
    case "docker":
    case "oci":
      return await exportArchive(deps, built, exporter, signal);
    case "tar":
      return await exportTar(deps, built, exporter, signal);
    case "local":
      return await exportLocal(deps, built, exporter, signal);
    default:
      throw new Fault(
        "not-found",
        `exporter ${JSON.stringify(exporter.type.slice(0, 200))} could not be found`,
      );
  }
}

function namesOf({ attrs }: Exporter): readonly Reference[] {
  const names = (attrs.get("name") ?? "").split(",").filter((name) => name !== "");
  const references = names.map((name) => withDefaultTag(parseReference(name)));
  if (references.some(({ digest }) => digest !== undefined))
    throw new Fault("invalid", "build tag cannot contain a digest");
  return references;
}

async function exportImage(
  { job }: ExportDeps,
  built: Built,
  exporter: Exporter,
  signal: AbortSignal,
): Promise<ReadonlyMap<string, string>> {
  const { attrs } = exporter;
  if (isTrue(attrs.get("push")))
    throw new Fault(
      "not-implemented",
      "a build cannot push yet: name the image and push it with docker push",
    );
  const names = namesOf(exporter);
  const vertex = job.progress.vertex("exporting to image");
  return await vertex.run(async () => {
    const layers = vertex.part("exporting layers");
    layers.done();
    const writing = vertex.part(`writing image ${expectedId(built)}`);
    const id = await built.commit(names, signal);
    writing.done();
    for (const name of names) vertex.part(`naming to ${shownName(name)}`).done();
    return new Map([
      ["containerimage.digest", id],
      ["containerimage.config.digest", id],
      ...(names.length === 0 ? [] : [["image.name", names.map(shownName).join(",")] as const]),
    ]);
  });
}

function expectedId({ state }: Built): string {
  return state.id ?? imageIdOf(imageConfigOf(state));
}

/** As Docker shows it: `:latest` is not said. */
function shownName(name: Reference): string {
  return formatReference(name).replace(/:latest$/, "");
}

async function exportArchive(
  { job, session }: ExportDeps,
  built: Built,
  exporter: Exporter,
  signal: AbortSignal,
): Promise<ReadonlyMap<string, string>> {
  const { type, attrs, index } = exporter;
  if (attrs.get("tar") === "false")
    throw new Fault("not-implemented", "cannot export to a folder: leave tar=false out to get an archive");
  const vertex = job.progress.vertex(`exporting to ${type} image format`);
  return await vertex.run(async () => {
    vertex.part("exporting layers").done();
    const { archive, descriptor } = await built.image(namesOf(exporter), signal);
    vertex.part(`exporting manifest ${descriptor.digest}`).done();
    vertex.part(`exporting config ${expectedId(built)}`).done();
    const sending = vertex.part("sending tarball");
    await sendArchive(await session(), index, archive, sending.moved, signal);
    sending.done();
    const text = Buffer.from(JSON.stringify(descriptor)).toString("base64");
    return new Map([
      ["containerimage.digest", descriptor.digest],
      ["containerimage.config.digest", expectedId(built)],
      ["containerimage.descriptor", text],
    ]);
  });
}

async function exportTar(
  { job, session }: ExportDeps,
  built: Built,
  { index }: Exporter,
  signal: AbortSignal,
): Promise<ReadonlyMap<string, string>> {
  const vertex = job.progress.vertex("exporting to client tarball");
  await vertex.run(async () => {
    const sending = vertex.part("sending tarball");
    await sendArchive(await session(), index, await built.files(signal), sending.moved, signal);
    sending.done();
  });
  return new Map();
}

async function exportLocal(
  { job, session, folder }: ExportDeps,
  built: Built,
  { index }: Exporter,
  signal: AbortSignal,
): Promise<ReadonlyMap<string, string>> {
  const vertex = job.progress.vertex("exporting to client directory");
  await vertex.run(async () => {
    const sending = vertex.part("copying files");
    await sendTree(await session(), index, await built.files(signal), folder, sending.moved, signal);
    sending.done();
  });
  return new Map();
}

export function isTrue(text: string | undefined): boolean {
  return text !== undefined && /^(1|t|true)$/i.test(text);
}

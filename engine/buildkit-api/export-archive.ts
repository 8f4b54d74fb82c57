import { Fault } from "#base/fault.ts";
import type { Outgoing } from "#engine/build/built.ts";
import { archiveOfExport } from "#engine/images/export-archive.ts";
import type { OutgoingBlob } from "#engine/images/image-export.ts";
import { type Artifact, artifactOf, isIndex } from "./artifact.ts";
import { ClientContent } from "./client-content.ts";
import type { Exporter, ExportDeps } from "./export.ts";
import { noLists, preparedImages, responseOf } from "./export-image.ts";
import { sendArchive } from "./file-send.ts";
import { flagOf, parseImageAttributes } from "./image-attributes.ts";
import type { Solved } from "./solved.ts";

/** By this name clients offer the folder of an output. */
const outputStore = "export";

/**
 * Sends an image to the client: as an archive, or with `tar=false` blob by blob into a folder with an OCI layout, whose index the
 * client writes.
 *
 * @throws {Fault} with what the client says
 */
export async function exportArchive(
  { job, session, hasInlineCache }: ExportDeps,
  solved: Solved,
  exporter: Exporter,
  signal: AbortSignal,
): Promise<ReadonlyMap<string, string>> {
  const { type, attrs, index } = exporter;
  const asked = parseImageAttributes(exporter, isIndex(solved));
  const { names } = asked;
  const { outgoing } = solved;
  const isDocker = type === "docker";
  if (isDocker && isIndex(solved)) throw new Fault("invalid", noLists);
  const isArchive = flagOf(attrs, "tar", true);
  const vertex = job.progress.vertex(`exporting to ${type} image format`);
  return await vertex.run(async () => {
    vertex.part("exporting layers").done();
    const images = await preparedImages({ hasInlineCache }, vertex, solved, asked, signal);
    const artifact = await artifactOf({ job, vertex }, solved, images, asked, signal);
    const { descriptor, image, manifests } = artifact;
    const blobs = [...artifact.blobs, ...manifests, descriptor];
    for (const blob of artifact.blobs) await outgoing.ensure(blob, signal);
    if (isArchive) {
      const sending = vertex.part("sending tarball");
      const read = (digest: OutgoingBlob["digest"]) => outgoing.read(digest, 0);
      const archived = { descriptor, blobs, image: isDocker ? image : undefined };
      const archive = archiveOfExport(archived, names, read);
      await sendArchive(await session(), index, archive, sending.moved, signal);
      sending.done();
    } else await sendBlobs(new ClientContent(await session(), outputStore), outgoing, blobs, signal);
    return responseOf(manifests.length === 0 ? image?.id : undefined, names, descriptor);
  });
}

async function sendBlobs(
  content: ClientContent,
  outgoing: Outgoing,
  blobs: Artifact["blobs"],
  signal: AbortSignal,
): Promise<void> {
  const unique = new Map(blobs.map((blob) => [blob.digest, blob]));
  for (const blob of unique.values())
    if (!(await content.has(blob, signal)))
      await content.write(blob, (offset) => outgoing.read(blob.digest, offset), signal);
}

import type { Built } from "#engine/build/built.ts";
import { archiveOfExport } from "#engine/images/export-archive.ts";
import type { ExportedImage, OutgoingBlob } from "#engine/images/image-export.ts";
import { ClientContent } from "./client-content.ts";
import type { Exporter, ExportDeps } from "./export.ts";
import { inlined, responseOf } from "./export-image.ts";
import { sendArchive } from "./file-send.ts";
import { exportOptions, flagOf, parseImageAttributes } from "./image-attributes.ts";

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
  plain: Built,
  exporter: Exporter,
  signal: AbortSignal,
): Promise<ReadonlyMap<string, string>> {
  const { type, attrs, index } = exporter;
  const { names } = parseImageAttributes(exporter);
  const options = exportOptions(attrs, type === "oci");
  const isArchive = flagOf(attrs, "tar", true);
  const vertex = job.progress.vertex(`exporting to ${type} image format`);
  return await vertex.run(async () => {
    vertex.part("exporting layers").done();
    const built = hasInlineCache ? inlined(vertex, plain) : plain;
    const exported = await built.export(options, signal);
    for (const layer of exported.layers) await built.outgoing.ensure(layer, signal);
    vertex.part(`exporting manifest ${exported.descriptor.digest}`).done();
    vertex.part(`exporting config ${exported.id}`).done();
    if (isArchive) {
      const sending = vertex.part("sending tarball");
      const read = (digest: OutgoingBlob["digest"]) => built.outgoing.read(digest, 0);
      const archive = archiveOfExport(exported, names, type === "docker", read);
      await sendArchive(await session(), index, archive, sending.moved, signal);
      sending.done();
    } else await sendBlobs(new ClientContent(await session(), outputStore), built, exported, signal);
    return responseOf(exported.id, names, exported);
  });
}

async function sendBlobs(
  content: ClientContent,
  { outgoing }: Built,
  { layers, config, descriptor }: ExportedImage,
  signal: AbortSignal,
): Promise<void> {
  const unique = new Map([...layers, config, descriptor].map((blob) => [blob.digest, blob]));
  for (const blob of unique.values())
    if (!(await content.has(blob, signal)))
      await content.write(blob, (offset) => outgoing.read(blob.digest, offset), signal);
}

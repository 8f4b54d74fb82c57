import { Fault } from "#base/fault.ts";
import type { Built } from "#engine/build/built.ts";
import type { ContentExchange } from "#engine/images/content-exchange.ts";
import { formatPlatform } from "#oci/platform.ts";
import { exportArchive } from "./export-archive.ts";
import { exportImage } from "./export-image.ts";
import { sendArchive, sendTree } from "./file-send.ts";
import { flagOf } from "./image-attributes.ts";
import type { Job } from "./jobs.ts";
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
  /** What there is of it is loaded with the first use. */
  readonly exchange: () => Promise<ContentExchange>;
  /** Whether images are to say how their layers came to be. */
  readonly hasInlineCache: boolean;
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
  { index, attrs }: Exporter,
  signal: AbortSignal,
): Promise<ReadonlyMap<string, string>> {
  const platform = flagOf(attrs, "platform-split", false) ? formatPlatform(built.state.image) : "";
  const vertex = job.progress.vertex("exporting to client directory");
  await vertex.run(async () => {
    const sending = vertex.part(`copying files ${platform}`.trimEnd());
    const tree = { archive: await built.files(signal), below: platform.replaceAll("/", "_") };
    await sendTree(await session(), index, tree, folder, sending.moved, signal);
    sending.done();
  });
  return new Map();
}

import { Fault } from "#base/fault.ts";
import type { ContentExchange } from "#engine/images/content-exchange.ts";
import { exportArchive } from "./export-archive.ts";
import { exportImage } from "./export-image.ts";
import { exportLocal, exportTar } from "./export-files.ts";
import type { Job } from "./jobs.ts";
import type { Session } from "./sessions.ts";
import type { Solved } from "./solved.ts";

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
  solved: Solved,
  exporter: Exporter,
  signal: AbortSignal,
): Promise<ReadonlyMap<string, string>> {
  switch (exporter.type) {
    case "moby":
    case "image":
      return await exportImage(deps, solved, exporter, signal);
    case "docker":
    case "oci":
      return await exportArchive(deps, solved, exporter, signal);
    case "tar":
      return await exportTar(deps, solved, exporter, signal);
    case "local":
      return await exportLocal(deps, solved, exporter, signal);
    default:
      throw new Fault(
        "not-found",
        `exporter ${JSON.stringify(exporter.type.slice(0, 200))} could not be found`,
      );
  }
}

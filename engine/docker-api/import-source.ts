import { Readable } from "node:stream";
import { Fault } from "#base/fault.ts";
import type { Progress } from "#engine/images/images.ts";
import { progressBar } from "#engine/images/progress-bar.ts";

const everyMs = 100;

/**
 * The archive that `docker import URL` means; how far it has come is told ten times a second, and at its end.
 *
 * @throws {Fault} `invalid` for what is no address, and as `openRemote` does
 */
export async function openImportSource(
  address: string,
  report: (progress: Progress) => void,
  signal: AbortSignal,
): Promise<Readable> {
  if (!URL.canParse(address)) throw new Fault("invalid", `parse ${JSON.stringify(address)}: invalid URL`);
  const { openRemote } = await import("#engine/build/remote/open-remote.ts");
  const answer = await openRemote(address, signal);
  report({ status: `Downloading from ${address}` });
  const total = Number(answer.headers["content-length"] ?? 0);
  return Readable.from(counted(answer, total, report), { objectMode: false });
}

async function* counted(
  archive: AsyncIterable<Buffer>,
  total: number,
  report: (progress: Progress) => void,
): AsyncGenerator<Buffer> {
  let current = 0;
  let toldAt = performance.now();
  const tell = () => {
    const progress = progressBar(current, total);
    report({ status: "Importing", progressDetail: { current, ...(total > 0 && { total }) }, progress });
  };
  for await (const piece of archive) {
    current += piece.length;
    yield piece;
    if (performance.now() - toldAt < everyMs) continue;
    toldAt = performance.now();
    tell();
  }
  tell();
}

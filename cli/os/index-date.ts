import { Fault } from "#base/fault.ts";
import type { Archive } from "../packages/archives.ts";
import { download } from "../packages/download.ts";
import { parseReleaseFile } from "../packages/release-file.ts";
import { verifySignedText } from "../packages/signed-text.ts";

const MAX_RELEASE_BYTES = 4 << 20;

/**
 * When the newest index of an archive's suites was made, in seconds since 1970: the same indexes give the same packages.
 *
 * @throws {Fault} `unavailable` for a mirror out of reach; `not-found` for a suite that it has not; `invalid` for an index that no
 *   known key has signed
 */
export async function newestIndexDate({ suites, keyrings }: Archive, signal: AbortSignal): Promise<number> {
  const dates: number[] = [];
  for (const { name, mirror } of suites) {
    const signed = await download(`${mirror}/dists/${name}/InRelease`, MAX_RELEASE_BYTES, signal);
    const verified = await verifySignedText(signed, keyrings, signal);
    if (!verified.isVerified) throw new Fault("invalid", `the index of ${name}: ${verified.reason}`);
    dates.push(parseReleaseFile(verified.text).date);
  }
  return Math.floor(Math.max(...dates) / 1000);
}

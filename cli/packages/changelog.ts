import { compareDebianVersions } from "./debian-version.ts";

/**
 * The CVEs that the entries of a Debian changelog name which are newer than `after` and no newer than `upTo`, sorted.
 *
 * @see Debian policy 4.7, section 4.4
 */
export function closedCves(changelog: string, after: string, upTo: string): readonly string[] {
  const found = new Set<string>();
  let counts = false;
  for (const line of changelog.split("\n")) {
    const [, version] = /^[a-z0-9][a-z0-9+.-]* \(([^() \t]+)\)/i.exec(line) ?? [];
    if (version !== undefined)
      counts = compareDebianVersions(after, version) < 0 && compareDebianVersions(version, upTo) <= 0;
    else if (counts) for (const [cve] of line.matchAll(/\bCVE-\d{4}-\d{4,7}\b/g)) found.add(cve);
  }
  return Array.from(found).sort(compareCves);
}

/** By year and number, not by text. */
function compareCves(left: string, right: string): number {
  const [one, other] = [left, right].map((cve) => cve.split("-").map(Number));
  return (one?.[1] ?? 0) - (other?.[1] ?? 0) || (one?.[2] ?? 0) - (other?.[2] ?? 0);
}

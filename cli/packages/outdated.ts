import type { Inventory, Package } from "#engine/sbom/package.ts";
import { type Archive, findArchive, type Mirrors } from "./archives.ts";
import { closedCves } from "./changelog.ts";
import { type ArchiveIndex, type Available, type IndexDeps, readArchive } from "./debian-index.ts";
import { compareDebianVersions } from "./debian-version.ts";
import { readChangelog } from "./package-changelog.ts";

/** A package that the distribution has a newer version of. */
export interface OutdatedPackage {
  readonly name: string;
  readonly installed: string;
  readonly available: string;
  readonly suite: string;
  /** What the newer versions' changelog says they close; undefined when it could not be read, or was not asked for. */
  readonly cves: readonly string[] | undefined;
}

/** How an image stands to its distribution today. */
export interface Freshness {
  /** `outdated`: some are known to be behind. `unknown`: none is, and something could not be asked. */
  readonly status: "current" | "outdated" | "unknown";
  readonly packages: readonly OutdatedPackage[];
  /** Packages that the distribution's index has, at some version. */
  readonly known: number;
  /** Packages that it does not have: of other archives, or made by somebody. */
  readonly foreign: readonly string[];
  /** Why this is not the whole truth. */
  readonly doubts: readonly string[];
}

export interface FreshnessDeps extends IndexDeps {
  readonly mirrors: Mirrors;
  readonly readsChangelogs: boolean;
}

/** Compares what an image has with what its distribution has today. Only of Debian's packages can anything be said. */
export async function freshnessOf(
  { distribution, packages, unread }: Inventory,
  architecture: string,
  deps: FreshnessDeps,
  signal: AbortSignal,
): Promise<Freshness> {
  const installed = packages.filter(({ kind }) => kind === "deb");
  const archive = distribution && findArchive(distribution, deps.mirrors);
  if (archive === undefined || installed.length === 0)
    return nothingKnown(
      archive === undefined
        ? `nothing is known of the archive of ${distribution?.prettyName ?? distribution?.id ?? "an image without os-release"}`
        : "no packages of the distribution's are in the image",
    );
  const index = await indexFor(archive, installed, architecture, deps, signal);
  const behind = behindIn(installed, index);
  const doubts = [...index.doubts, ...unread.map(({ path, reason }) => `not read: /${path}: ${reason}`)];
  return {
    status: behind.length > 0 ? "outdated" : doubts.length > 0 ? "unknown" : "current",
    packages: await withCves(behind, index, deps, signal),
    known: installed.filter(({ name }) => index.newest.has(name)).length,
    foreign: installed.filter(({ name }) => !index.newest.has(name)).map(({ name }) => name),
    doubts,
  };
}

function nothingKnown(doubt: string): Freshness {
  return { status: "unknown", packages: [], known: 0, foreign: [], doubts: [doubt] };
}

function indexFor(
  archive: Archive,
  installed: readonly Package[],
  architecture: string,
  deps: FreshnessDeps,
  signal: AbortSignal,
): Promise<ArchiveIndex> {
  const names = new Set(installed.map(({ name }) => name));
  const own = installed.find((one) => one.architecture !== undefined && one.architecture !== "all");
  return readArchive(archive, { names, architecture: own?.architecture ?? architecture }, deps, signal);
}

interface Behind {
  readonly installed: Package;
  readonly available: Available;
}

function behindIn(installed: readonly Package[], { newest }: ArchiveIndex): readonly Behind[] {
  return installed.flatMap((one) => {
    const available = newest.get(one.name);
    const isBehind = available !== undefined && compareDebianVersions(one.version, available.version) < 0;
    return isBehind ? [{ installed: one, available }] : [];
  });
}

/** Packages of one source have one changelog: the smallest that brings it is read for all. */
async function withCves(
  behind: readonly Behind[],
  { newest }: ArchiveIndex,
  deps: FreshnessDeps,
  signal: AbortSignal,
): Promise<readonly OutdatedPackage[]> {
  const changelogs = new Map<string, string | undefined>();
  if (deps.readsChangelogs)
    for (const [source, group] of Map.groupBy(behind, ({ available }) => available.source.name)) {
      const files = group.map(({ available }) => available);
      const sibling = newest.get(source);
      const known = sibling === undefined || files.includes(sibling) ? files : [...files, sibling];
      const bySize = known.toSorted((left, right) => left.file.size - right.file.size);
      for (const file of bySize.slice(0, 4)) {
        changelogs.set(source, await readChangelog(file, deps.cache, signal));
        if (changelogs.get(source) !== undefined) break;
      }
    }
  return behind.map(({ installed, available }) => {
    const changelog = changelogs.get(available.source.name);
    const from = installed.source?.version ?? installed.version;
    return {
      name: installed.name,
      installed: installed.version,
      available: available.version,
      suite: available.suite,
      cves: changelog === undefined ? undefined : closedCves(changelog, from, available.source.version),
    };
  });
}

import { gunzipSync } from "node:zlib";
import { collect } from "#base/collect.ts";
import { Fault, isFault, messageOf } from "#base/fault.ts";
import { parseParagraphs } from "#engine/sbom/control.ts";
import { outputOf } from "../bootstrap/run-program.ts";
import type { Archive, Suite } from "./archives.ts";
import { compareDebianVersions } from "./debian-version.ts";
import { download } from "./download.ts";
import type { IndexCache } from "./index-cache.ts";
import { parseReleaseFile, type ReleaseEntry, type ReleaseFile, stalenessOf } from "./release-file.ts";
import { verifySignedText } from "./signed-text.ts";

/** The newest version of a package in an archive. */
export interface Available {
  readonly name: string;
  readonly version: string;
  readonly source: { readonly name: string; readonly version: string };
  readonly suite: string;
  readonly file: { readonly url: string; readonly size: number; readonly hash: string };
}

/** What an archive has today. */
export interface ArchiveIndex {
  /** The newest of each package, by its name. Everything in it is signed for. */
  readonly newest: ReadonlyMap<string, Available>;
  /** Why it may not be the whole truth; empty when it is. */
  readonly doubts: readonly string[];
}

export interface IndexDeps {
  readonly cache: IndexCache;
  /** Milliseconds since 1970. */
  readonly now: number;
}

const MAX_RELEASE_BYTES = 4 << 20;
const MAX_INDEX_BYTES = 512 << 20;

/**
 * Looks packages up in all suites of an archive. An index that cannot be fetched, is not signed by a known key, or says nothing about
 * today, is a doubt and not a failure.
 */
export async function readArchive(
  archive: Archive,
  wanted: { readonly names: ReadonlySet<string>; readonly architecture: string },
  deps: IndexDeps,
  signal: AbortSignal,
): Promise<ArchiveIndex> {
  const newest = new Map<string, Available>();
  const doubts: string[] = [];
  const releases: (readonly [Suite, ReleaseFile])[] = [];
  for (const suite of archive.suites) {
    const release = await tryRelease(suite, archive, deps, signal);
    if (typeof release === "string") doubts.push(release);
    else {
      releases.push([suite, release]);
      const why = stalenessOf(release, suite.isSecurity, deps.now);
      if (why !== undefined) doubts.push(`the index of ${suite.name} is stale: ${why}`);
    }
  }
  for (const component of archive.components) {
    // Most images have packages of the first component alone.
    if (Array.from(wanted.names).every((name) => newest.has(name))) break;
    for (const [suite, release] of releases)
      try {
        const text = await packagesOf(suite, release, component, wanted.architecture, deps, signal);
        for (const found of candidatesIn(text, wanted.names, suite)) keepNewer(newest, found);
      } catch (error) {
        if (!isFault(error)) throw error;
        doubts.push(`the packages of ${suite.name} ${component}: ${messageOf(error)}`);
      }
  }
  return { newest, doubts };
}

/** A text says why there is none to be believed. */
async function tryRelease(
  suite: Suite,
  { keyrings }: Archive,
  { now }: IndexDeps,
  signal: AbortSignal,
): Promise<ReleaseFile | string> {
  try {
    const signed = await download(`${suite.mirror}/dists/${suite.name}/InRelease`, MAX_RELEASE_BYTES, signal);
    const verified = await verifySignedText(signed, keyrings, signal);
    if (!verified.isVerified) return `the index of ${suite.name}: ${verified.reason}`;
    const release = parseReleaseFile(verified.text);
    return isOf(release, suite) ? release : `the index of ${suite.name} is that of ${release.suite}`;
  } catch (error) {
    if (!isFault(error)) throw error;
    return `no index of ${suite.name} at ${new Date(now).toISOString()}: ${messageOf(error)}`;
  }
}

/** The same key signs all suites: without this one could stand for another. Ubuntu's have one code name. */
function isOf({ codename, suite }: ReleaseFile, { name }: Suite): boolean {
  return suite === name || (codename === name && !suite.startsWith(`${codename}-`));
}

async function packagesOf(
  suite: Suite,
  release: ReleaseFile,
  component: string,
  architecture: string,
  { cache }: IndexDeps,
  signal: AbortSignal,
): Promise<string> {
  const path = `${component}/binary-${architecture}/Packages`;
  const plain = release.entries.get(path);
  const packed = ["gz", "xz"].map((ending) => release.entries.get(`${path}.${ending}`)).find(Boolean);
  if (packed === undefined) return "";
  const hashed = `${path.slice(0, path.lastIndexOf("/"))}/by-hash/SHA256/${packed.hash}`;
  const url = `${suite.mirror}/dists/${suite.name}/${release.hasByHash ? hashed : packed.path}`;
  const bytes = await cache.get(url, packed, signal);
  return (
    await unpack(bytes, packed, Math.min(plain?.size ?? MAX_INDEX_BYTES, MAX_INDEX_BYTES), signal)
  ).toString("utf8");
}

async function unpack(
  bytes: Buffer,
  { path }: ReleaseEntry,
  maxBytes: number,
  signal: AbortSignal,
): Promise<Buffer> {
  if (path.endsWith(".gz")) return gunzipSync(bytes, { maxOutputLength: Math.max(maxBytes, 1) });
  const tooLarge = () => new Fault("invalid", `${path} is larger than it says`);
  return Buffer.concat(await collect(outputOf(["xz", "-dc"], { input: bytes, signal }), maxBytes, tooLarge));
}

/** The name is a paragraph's first field: all but the wanted ones are passed over without being read. */
function* candidatesIn(text: string, names: ReadonlySet<string>, suite: Suite): Generator<Available> {
  const start = "Package: ";
  for (let at = text.startsWith(start) ? 0 : -1; at >= 0; ) {
    const next = text.indexOf(`\n\n${start}`, at);
    const name = text.slice(at + start.length, text.indexOf("\n", at));
    if (names.has(name)) {
      const [fields] = parseParagraphs(text.slice(at, next < 0 ? text.length : next));
      const found = fields && availableOf(fields, suite);
      if (found !== undefined) yield found;
    }
    at = next < 0 ? -1 : next + 2;
  }
}

function availableOf(
  fields: ReadonlyMap<string, string>,
  { name: suite, mirror }: Suite,
): Available | undefined {
  const [name, version, filename, size, hash] = ["package", "version", "filename", "size", "sha256"].map(
    (field) => fields.get(field),
  );
  if (name === undefined || version === undefined || filename === undefined || hash === undefined)
    return undefined;
  const [, source = name, sourceVersion = version] =
    /^(\S+)(?:\s+\((\S+)\))?/.exec(fields.get("source") ?? "") ?? [];
  return {
    name,
    version,
    source: { name: source, version: sourceVersion },
    suite,
    file: { url: `${mirror}/${filename}`, size: Number(size), hash },
  };
}

function keepNewer(newest: Map<string, Available>, found: Available): void {
  const known = newest.get(found.name);
  if (known === undefined || compareDebianVersions(known.version, found.version) < 0)
    newest.set(found.name, found);
}

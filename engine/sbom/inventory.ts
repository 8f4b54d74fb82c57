import { Buffer } from "node:buffer";
import { bytesOfText, type ByteText } from "#oci/tar/entry.ts";
import { isFault } from "#base/fault.ts";
import { parseApkDatabase } from "./apk.ts";
import { type DebPackage, parseCopyright, parseDpkgStatus } from "./dpkg.ts";
import { parseGoBuildInfo } from "./go-build-info.ts";
import { parsePackageJson, parsePythonMetadata } from "./language-packages.ts";
import { type Evidence, LayerFiles } from "./layer-files.ts";
import type { Licence } from "./licence.ts";
import { parseOsRelease } from "./os-release.ts";
import type { Inventory, Package } from "./package.ts";
import { parseRpmDatabase } from "./rpm.ts";

type Bare = Omit<Package, "path" | "layer">;

const MAX_PACKAGES = 100_000;

/**
 * What an image contains, from its layers, base first, as plain tar streams. The image is not unpacked, nothing of it is run, and no
 * path of it is opened.
 *
 * @throws {Fault} `invalid` for a layer that is no tar archive, or describes more than any image has
 */
export async function takeInventory(
  layers: Iterable<AsyncIterable<Uint8Array>>,
  signal: AbortSignal,
): Promise<Inventory> {
  const files = new LayerFiles();
  for (const layer of layers) await files.addLayer(layer, signal);
  return inventoryOf(files);
}

function inventoryOf(files: LayerFiles): Inventory {
  const packages = new Map<string, Package>();
  const unread: { readonly path: string; readonly reason: string }[] = [];
  for (const [path, evidence] of files.entries()) {
    const shown = textOf(path);
    const reason = reasonToSkip(evidence);
    if (reason !== undefined) unread.push({ path: shown, reason });
    else
      try {
        for (const found of packagesIn(files, evidence)) {
          if (packages.size >= MAX_PACKAGES) break;
          const item = { ...found, path: shown, layer: evidence.layer };
          packages.set(sortKey(item, isFiled(item)), item);
        }
      } catch (error) {
        if (!isFault(error, "invalid")) throw error;
        unread.push({ path: shown, reason: error.message });
      }
  }
  if (packages.size >= MAX_PACKAGES)
    unread.push({ path: "", reason: `only the first ${MAX_PACKAGES} packages are listed` });
  const release = files.find("etc/os-release") ?? files.find("usr/lib/os-release");
  return {
    distribution: release && parseOsRelease(utf8(release.bytes)),
    packages: Array.from(packages)
      .sort(([left], [right]) => (left < right ? -1 : 1))
      .map(([, found]) => found),
    unread,
  };
}

function reasonToSkip({ kind, isTooLarge }: Evidence): string | undefined {
  if (kind === "unread-rpm") return "databases of RPM before 4.16 (Berkeley DB, NDB) are not read";
  return isTooLarge ? "larger than any file of its kind should be" : undefined;
}

function* packagesIn(files: LayerFiles, { kind, bytes }: Evidence): Generator<Bare> {
  switch (kind) {
    case "dpkg":
      for (const found of parseDpkgStatus(utf8(bytes)))
        yield { ...found, licences: licencesOf(files, found) };
      return;
    case "apk":
      return yield* parseApkDatabase(utf8(bytes));
    case "rpm":
      return yield* parseRpmDatabase(bytes);
    case "go":
      return yield* parseGoBuildInfo(bytes);
    case "npm":
    case "python": {
      const found = kind === "npm" ? parsePackageJson(bytes) : parsePythonMetadata(utf8(bytes));
      if (found !== undefined) yield found;
      return;
    }
    case "copyright":
    case "os-release":
    case "unread-rpm":
      return;
    default:
      return kind satisfies never;
  }
}

function licencesOf(files: LayerFiles, { name, source }: DebPackage): readonly Licence[] {
  const texts = [name, source?.name ?? name].map((one) => `usr/share/doc/${one}/copyright`);
  const [found] = texts.map((path) => files.find(path)).filter((evidence) => evidence !== undefined);
  return found === undefined ? [] : parseCopyright(utf8(found.bytes));
}

/** Packages of a distribution are listed once; the others at every place where they lie. */
function isFiled({ kind }: Package): boolean {
  return kind === "deb" || kind === "apk" || kind === "rpm";
}

function sortKey({ kind, name, version, architecture = "", path }: Package, isOnce: boolean): string {
  return [kind, name, version, architecture, ...(isOnce ? [] : [path])].join("\0");
}

function utf8(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes);
}

function textOf(path: ByteText): string {
  return Buffer.from(bytesOfText(path)).toString("utf8");
}

import type { Package, PackageFile } from "./deb.ts";
import { type LayerEntry, layerEntry, sortEntries } from "./layer.ts";
import type { Recipe } from "./recipes.ts";

const mergedFolders = ["bin", "lib", "lib64", "sbin"];
const authorities = "usr/share/ca-certificates/";

/** Folders of every image with their modes. */
const folders: Readonly<Record<string, number>> = {
  dev: 0o755,
  etc: 0o755,
  home: 0o755,
  proc: 0o555,
  root: 0o700,
  run: 0o755,
  sys: 0o555,
  tmp: 0o1777,
  usr: 0o755,
  "usr/local/bin": 0o755,
  "var/lib": 0o755,
  "var/log": 0o755,
  "var/tmp": 0o1777,
};

/** The copyright files that packages owe, and the links that stand in for a folder of them. */
export function isCopyright(path: string): boolean {
  return /^usr\/share\/doc\/[^/]+(\/copyright)?$/.test(path);
}

/**
 * The image's files, sorted. No time is later than `seconds`, and what no package says (folders, files of our own) has that
 * one: so the same packages give the same bytes.
 */
export function composeEntries(
  recipe: Recipe,
  packages: readonly Package[],
  more: readonly LayerEntry[],
  seconds: number,
): readonly LayerEntry[] {
  const entries = new Map<string, LayerEntry>();
  const put = (entry: LayerEntry) => entries.set(entry.header.path, entry);
  for (const { files } of packages)
    for (const file of files) if (!file.path.startsWith(authorities)) put(entryOf(recipe, file, seconds));
  for (const entry of [...dpkgFiles(packages, seconds), ...recipe.own(seconds), ...more]) put(entry);
  const bundle = bundleOf(packages.flatMap(({ files }) => files));
  if (bundle.length > 0) put(layerEntry("etc/ssl/certs/ca-certificates.crt", seconds, { bytes: bundle }));
  if (recipe.isMerged) {
    for (const name of mergedFolders) {
      put(layerEntry(name, seconds, { type: "symlink", target: `usr/${name}` }));
      putFolder(entries, `usr/${name}`, 0o755, seconds);
    }
  }
  for (const [path, mode] of Object.entries(folders)) putFolder(entries, path, mode, seconds);
  putFolder(entries, "home/nonroot", 0o700, seconds, 65532);
  for (const path of entries.keys()) putParents(entries, path, seconds);
  return sortEntries(entries.values());
}

function entryOf(recipe: Recipe, file: PackageFile, seconds: number): LayerEntry {
  const { header, bytes } = file;
  const [top = ""] = file.path.split("/", 1);
  const path = recipe.isMerged && mergedFolders.includes(top) ? `usr/${file.path}` : file.path;
  const mtime = { seconds: Math.min(header.mtime.seconds, seconds), nanoseconds: 0 };
  return { header: { ...header, path, mtime, size: bytes.length }, content: () => bytes };
}

/** For scanners: a paragraph for each package that gave something, where images without dpkg have it. */
function dpkgFiles(packages: readonly Package[], seconds: number): readonly LayerEntry[] {
  return packages.map(({ name, control }) =>
    layerEntry(`var/lib/dpkg/status.d/${name}`, seconds, { bytes: Buffer.from(control) }),
  );
}

/** All certificates in one file, in the order of their names, as update-ca-certificates makes it. */
function bundleOf(files: readonly PackageFile[]): Uint8Array {
  const found = files.filter(({ path }) => path.startsWith(authorities));
  found.sort((a, b) => (a.path < b.path ? -1 : 1));
  const lineBreak = Buffer.from("\n");
  return Buffer.concat(found.flatMap(({ bytes }) => (bytes.at(-1) === 10 ? [bytes] : [bytes, lineBreak])));
}

function putFolder(
  entries: Map<string, LayerEntry>,
  path: string,
  mode: number,
  seconds: number,
  owner = 0,
): void {
  entries.set(path, layerEntry(path, seconds, { type: "directory", mode, uid: owner, gid: owner }));
}

function putParents(entries: Map<string, LayerEntry>, path: string, seconds: number): void {
  const slash = path.lastIndexOf("/");
  if (slash < 0) return;
  const parent = path.slice(0, slash);
  if (!entries.has(parent)) putFolder(entries, parent, 0o755, seconds);
  putParents(entries, parent, seconds);
}

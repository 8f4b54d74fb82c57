import { lstatSync, readdirSync, readFileSync, readlinkSync, statSync } from "node:fs";
import { join } from "node:path";
import type { ImageRuntimeConfig } from "#oci/image-config.ts";
import { type ImageContent, type LayerEntry, layerEntry, pathText, sortEntries } from "./layer.ts";
import { ensureInstalled } from "./packages.ts";
import { runProgram } from "./run-program.ts";

/** The one image that is a whole system with its package manager. */
export const debian: {
  readonly reference: string;
  readonly summary: string;
  readonly config: ImageRuntimeConfig;
} = {
  reference: "debian:bookworm",
  summary: "Debian 12 with apt and the packages that it calls required",
  config: {
    Env: ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"],
    Cmd: ["bash"],
    WorkingDir: "/",
  },
};

/** Dates that end up inside files (shadow's days) come from here: a fixed one, the day Debian 12 came out. */
const dateInside = 1_686_355_200;

/**
 * What differs from machine to machine or from run to run: the host's own name and resolver, backups of debconf's database,
 * logs. Device nodes are the engine's business.
 */
const unwanted =
  /^(dev\/.*|etc\/(hostname|resolv\.conf)|run\/(?!lock$).*|tmp\/.*|var\/cache\/(debconf\/.*-old|ldconfig\/.*)|var\/lib\/dpkg\/.*-old|var\/log\/.*\.log)$/;

/** Packages must not start services while nothing runs that could stop them. */
const policy = "#!/bin/sh\nexit 101\n";

/**
 * The tree is made with a merged /usr from the start. The package that merges one later, and brings all of perl for it, is kept
 * out while packages are chosen; a preference that stayed would bind the image's users.
 */
const preference = '"$1"/etc/apt/preferences.d/bootstrap';
const mmdebstrap = [
  "mmdebstrap",
  "--variant=minbase",
  "--hook-dir=/usr/share/mmdebstrap/hooks/merged-usr",
  `--setup-hook=printf 'Package: usrmerge\\nPin: release *\\nPin-Priority: -1\\n' >${preference}`,
  `--customize-hook=rm ${preference}`,
  "--mode=root",
  "--quiet",
] as const;

/**
 * Installs Debian into a folder, in a mount namespace of its own so that a kill leaves no mount behind, and lists its files.
 * The time is that of the newest changelog unless `sourceDate` says another.
 */
export async function debianTree(
  tree: string,
  sourceDate: number | undefined,
  signal: AbortSignal,
): Promise<ImageContent> {
  await ensureInstalled(["mmdebstrap"], signal);
  await runProgram(["unshare", "--mount", "--propagation", "private", ...mmdebstrap, "bookworm", tree], {
    env: { ...process.env, SOURCE_DATE_EPOCH: String(dateInside) },
    signal,
  });
  const seconds = sourceDate ?? newestChangelog(tree);
  const policyFile = layerEntry("usr/sbin/policy-rc.d", seconds, { mode: 0o755, bytes: Buffer.from(policy) });
  return { entries: sortEntries([...listTree(tree, seconds), policyFile]), seconds };
}

/** Builds give a changelog the time of its newest entry. */
function newestChangelog(tree: string): number {
  const docs = join(tree, "usr/share/doc");
  let newest = 0;
  for (const name of readdirSync(docs)) {
    const file = join(docs, name, "changelog.Debian.gz");
    newest = Math.max(newest, Math.floor((statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? 0) / 1000));
  }
  return newest;
}

/** Every entry below a folder. Files of several names become links to the first of them, by order of bytes. */
export function listTree(tree: string, latest: number): readonly LayerEntry[] {
  const entries: LayerEntry[] = [];
  const firstOf = new Map<string, string>();
  const visit = (folder: string): void => {
    const names = readdirSync(join(tree, folder)).sort((a, b) =>
      Buffer.compare(Buffer.from(a), Buffer.from(b)),
    );
    for (const name of names) {
      const path = folder === "" ? name : `${folder}/${name}`;
      if (unwanted.test(path)) continue;
      const entry = treeEntry(tree, path, latest, firstOf);
      entries.push(entry);
      if (entry.header.type === "directory") visit(path);
    }
  };
  visit("");
  return entries;
}

function treeEntry(tree: string, path: string, latest: number, firstOf: Map<string, string>): LayerEntry {
  const full = join(tree, path);
  const stat = lstatSync(full);
  const seconds = Math.min(Math.floor(stat.mtimeMs / 1000), latest);
  const owner = { uid: stat.uid, gid: stat.gid, mode: stat.mode & 0o7777 };
  if (stat.isDirectory()) return layerEntry(path, seconds, { ...owner, type: "directory" });
  if (stat.isSymbolicLink())
    return layerEntry(path, seconds, { ...owner, type: "symlink", target: readlinkSync(full) });
  const first = stat.nlink > 1 ? firstOf.get(String(stat.ino)) : undefined;
  if (first !== undefined) return layerEntry(path, seconds, { ...owner, type: "link", target: first });
  firstOf.set(String(stat.ino), path);
  const { header } = layerEntry(path, seconds, owner);
  return { header: { ...header, path: pathText(path), size: stat.size }, content: () => readFileSync(full) };
}

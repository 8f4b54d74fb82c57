import { createHash, type Hash } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { TarReader } from "#oci/tar/reader.ts";
import type { TarEntry } from "#oci/tar/entry.ts";
import { makeArchive } from "../support/busybox-image.ts";
import { buildahBuilder, type BuiltImage, dockerBuilder, type SuiteBuilder } from "./builders.ts";
import { findBuildahReason } from "./buildah-differences.ts";
import { type BuildCase, buildCases } from "./cases.ts";
import { makeContext } from "./context.ts";

// Builds every Dockerfile of the suite with two builders by their own command lines, and compares exit codes, configs and file trees:
//   node test/build/compare.ts unix:///…/dockerd.sock unix:///…/gantry.sock [--classic|--buildkit] [words of names]
//   node test/build/compare.ts buildah unix:///…/gantry.sock [words of names]
// Dockerfiles that need BuildKit are built with it by the first daemon, by the classic API by the second, and not at all with
// --classic; with --buildkit, or beside buildah, all of them are by both.

interface Outcome {
  readonly code: number;
  readonly config: string;
  readonly tree: ReadonlyMap<string, string>;
  readonly output: string;
}

const [peer = "", ours = "", ...options] = process.argv.slice(2);
const isBuildah = peer === "buildah";
const isBuildKit = isBuildah || options.includes("--buildkit");
const isClassic = options.includes("--classic");
const words = options.filter((option) => !option.startsWith("--"));
const folder = mkdtempSync(join(tmpdir(), "gantry-build-suite-"));
makeContext(folder);

async function outcome(builder: SuiteBuilder, built: BuildCase): Promise<Outcome> {
  const file = join(folder, "..", `${folder.split("/").at(-1)}.dockerfile`);
  writeFileSync(file, built.dockerfile);
  const { code, output } = builder.build(built, file, folder);
  rmSync(file);
  if (code !== 0) return { code, config: "", tree: new Map(), output };
  return await builder.with(async (image) => ({
    code,
    config: normal(image),
    tree: await treeOf(image.archive),
    output,
  }));
}

/** Without what is empty, keys in order: only one of the two writes empty fields. */
function normal(image: BuiltImage): string {
  const isEmpty = (value: unknown) =>
    value === null ||
    value === undefined ||
    value === "" ||
    value === false ||
    (typeof value === "object" && Object.keys(value).length === 0);
  const clean = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(clean);
    if (typeof value !== "object" || value === null) return value;
    const entries = Object.entries(value).filter(([, each]) => !isEmpty(each));
    return Object.fromEntries(
      entries.sort(([a], [b]) => (a < b ? -1 : 1)).map(([key, each]) => [key, clean(each)]),
    );
  };
  const { Hostname: _, Image: __, ...config } = image.config as Record<string, unknown>;
  // Only BuildKit writes these.
  const isRoot = config["WorkingDir"] === "/";
  const ignored = isBuildah ? { ArgsEscaped: undefined, ...(isRoot && { WorkingDir: undefined }) } : {};
  return JSON.stringify(
    clean({ config: { ...config, ...ignored }, author: image.author, architecture: image.architecture }),
  );
}

const madeByEngines = /^(dev|proc|sys|\.dockerenv|etc$|etc\/(hosts|hostname|resolv\.conf|mtab))(\/|$)/;

/** Folders that things were mounted on stay in buildah's layers. */
const leftByBuildah = /^(run|m)$/;

/** Every path with its kind, mode, owner, link and content. */
async function treeOf(archive: AsyncIterable<Uint8Array>): Promise<ReadonlyMap<string, string>> {
  const tree = new Map<string, string>();
  const links = new Map<string, string>();
  let current: { readonly entry: TarEntry; readonly hash: Hash } | undefined;
  const reader = new TarReader({
    entry: (entry) => {
      current = { entry, hash: createHash("sha256") };
    },
    data: (bytes) => void current?.hash.update(bytes),
    endEntry: () => {
      if (current === undefined) return;
      const { entry, hash } = current;
      const path = entry.path.replace(/^\.?\//, "").replace(/\/$/, "");
      if (path === "" || madeByEngines.test(path)) return;
      if (entry.type === "link") links.set(path, (entry.linkPath ?? "").replace(/^\.?\//, ""));
      const xattrs = [...(entry.xattrs ?? [])].map(([name]) => name).join(",");
      const fields = [
        entry.type,
        entry.mode.toString(8),
        `${entry.uid}:${entry.gid}`,
        entry.linkPath,
        xattrs,
      ];
      tree.set(path, [...fields, entry.type === "file" ? hash.digest("hex").slice(0, 12) : ""].join(" "));
    },
  });
  for await (const chunk of archive) reader.write(Buffer.from(chunk));
  reader.end();
  return withLinks(tree, links);
}

/** Which of the names of a file an archive calls the first does not matter. */
function withLinks(
  tree: Map<string, string>,
  links: ReadonlyMap<string, string>,
): ReadonlyMap<string, string> {
  for (const target of new Set(links.values())) {
    const names = [target, ...[...links].filter(([, to]) => to === target).map(([name]) => name)].sort();
    const value = `${tree.get(target) ?? ""} = ${names.join(" = ")}`;
    for (const name of names) tree.set(name, value);
  }
  return tree;
}

function differences(theirs: Outcome, own: Outcome): readonly string[] {
  const found: string[] = [];
  const isSame = isBuildah ? (theirs.code === 0) === (own.code === 0) : theirs.code === own.code;
  if (!isSame) found.push(`exit code ${theirs.code} / ${own.code}`);
  if (theirs.code !== 0 || own.code !== 0) {
    const last = (text: string) => text.trim().split("\n").at(-1) ?? "";
    if (found.length > 0) found.push(`  ${last(theirs.output)}\n  ${last(own.output)}`);
    return found;
  }
  if (theirs.config !== own.config) found.push(`config\n  ${theirs.config}\n  ${own.config}`);
  for (const path of new Set([...theirs.tree.keys(), ...own.tree.keys()].sort()))
    if (theirs.tree.get(path) !== own.tree.get(path) && !(isBuildah && leftByBuildah.test(path)))
      found.push(`${path}: ${theirs.tree.get(path) ?? "-"} / ${own.tree.get(path) ?? "-"}`);
  return found;
}

/** Why the two may differ; undefined when they may not. */
function reasonOf(built: BuildCase, { output }: Outcome): string | undefined {
  return isBuildah ? findBuildahReason(built.name, output) : built.differs;
}

const archive = makeArchive(mkdtempSync(join(folder, "..", "gantry-suite-base-")), "base:latest", {});
using theirBuilder = isBuildah
  ? buildahBuilder()
  : dockerBuilder(peer, ({ needs }) => isBuildKit || needs === "buildkit");
using ownBuilder = dockerBuilder(ours, () => isBuildKit);
for (const builder of [theirBuilder, ownBuilder]) builder.loadBase(archive);
rmSync(join(archive, ".."), { recursive: true });
let same = 0;
let listed = 0;
let bad = 0;
for (const each of buildCases) {
  if (isClassic && each.needs !== "classic") continue;
  if (words.length > 0 && !words.some((word) => each.name.includes(word))) continue;
  const [theirs, own] = [await outcome(theirBuilder, each), await outcome(ownBuilder, each)];
  const found = differences(theirs, own);
  const reason = reasonOf(each, theirs);
  if (found.length === 0) same += 1;
  else if (reason === undefined) bad += 1;
  else listed += 1;
  if (found.length > 0)
    process.stdout.write(
      `${reason === undefined ? "DIFFERS" : "listed"} ${each.name}${reason === undefined ? "" : ` (${reason})`}\n  ${found.join("\n  ")}\n`,
    );
  if (words.length > 0) process.stdout.write(`--- ${each.name}\n${theirs.output}\n---\n${own.output}\n`);
}
rmSync(folder, { recursive: true });
process.stdout.write(`${same} the same, ${listed} listed, ${bad} differ\n`);
process.exitCode = bad > 0 ? 1 : 0;

import { spawn, spawnSync } from "node:child_process";
import { createHash, type Hash } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { TarReader } from "#oci/tar/reader.ts";
import type { TarEntry } from "#oci/tar/entry.ts";
import { makeArchive } from "../support/busybox-image.ts";
import { type BuildCase, buildCases } from "./cases.ts";
import { makeContext } from "./context.ts";

// Builds every Dockerfile of the suite on two daemons by the real CLI, and compares exit codes, configs and file trees:
//   node test/build/compare.ts unix:///…/dockerd.sock unix:///…/gantry.sock [--buildkit] [words of names]
// Dockerfiles that need BuildKit are built with it by the first daemon, by the classic API by the second; with --buildkit, all of
// them are by both.

interface Outcome {
  readonly code: number;
  readonly config: string;
  readonly tree: ReadonlyMap<string, string>;
  readonly output: string;
}

const [peer = "", ours = "", ...options] = process.argv.slice(2);
const isBuildKit = options.includes("--buildkit");
const words = options.filter((option) => option !== "--buildkit");
const folder = mkdtempSync(join(tmpdir(), "gantry-build-suite-"));
makeContext(folder);

function docker(host: string, args: readonly string[], env: Record<string, string> = {}) {
  const done = spawnSync("docker", ["-H", host, ...args], {
    encoding: "utf8",
    env: { ...process.env, ...env },
    maxBuffer: 1 << 26,
  });
  return { code: done.status ?? -1, output: `${done.stdout}${done.stderr}`, stdout: done.stdout };
}

async function outcome(
  host: string,
  { dockerfile, flags = [], needs }: BuildCase,
  isPeer: boolean,
): Promise<Outcome> {
  const file = join(folder, "..", `${folder.split("/").at(-1)}.dockerfile`);
  writeFileSync(file, dockerfile);
  const env = {
    DOCKER_BUILDKIT: isBuildKit || (isPeer && needs === "buildkit") ? "1" : "0",
    BUILDX_NO_DEFAULT_ATTESTATIONS: "1",
  };
  const built = docker(host, ["build", "--no-cache", "-t", "suite:now", "-f", file, ...flags, folder], env);
  rmSync(file);
  if (built.code !== 0) return { code: built.code, config: "", tree: new Map(), output: built.output };
  const inspected = docker(host, ["inspect", "--type=image", "suite:now"]);
  const [image] = JSON.parse(inspected.stdout) as { Config: object; Author: string; Architecture: string }[];
  const made = docker(host, ["create", "suite:now", "x"]);
  const id = made.stdout.trim();
  try {
    return { code: 0, config: normal(image), tree: await treeOf(host, id), output: built.output };
  } finally {
    docker(host, ["rm", "-f", "-v", id]);
    docker(host, ["rmi", "-f", "suite:now"]);
  }
}

/** Without what is empty, keys in order: only one of the two writes empty fields. */
function normal(image: { Config: object; Author: string; Architecture: string } | undefined): string {
  const isEmpty = (value: unknown) =>
    value === null ||
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
  const { Hostname: _, Image: __, ...config } = (image?.Config ?? {}) as Record<string, unknown>;
  return JSON.stringify(clean({ config, author: image?.Author, architecture: image?.Architecture }));
}

const madeByEngines = /^(dev|proc|sys|\.dockerenv|etc$|etc\/(hosts|hostname|resolv\.conf|mtab))(\/|$)/;

/** Every path with its kind, mode, owner, link and content. */
async function treeOf(host: string, id: string): Promise<ReadonlyMap<string, string>> {
  const child = spawn("docker", ["-H", host, "export", id], { stdio: ["ignore", "pipe", "inherit"] });
  const tree = new Map<string, string>();
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
  for await (const chunk of child.stdout) reader.write(chunk as Buffer);
  reader.end();
  return tree;
}

function differences(theirs: Outcome, own: Outcome): readonly string[] {
  const found: string[] = [];
  if (theirs.code !== own.code) found.push(`exit code ${theirs.code} / ${own.code}`);
  if (theirs.code !== 0 || own.code !== 0) {
    const last = (text: string) => text.trim().split("\n").at(-1) ?? "";
    if (found.length > 0) found.push(`  ${last(theirs.output)}\n  ${last(own.output)}`);
    return found;
  }
  if (theirs.config !== own.config) found.push(`config\n  ${theirs.config}\n  ${own.config}`);
  for (const path of new Set([...theirs.tree.keys(), ...own.tree.keys()].sort()))
    if (theirs.tree.get(path) !== own.tree.get(path))
      found.push(`${path}: ${theirs.tree.get(path) ?? "-"} / ${own.tree.get(path) ?? "-"}`);
  return found;
}

const archive = makeArchive(mkdtempSync(join(folder, "..", "gantry-suite-base-")), "base:latest", {});
for (const host of [peer, ours]) docker(host, ["load", "-i", archive]);
rmSync(join(archive, ".."), { recursive: true });
let same = 0;
let bad = 0;
for (const each of buildCases) {
  if (words.length > 0 && !words.some((word) => each.name.includes(word))) continue;
  const [theirs, own] = [await outcome(peer, each, true), await outcome(ours, each, false)];
  const found = differences(theirs, own);
  if (found.length === 0) same += 1;
  else if (each.differs === undefined) bad += 1;
  if (found.length > 0)
    process.stdout.write(
      `${each.differs === undefined ? "DIFFERS" : "listed"} ${each.name}${each.differs === undefined ? "" : ` (${each.differs})`}\n  ${found.join("\n  ")}\n`,
    );
  if (words.length > 0) process.stdout.write(`--- ${each.name}\n${theirs.output}\n---\n${own.output}\n`);
}
rmSync(folder, { recursive: true });
process.stdout.write(`${same} the same, ${bad} differ\n`);
process.exitCode = bad > 0 ? 1 : 0;

import { readdirSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { Fault } from "#base/fault.ts";
import type { Archive } from "../packages/archives.ts";
import { ensureInstalled } from "../bootstrap/packages.ts";
import { runProgram } from "../bootstrap/run-program.ts";
import { basePackages, keptIn, kernelPackage, leftOut, readPackages } from "./recipes.ts";

export interface DebianTree {
  readonly suite: string;
  readonly archive: Archive;
  readonly packages: readonly string[];
  /** Seconds since 1970, for what maintainer scripts write. */
  readonly seconds: number;
}

/** Where packages lie that are read and not installed. */
export const archiveFolder = "var/cache/gantry-os";

/** Finds the package of the newest kernel and fetches it with the others; apt in the tree verifies them. */
const fetchScript = [
  `kernel=$(apt-cache depends ${kernelPackage} | sed -n 's/^ *Depends: \\(linux-image-[0-9].*\\)/\\1/p')`,
  `mkdir -p /${archiveFolder}`,
  `cd /${archiveFolder}`,
  `apt-get -qq -o APT::Sandbox::User=root download "$kernel" ${readPackages.join(" ")}`,
].join(" && ");

const inMemory = [
  "set -o pipefail",
  'mount -t tmpfs -o mode=755 none "$0"',
  "tree=$1",
  "shift",
  'TMPDIR="$0" "$@" | tar -x -p --xattrs --xattrs-include=* -C "$tree"',
].join("; ");

/**
 * Installs packages into a folder. They are installed in memory, in a mount namespace of its own: dpkg and its scripts wait for the
 * disk after every step, and a kill leaves no mount behind.
 *
 * @throws {Fault} `internal` with what mmdebstrap said
 */
export async function installTree(tree: string, wanted: DebianTree, signal: AbortSignal): Promise<void> {
  await ensureInstalled(["mmdebstrap"], signal);
  const memory = `${tree}.memory`;
  for (const folder of [tree, memory]) await mkdir(folder);
  await runProgram(
    [
      "unshare",
      "--mount",
      "--propagation",
      "private",
      "bash",
      "-ec",
      inMemory,
      memory,
      tree,
      ...mmdebstrap(wanted),
    ],
    { env: { ...process.env, SOURCE_DATE_EPOCH: String(wanted.seconds) }, signal },
  );
}

function mmdebstrap({ suite, archive, packages }: DebianTree): readonly string[] {
  return [
    "mmdebstrap",
    "--mode=root",
    "--variant=apt",
    "--quiet",
    "--dpkgopt=force-unsafe-io",
    ...leftOut.map((path) => `--dpkgopt=path-exclude=${path}`),
    ...keptIn.map((path) => `--dpkgopt=path-include=${path}`),
    `--include=${[...new Set([...basePackages, ...packages])].sort().join(",")}`,
    `--customize-hook=chroot "$1" sh -ec '${fetchScript.replaceAll("'", `'\\''`)}'`,
    suite,
    "-",
    ...archive.suites.map(({ name, mirror }) => `deb ${mirror} ${name} main`),
  ];
}

/** The package in the tree's archive folder whose name begins so. */
export function archiveOf(tree: string, name: string): string {
  const file = readdirSync(join(tree, archiveFolder)).find((file) => file.startsWith(name));
  if (file === undefined) throw new Fault("internal", `the mirror gave no ${name}`);
  return join(tree, archiveFolder, file);
}

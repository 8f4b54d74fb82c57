import { mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Fault } from "#base/fault.ts";
import { type ImageArchive, type ImagePlan, planArchive } from "./archive.ts";
import { composeEntries, isCopyright } from "./compose.ts";
import { readPackage } from "./deb.ts";
import { debian, debianTree } from "./debian.ts";
import { type ImageContent, type Layer, type LayerEntry, layerEntry, writeLayer } from "./layer.ts";
import { fetchPackages } from "./packages.ts";
import { type Recipe, recipes } from "./recipes.ts";
import { runProgram } from "./run-program.ts";

/** A finished image in a folder of its own, which goes when it is disposed. */
export interface MadeImage extends AsyncDisposable {
  readonly reference: string;
  readonly archive: ImageArchive;
  readonly layer: Layer;
  stream(): AsyncIterable<Uint8Array>;
}

/** Names that can be made, with what they are. */
export const imageNames: readonly (readonly [name: string, summary: string])[] = [
  ...Object.entries(recipes).map(([name, { summary }]) => [name, summary] as const),
  [debian.reference, debian.summary],
];

export function referenceOf(name: string): string {
  const reference = name === debian.reference ? name : recipes[name]?.reference;
  if (reference !== undefined) return reference;
  const known = imageNames.map(([known]) => known).join(", ");
  throw new Fault("invalid", `there is no image '${name}' to make; there are ${known}`);
}

/**
 * Makes an image from Debian packages, reading no registry. The same packages give the same bytes.
 *
 * `folder` keeps the packages for next time. `sourceDate` (seconds since 1970) replaces the time of the newest package, which
 * no file in the image is later than.
 *
 * @see https://reproducible-builds.org/specs/source-date-epoch/
 */
export async function makeImage(
  name: string,
  options: {
    readonly folder: string;
    readonly architecture: "amd64" | "arm64";
    readonly sourceDate?: number;
    readonly signal: AbortSignal;
  },
): Promise<MadeImage> {
  const { folder, architecture, sourceDate, signal } = options;
  const reference = referenceOf(name);
  const recipe = recipes[name];
  await mkdir(folder, { recursive: true });
  await removeLeftovers(folder);
  await using undo = new AsyncDisposableStack();
  const work = await mkdtemp(join(folder, `work-${process.pid}-`));
  undo.defer(() => rm(work, { recursive: true, force: true }));
  const content =
    recipe === undefined
      ? await debianTree(join(work, "tree"), sourceDate, signal)
      : await filesOf(recipe, { ...options, work });
  const layerPath = join(work, "layer.tar.gz");
  const layer = await writeLayer(content.entries, layerPath, signal);
  const plan: ImagePlan = {
    reference,
    architecture,
    created: content.seconds,
    createdBy: `gantry image bootstrap ${name}`,
    config: recipe?.config ?? debian.config,
    layer,
  };
  const archive = planArchive(plan);
  const owned = undo.move();
  return {
    reference,
    archive,
    layer,
    stream: () => archive.stream(layerPath),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

async function filesOf(
  recipe: Recipe,
  options: {
    readonly folder: string;
    readonly work: string;
    readonly sourceDate?: number;
    readonly signal: AbortSignal;
  },
): Promise<ImageContent> {
  const { folder, work, signal } = options;
  const debs = await fetchPackages(Object.keys(recipe.packages), join(folder, "packages"), signal);
  const packages = await Promise.all(
    debs.map((deb) =>
      readPackage(
        deb,
        (path) => isCopyright(path) || (recipe.packages[deb.name]?.test(path) ?? false),
        signal,
      ),
    ),
  );
  const seconds = options.sourceDate ?? Math.max(...packages.map(({ newest }) => newest));
  const busybox = packages.flatMap(({ files }) => files).find(({ path }) => path === "bin/busybox");
  const applets = busybox === undefined ? [] : await appletLinks(busybox.bytes, work, seconds, signal);
  return { entries: composeEntries(recipe, packages, applets, seconds), seconds };
}

/** Only the program itself knows what it can be. */
async function appletLinks(
  busybox: Uint8Array,
  work: string,
  seconds: number,
  signal: AbortSignal,
): Promise<readonly LayerEntry[]> {
  const program = join(work, "busybox");
  await writeFile(program, busybox, { mode: 0o755 });
  const paths = (await runProgram([program, "--list-full"], { signal })).trim().split("\n");
  return paths
    .filter((path) => path !== "bin/busybox")
    .map((path) => layerEntry(path, seconds, { type: "symlink", target: "/bin/busybox" }));
}

/** Of processes that were killed: a work folder carries the pid of its maker. */
export async function removeLeftovers(folder: string): Promise<void> {
  for (const name of await readdir(folder)) {
    const [, pid] = /^work-(\d+)-/.exec(name) ?? [];
    if (pid !== undefined && !isRunning(Number(pid)))
      await rm(join(folder, name), { recursive: true, force: true });
  }
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}

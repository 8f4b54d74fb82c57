import { createHash } from "node:crypto";
import { mkdir, mkdtemp, readFile, rm, truncate, writeFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { removeLeftovers } from "../bootstrap/make-image.ts";
import type { Archive } from "../packages/archives.ts";
import { installTree } from "./debian-tree.ts";
import { makeRoot, packDisk, planDisk } from "./disk-image.ts";
import { type BootParts, furnishTree, placeKernel } from "./furnish-tree.ts";
import { diskModules, initramfs, seedModules } from "./initramfs.ts";
import { type RuntimeName, runtimes } from "./recipes.ts";
import { rootLabel } from "./system-files.ts";

export interface ImageRequest {
  readonly runtime: RuntimeName;
  readonly output: string;
  /** Of the machine's disk, in bytes; a multiple of 1 MiB. */
  readonly diskBytes: number;
  readonly suite: string;
  readonly archive: Archive;
  /** Beside those of the runtime. */
  readonly packages: readonly string[];
  /** Seconds since 1970: no time in the image is later. */
  readonly seconds: number;
  /** Where Gantry is that goes into the image. */
  readonly home: string;
  /** For what is made on the way. */
  readonly folder: string;
}

export interface BuiltImage {
  readonly bytes: number;
  readonly sha256: string;
}

/**
 * Quiet, as every line on the serial port waits for it. The kernel's source of randomness from jitter is left out: its test of itself
 * takes an emulated machine seconds, and these machines have virtio-rng.
 */
const commandLine = "console=tty0 console=ttyS0,115200 quiet loglevel=3 rw initcall_blacklist=jent_mod_init";

/**
 * Makes a disk that starts by BIOS and by UEFI, from packages. The same packages and the same request give the same bytes.
 *
 * @param say told what is begun
 */
export async function buildImage(
  request: ImageRequest,
  say: (step: string) => void,
  signal: AbortSignal,
): Promise<BuiltImage> {
  const { runtime: name, seconds, output } = request;
  const runtime = runtimes[name];
  await mkdir(request.folder, { recursive: true, mode: 0o700 });
  await removeLeftovers(request.folder);
  await mkdir(dirname(output), { recursive: true });
  await using undo = new AsyncDisposableStack();
  const work = await mkdtemp(join(request.folder, `work-${process.pid}-`));
  undo.defer(() => rm(work, { recursive: true, force: true }));
  const tree = join(work, "tree");
  say("packages are installed");
  const gantryPackages = runtime.hasGantry ? ["libatomic1"] : [];
  const packages = [...runtime.packages, ...gantryPackages, ...request.packages];
  await installTree(tree, { ...request, packages }, signal);
  say("the system is set up");
  const parts = await placeKernel(tree, work, signal);
  await furnishTree(tree, { runtime, home: request.home, seconds }, signal);
  say("the disk is written");
  const disk = join(work, "disk");
  await writeDisk(disk, tree, parts, request, signal);
  const bytes = await readFile(output);
  return { bytes: bytes.length, sha256: createHash("sha256").update(bytes).digest("hex") };
}

async function writeDisk(
  disk: string,
  tree: string,
  parts: BootParts,
  request: ImageRequest,
  signal: AbortSignal,
): Promise<void> {
  const { diskBytes, runtime, seconds, output } = request;
  const identity = createHash("sha256").update(`gantry-os ${runtime} ${seconds}`).digest();
  const boot = {
    kernel: await readFile(parts.kernel),
    initrd: initramfs(rootLabel, await readFile(parts.busybox), await readModules(parts.modules)),
    stub: await readFile(parts.stub),
    osRelease: await readFile(join(tree, "usr/lib/os-release")),
    commandLine,
  };
  const plan = planDisk(boot, { signature: identity.readUInt32LE(0), diskBytes, seconds });
  await writeFile(disk, "");
  await truncate(disk, diskBytes);
  const { rootSector, rootBytes } = plan;
  await makeRoot(
    disk,
    tree,
    { label: rootLabel, uuid: uuidOf(identity), sector: rootSector, bytes: rootBytes, seconds },
    signal,
  );
  await packDisk(plan, { disk, output }, signal);
}

async function readModules(folder: string): Promise<ReadonlyMap<string, Uint8Array>> {
  const modules = new Map<string, Uint8Array>();
  for (const name of [...diskModules, ...seedModules])
    modules.set(basename(name), await readFile(join(folder, "kernel", `${name}.ko`)));
  return modules;
}

function uuidOf(hash: Buffer): string {
  const hex = hash.subarray(4, 20).toString("hex");
  return [
    hex.slice(0, 8),
    hex.slice(8, 12),
    `4${hex.slice(13, 16)}`,
    `a${hex.slice(17, 20)}`,
    hex.slice(20, 32),
  ].join("-");
}

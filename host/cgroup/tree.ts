import {
  closeSync,
  constants,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  writeSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { Fault, type FaultKind, messageOf } from "#base/fault.ts";
import { type CgroupLayout, foldersOf, type UnifiedLayout } from "./layout.ts";
import type { CgroupPlan, CgroupWrite } from "./plan.ts";

/**
 * Makes the folders and sets the limits, or leaves nothing behind. What an earlier run left empty at the same place is replaced.
 *
 * @throws {Fault} `invalid` when the kernel does not take a value; `conflict` when processes live there; `exhausted` when the
 *   kernel has no room for more cgroups
 */
export function createCgroup(plan: CgroupPlan): void {
  const made: string[] = [];
  try {
    for (const directory of plan.directories) {
      makeNew(directory, directory === plan.cpusetDirectory);
      made.push(directory);
    }
    if (plan.cpusetDirectory !== undefined) fillCpuset(plan.cpusetDirectory);
    writeAll(plan.writes);
  } catch (error) {
    for (const directory of made.toReversed()) removeTree(directory);
    throw error;
  }
}

/**
 * Makes a cgroup of a pure v2 machine whose children can be limited by these controllers; those that the machine does not have
 * are left out.
 *
 * @throws {Fault} `conflict` when processes live in it or above it
 */
export function enableControllers(
  layout: UnifiedLayout,
  cgroupPath: string,
  controllers: readonly string[],
): void {
  const parts = cgroupPath.split("/").filter((part) => part !== "");
  const value = controllers
    .filter((controller) => layout.controllers.includes(controller))
    .map((controller) => `+${controller}`)
    .join(" ");
  let folder = layout.root;
  for (const part of ["", ...parts]) {
    folder = join(folder, part);
    if (part !== "") makeParent(folder, false);
    writeAll([{ file: join(folder, "cgroup.subtree_control"), value }]);
  }
}

/**
 * Removes a container's cgroups in every hierarchy, with those that it made inside. Repeating it is fine.
 *
 * @returns false when processes are still in one of them: try again when they have ended
 */
export function removeCgroup(layout: CgroupLayout, cgroupPath: string): boolean {
  return foldersOf(layout, cgroupPath)
    .map((folder) => removeTree(folder.path))
    .every((isGone) => isGone);
}

/** Removes a cgroup that nothing is in, and none below it. @returns false when it is still there in one of the hierarchies */
export function removeEmptyCgroup(layout: CgroupLayout, cgroupPath: string): boolean {
  return foldersOf(layout, cgroupPath)
    .map((folder) => removeFolder(folder.path))
    .every((isGone) => isGone);
}

/** Names of the cgroups below `parent` in any hierarchy: what a start of the daemon compares with its records. */
export function listCgroups(layout: CgroupLayout, parent: string): readonly string[] {
  return [...new Set(foldersOf(layout, parent).flatMap((folder) => childrenOf(folder.path)))];
}

/**
 * Writes in order, opening a file once for all its values in a row. A value that the kernel refuses because of another that
 * follows (memory against memory and swap) is tried again at the end.
 */
export function writeAll(writes: readonly CgroupWrite[]): void {
  const refused = writeRuns(writes);
  if (refused.length === 0) return;
  const [still] = writeRuns(refused.map((refusal) => refusal.write));
  if (still !== undefined) throw writeFault(still.write, still.error);
}

interface Refusal {
  readonly write: CgroupWrite;
  readonly error: unknown;
}

function writeRuns(writes: readonly CgroupWrite[]): readonly Refusal[] {
  const refused: Refusal[] = [];
  let open: { readonly file: string; readonly fd: number } | undefined;
  try {
    for (const write of writes) {
      if (open?.file !== write.file) {
        if (open !== undefined) closeSync(open.fd);
        open = undefined;
        open = { file: write.file, fd: openFor(write) };
      }
      try {
        writeSync(open.fd, write.value, 0);
      } catch (error) {
        refused.push({ write, error });
      }
    }
  } finally {
    if (open !== undefined) closeSync(open.fd);
  }
  return refused;
}

function openFor(write: CgroupWrite): number {
  try {
    return openSync(write.file, constants.O_WRONLY);
  } catch (error) {
    if (write.otherwise === undefined || codeOf(error) !== "ENOENT") throw writeFault(write, error);
    return openFor({ file: write.otherwise, value: write.value });
  }
}

function writeFault(write: CgroupWrite, error: unknown): Fault {
  const message = `failed to write ${JSON.stringify(write.value)} to ${write.file}: ${messageOf(error)}`;
  return new Fault(kindOfCode[codeOf(error) ?? ""] ?? "internal", message, { cause: error });
}

const kindOfCode: Readonly<Record<string, FaultKind>> = {
  EINVAL: "invalid",
  ERANGE: "invalid",
  EACCES: "invalid",
  ENODEV: "invalid",
  EBUSY: "conflict",
  ENOSPC: "exhausted",
  ENOMEM: "exhausted",
  EAGAIN: "exhausted",
  ENOENT: "precondition",
};

function makeNew(directory: string, isCpuset: boolean): void {
  for (;;) {
    try {
      mkdirSync(directory, 0o755);
      return;
    } catch (error) {
      if (codeOf(error) === "ENOENT") makeParent(dirname(directory), isCpuset);
      else if (codeOf(error) === "EEXIST") clearLeftover(directory);
      else throw folderFault(directory, error);
    }
  }
}

function clearLeftover(directory: string): void {
  if (removeTree(directory)) return;
  throw new Fault("conflict", `cgroup ${directory} is in use by other processes`);
}

/** A parent stays when the container goes: it is the instance's. */
function makeParent(directory: string, isCpuset: boolean): void {
  try {
    mkdirSync(directory, 0o755);
  } catch (error) {
    if (codeOf(error) === "EEXIST") return;
    if (codeOf(error) !== "ENOENT" || directory === "/") throw folderFault(directory, error);
    makeParent(dirname(directory), isCpuset);
    makeParent(directory, isCpuset);
    return;
  }
  if (!isCpuset) return;
  fillCpuset(directory);
  // From now on the kernel fills the children itself.
  writeAll([{ file: join(directory, "cgroup.clone_children"), value: "1" }]);
}

function folderFault(directory: string, error: unknown): Fault {
  const kind = kindOfCode[codeOf(error) ?? ""] ?? "internal";
  return new Fault(kind, `failed to create cgroup ${directory}: ${messageOf(error)}`, { cause: error });
}

/** A v1 cpuset starts out empty, and nothing can join an empty one. Only the root is never empty. */
function fillCpuset(directory: string): void {
  for (const name of ["cpuset.cpus", "cpuset.mems"]) cpusetValue(directory, name);
}

function cpusetValue(directory: string, name: string): string {
  const file = join(directory, name);
  const own = readFileSync(file, "latin1").trim();
  if (own !== "") return own;
  const inherited = cpusetValue(dirname(directory), name);
  writeAll([{ file, value: inherited }]);
  return inherited;
}

function removeFolder(directory: string): boolean {
  try {
    rmdirSync(directory);
    return true;
  } catch (error) {
    return codeOf(error) === "ENOENT";
  }
}

function removeTree(directory: string): boolean {
  if (removeFolder(directory)) return true;
  const isEmpty = childrenOf(directory)
    .map((child) => removeTree(join(directory, child)))
    .every((isGone) => isGone);
  return isEmpty && removeFolder(directory);
}

function childrenOf(directory: string): readonly string[] {
  try {
    return readdirSync(directory, { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map((entry) => entry.name);
  } catch {
    return []; // gone meanwhile
  }
}

function codeOf(error: unknown): string | undefined {
  return error instanceof Error && "code" in error ? String(error.code) : undefined;
}

import { readFileSync } from "node:fs";
import { type CgroupLayout, foldersOf, folderOf } from "./layout.ts";
import { type CgroupWrite, resourceWrites } from "./plan.ts";
import { unifiedWrites } from "./plan-unified.ts";
import type { CgroupResources } from "./resources.ts";
import { writeAll } from "./tree.ts";

/** Plans new limits for cgroups that exist; rules for devices stay as they are. */
export function planChange(
  layout: CgroupLayout,
  cgroupPath: string,
  resources: CgroupResources,
): readonly CgroupWrite[] {
  const [unified] = foldersOf(layout, cgroupPath);
  if (layout.kind === "v2") return unifiedWrites(unified?.path ?? "", resources);
  return resourceWrites((controller) => folderOf(layout, controller, cgroupPath), resources);
}

/**
 * Sets all of the limits or none: what was written before one is refused is taken back. Returns what takes all of them back.
 *
 * @throws {Fault} as {@link writeAll} does
 */
export function changeCgroup(writes: readonly CgroupWrite[]): () => void {
  const before = writes.flatMap(present);
  try {
    writeAll(writes);
  } catch (error) {
    restore(before);
    throw error;
  }
  return () => restore(before);
}

/** The limits that these would replace, to be written when they are to be taken back. */
function present(write: CgroupWrite): readonly CgroupWrite[] {
  const file = write.file;
  try {
    return [{ file, value: valueBefore(readFileSync(file, "latin1"), write) }];
  } catch {
    // The file has another name here, or is not there at all, which the write itself will tell.
    return write.otherwise === undefined ? [] : present({ file: write.otherwise, value: write.value });
  }
}

/** Files with a line for each device are written a line at a time; a rate of 0, or `max`, is none. */
function valueBefore(text: string, { file, value }: CgroupWrite): string {
  const device = /^\d+:\d+/.exec(value)?.[0];
  if (device === undefined) return text.trim() === "" ? "\n" : text.trim();
  const line = text.split("\n").find((candidate) => candidate.startsWith(`${device} `));
  if (line !== undefined) return line;
  return file.endsWith("io.max") ? `${device} rbps=max wbps=max riops=max wiops=max` : `${device} 0`;
}

/** One by one: what the kernel refuses does not keep the others. */
function restore(writes: readonly CgroupWrite[]): void {
  // Twice, as a limit may stand in the way of another.
  for (const write of [...writes, ...writes]) {
    try {
      writeAll([write]);
    } catch {
      // it is as it was, or as the kernel wants it
    }
  }
}

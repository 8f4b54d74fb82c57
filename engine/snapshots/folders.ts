import { spawn } from "node:child_process";
import { rm } from "node:fs/promises";
import { text } from "node:stream/consumers";
import { Fault } from "#base/fault.ts";

/** Removes a tree, also one that is deeper than a path may be long, which only `rm` can. */
export async function removeTree(path: string): Promise<void> {
  try {
    await rm(path, { recursive: true, force: true, maxRetries: 3 });
  } catch {
    await run("rm", ["-rf", "--one-file-system", "--", path]);
  }
}

/** Bytes on disk of everything in the tree but its folders; of several names of one file, one counts. */
export async function bytesIn(path: string): Promise<number> {
  const listing = await run("find", [path, "-xdev", "!", "-type", "d", "-printf", "%n %i %b\\n"], [0, 1]);
  const counted = new Set<string>();
  let blocks = 0;
  for (const line of listing.split("\n")) {
    const [links, inode, size] = line.split(" ");
    if (inode === undefined || size === undefined) continue;
    if (links !== "1" && counted.has(inode)) continue;
    if (links !== "1") counted.add(inode);
    blocks += Number(size);
  }
  return blocks * 512;
}

/** `find` exits with 1 when something vanished while it looked, which is no reason to fail. */
async function run(program: string, args: readonly string[], fine: readonly number[] = [0]): Promise<string> {
  const child = spawn(program, args, {
    stdio: ["ignore", "pipe", "pipe"],
    env: { PATH: "/usr/bin:/bin", LC_ALL: "C" },
  });
  const ended = new Promise<number | null>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", resolve);
  });
  const [out, complaint, code] = await Promise.all([text(child.stdout), text(child.stderr), ended]);
  if (code === null || !fine.includes(code))
    throw new Fault("internal", `${program}: ${complaint.slice(0, 500)}`);
  return out;
}

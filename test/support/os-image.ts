import { execFile } from "node:child_process";
import { readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { checkout } from "./engine.ts";

const run = promisify(execFile);

/** Why no image can be made here; undefined when one can. */
export async function whyNoImage(): Promise<string | undefined> {
  if (process.arch !== "x64") return "images of machines are made on amd64";
  for (const program of ["qemu-img", "qemu-system-x86_64", "mmdebstrap"])
    if (!(await isThere(program))) return `${program} is not installed`;
  try {
    const answer = await fetch("http://deb.debian.org/debian/dists/trixie/InRelease", { method: "HEAD" });
    return answer.ok ? undefined : `the mirror answers with ${answer.status}`;
  } catch {
    return "the mirror is out of reach";
  }
}

async function isThere(program: string): Promise<boolean> {
  try {
    await run("which", [program]);
    return true;
  } catch {
    return false;
  }
}

/** The image of a runtime, made from this checkout unless one is there that is newer than what it is made of. */
export async function osImage(runtime: string): Promise<string> {
  const image = join(checkout, `dist/os/gantry-os-${runtime}.qcow2`);
  const made = statSync(image, { throwIfNoEntry: false })?.mtimeMs ?? 0;
  const folders =
    runtime === "gantry" ? ["api", "base", "cli", "client", "engine", "host", "oci", "rpc"] : ["cli/os"];
  if (folders.every((folder) => newestIn(join(checkout, folder)) < made)) return image;
  await buildOsImage(runtime, image);
  return image;
}

/** @param root where it works, and keeps nothing */
export async function buildOsImage(
  runtime: string,
  image: string,
  packages: readonly string[] = [],
  root = join(checkout, "dist/os/root"),
): Promise<void> {
  const more = packages.flatMap((name) => ["--package", name]);
  const flags = ["--root", root, "--runtime", runtime, "--output", image];
  await run(join(checkout, "bin/gantry"), ["os", "build", ...flags, ...more]);
}

function newestIn(folder: string): number {
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true });
  return Math.max(...entries.map(({ parentPath, name }) => statSync(join(parentPath, name)).mtimeMs));
}

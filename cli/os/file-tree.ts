import {
  chmodSync,
  lstatSync,
  lutimesSync,
  mkdirSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";

/** Puts a file into a tree, in place of what is there. */
export function putFile(tree: string, path: string, bytes: Uint8Array | string, mode = 0o644): void {
  const full = prepare(tree, path);
  writeFileSync(full, bytes, { mode });
  chmodSync(full, mode);
}

export function putLink(tree: string, path: string, target: string): void {
  symlinkSync(target, prepare(tree, path));
}

export function removePath(tree: string, path: string): void {
  rmSync(join(tree, path), { recursive: true, force: true });
}

function prepare(tree: string, path: string): string {
  const full = join(tree, path);
  mkdirSync(dirname(full), { recursive: true, mode: 0o755 });
  rmSync(full, { recursive: true, force: true });
  return full;
}

/** Every path below the tree, without a slash in front, folders before what is in them, by order of bytes. */
export function* pathsBelow(tree: string, folder = ""): Generator<string> {
  const names = readdirSync(join(tree, folder)).sort((a, b) =>
    Buffer.compare(Buffer.from(a), Buffer.from(b)),
  );
  for (const name of names) {
    const path = folder === "" ? name : `${folder}/${name}`;
    yield path;
    if (lstatSync(join(tree, path)).isDirectory()) yield* pathsBelow(tree, path);
  }
}

/** No time in the tree is later than this one, in seconds since 1970. */
export function clampTimes(tree: string, seconds: number): void {
  for (const path of [...pathsBelow(tree)].reverse()) {
    const full = join(tree, path);
    const { mtimeMs } = lstatSync(full);
    const at = Math.min(Math.floor(mtimeMs / 1000), seconds);
    lutimesSync(full, at, at);
  }
  lutimesSync(tree, seconds, seconds);
}

import { existsSync, rmSync } from "node:fs";

const attempts = 10;

/**
 * Removes a folder with everything in it; fine when there is none. Also while somebody else removes things in it, after which Node's
 * own function leaves the rest without a word.
 */
export function removeFolder(path: string): void {
  for (let attempt = 0; attempt < attempts; attempt++) {
    rmSync(path, { recursive: true, force: true });
    if (!existsSync(path)) return;
  }
}

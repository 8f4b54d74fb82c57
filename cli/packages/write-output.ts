import { renameSync, rmSync, writeFileSync } from "node:fs";
import type { Terminal } from "../output/terminal.ts";

/** To standard output, or to a file that is there whole or not at all. */
export function writeOutput(out: Terminal, text: string, path: string | undefined): void {
  if (path === undefined) return out.write(text);
  const temporary = `${path}.${process.pid}.part`;
  try {
    writeFileSync(temporary, text);
    renameSync(temporary, path);
  } finally {
    rmSync(temporary, { force: true });
  }
}

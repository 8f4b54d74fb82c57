import { readFileSync } from "node:fs";
import { type EnginePaths, exitFile } from "#engine/runtime/paths.ts";
import type { ExitedTask } from "#engine/supervise/shim-client.ts";

/**
 * What the shim wrote when the container ended; undefined when it never did. A shim removes what one before it wrote, and writes
 * before it tells: whoever lost the connection to it finds the end here.
 */
export function readExit(paths: EnginePaths, id: string): ExitedTask | undefined {
  try {
    const [code = "", at = "0"] = readFileSync(exitFile(paths, id), "utf8").trim().split(" ");
    const exited = { exitCode: Number(code), finishedAt: BigInt(at) };
    return code !== "" && Number.isInteger(exited.exitCode) ? exited : undefined;
  } catch {
    return undefined;
  }
}

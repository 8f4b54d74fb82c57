import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { Fault } from "#base/fault.ts";

/**
 * Copies what is in a folder to an empty folder, with owners, modes, times, links and attributes, and gives that those of the
 * folder itself. Follows no link below `source`, which nobody may be changing. The copying ends with this process, however that ends. False when
 * the host lacks a tool for it; nothing was done then.
 *
 * @throws {Fault} `exhausted` for a full disk, `internal` for the rest; the target may then be half full
 */
export async function copyTree(source: string, target: string, signal: AbortSignal): Promise<boolean> {
  const copy = ["cp", "-a", "--no-target-directory", "--", source, target];
  try {
    await promisify(execFile)("setpriv", ["--pdeathsig", "KILL", ...copy], {
      signal,
      killSignal: "SIGKILL",
      env: { PATH: "/usr/sbin:/usr/bin:/sbin:/bin", LC_ALL: "C" },
    });
    return true;
  } catch (cause) {
    signal.throwIfAborted();
    const { code, stderr = "" } = cause as { readonly code?: unknown; readonly stderr?: string };
    if (code === "ENOENT" || code === 127) return false;
    const message = stderr.trim().split("\n", 1)[0] ?? "";
    const isFull = message.endsWith("No space left on device") || message.endsWith("Disk quota exceeded");
    throw new Fault(isFull ? "exhausted" : "internal", message || "cp was ended", { cause });
  }
}

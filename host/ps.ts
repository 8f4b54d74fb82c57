import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { Fault, messageOf } from "#base/fault.ts";

const maxBytes = 16 * 1024 * 1024;

/** What the host's ps prints. @throws {Fault} `invalid` with its complaint about the arguments */
export async function runPs(args: readonly string[], signal: AbortSignal): Promise<string> {
  try {
    const { stdout } = await promisify(execFile)("ps", args, { signal, maxBuffer: maxBytes });
    return stdout;
  } catch (cause) {
    signal.throwIfAborted();
    const stderr = (cause as { readonly stderr?: string }).stderr?.trim();
    throw new Fault("invalid", `ps: ${stderr?.split("\n", 1)[0] || messageOf(cause)}`, { cause });
  }
}

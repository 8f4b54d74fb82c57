import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, openSync, readFileSync, renameSync, statSync } from "node:fs";
import type { Context } from "../context.ts";

const longLogBytes = 16 << 20;

/**
 * Starts ourselves in the background, writing to the log; one that has become long is kept as `<log>.1`.
 *
 * @param nodeFlags where Node runs us with flags: beside them
 */
export function spawnDaemon(
  { instance, services, env }: Context,
  log: string,
  words: readonly string[],
  nodeFlags: readonly string[] = [],
): ChildProcess {
  if ((statSync(log, { throwIfNoEntry: false })?.size ?? 0) > longLogBytes) renameSync(log, `${log}.1`);
  const output = openSync(log, "a", 0o640);
  try {
    const [program, ...args] = services.self;
    const main = args.pop();
    const own = main === undefined ? [] : [...args, ...nodeFlags, main];
    const child = spawn(program, [...own, ...words], {
      cwd: "/",
      detached: true,
      stdio: ["ignore", output, output],
      env: { ...env, GANTRY_LOG: instance.logLevel },
    });
    child.unref();
    return child;
  } finally {
    closeSync(output);
  }
}

/** The last lines of a log, for a message. */
export function logEnd(log: string): string {
  const lines = readFileSync(log, "utf8").trimEnd().split("\n").slice(-5);
  return `; ${log} ends with:\n${lines.map((line) => `  ${line}`).join("\n")}`;
}

import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, openSync, readFileSync, renameSync, statSync } from "node:fs";
import type { Context } from "../context.ts";

const longLogBytes = 16 << 20;

/** Starts ourselves in the background, writing to the log; one that has become long is kept as `<log>.1`. */
export function spawnDaemon(
  { instance, services, env }: Context,
  log: string,
  words: readonly string[],
): ChildProcess {
  if ((statSync(log, { throwIfNoEntry: false })?.size ?? 0) > longLogBytes) renameSync(log, `${log}.1`);
  const output = openSync(log, "a", 0o640);
  try {
    const [program, ...args] = services.self;
    const child = spawn(program, [...args, ...words], {
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

import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import type { Writable } from "node:stream";
import { Fault, messageOf } from "#base/fault.ts";
import { drained } from "#host/drained.ts";

/** Of Debian's package isal: ten times as fast as zlib at the same size. */
const program = "/usr/bin/igzip";
/** No name and no time in the head. Level 3 gives what zlib's level 2 does. */
const args = ["-3", "-n", "-c"];
const maxStderr = 4096;

export function hasIgzip(): boolean {
  return existsSync(program);
}

/**
 * The stream as one gzip member, by a process of its own, which ends with the generator. The same bytes give the same result.
 *
 * @throws what the source throws; {@link Fault} `internal` when the process fails
 */
export async function* throughIgzip(source: AsyncIterable<Uint8Array>): AsyncGenerator<Buffer> {
  const child = spawn(program, args, { stdio: ["pipe", "pipe", "pipe"] });
  let complaint = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    complaint = (complaint + text).slice(-maxStderr);
  });
  const ended = once(child, "close");
  ended.catch(() => {}); // that it cannot be started is met below
  const feeding = feed(source, child.stdin);
  feeding.catch(() => child.kill("SIGKILL"));
  try {
    yield* child.stdout as AsyncIterable<Buffer>;
    await feeding;
    const [code, signal] = (await ended) as [number | null, NodeJS.Signals | null];
    if (code !== 0)
      throw new Fault("internal", `igzip: ${complaint.trim() || signal || `exit code ${code}`}`);
  } finally {
    child.kill("SIGKILL");
    await Promise.allSettled([feeding, ended]);
  }
}

async function feed(source: AsyncIterable<Uint8Array>, input: Writable): Promise<void> {
  let failure: unknown;
  input.on("error", (error) => {
    failure = error;
  });
  for await (const chunk of source) {
    if (failure !== undefined || input.destroyed) break;
    if (!input.write(chunk)) await drained(input);
  }
  if (failure !== undefined) throw new Fault("internal", `igzip: ${messageOf(failure)}`, { cause: failure });
  input.end();
}

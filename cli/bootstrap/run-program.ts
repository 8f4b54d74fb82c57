import { type ChildProcess, spawn } from "node:child_process";
import { basename } from "node:path";
import { Fault } from "#base/fault.ts";

/** How long a program may take to tidy up after itself when it is told to stop. */
const graceMs = 10_000;

/** Chunks of what a program writes to its standard output; after the last one the program has ended well. */
export async function* outputOf(
  argv: readonly [string, ...string[]],
  options: {
    readonly cwd?: string;
    readonly env?: Readonly<Record<string, string | undefined>>;
    /** For its standard input, which is empty without it. */
    readonly input?: Uint8Array;
    readonly signal: AbortSignal;
  },
): AsyncGenerator<Buffer> {
  const [program, ...args] = argv;
  const { signal, input, ...place } = options;
  signal.throwIfAborted();
  const child = spawn(program, args, { ...place, stdio: ["pipe", "pipe", "pipe"] });
  child.stdin.on("error", () => {}); // one that does not read to the end says why itself
  child.stdin.end(input);
  const ended = Promise.withResolvers<number | null>();
  child.once("error", ended.reject);
  child.once("close", (code) => ended.resolve(code));
  // Awaited below; a failure must not count as unhandled while the output is still read.
  ended.promise.catch(() => {});
  const stop = () => child.kill();
  signal.addEventListener("abort", stop, { once: true });
  let said = "";
  child.stderr.on("data", (chunk: Buffer) => {
    said = (said + chunk.toString()).slice(-2000);
  });
  try {
    for await (const chunk of child.stdout) yield chunk as Buffer;
    const code = await ended.promise;
    signal.throwIfAborted();
    if (code !== 0) throw new Fault("internal", describeFailure(program, code, said));
  } catch (error) {
    signal.throwIfAborted();
    if ((error as NodeJS.ErrnoException).code === "ENOENT")
      throw new Fault("precondition", `${program} is not installed`, { cause: error });
    throw error;
  } finally {
    signal.removeEventListener("abort", stop);
    await endOf(child, ended.promise);
  }
}

/** Nothing of it is left when this resolves: who called may remove the folder that it worked in. */
async function endOf(child: ChildProcess, ended: Promise<unknown>): Promise<void> {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  child.kill();
  const grace = setTimeout(() => child.kill("SIGKILL"), graceMs);
  await ended.catch(() => {});
  clearTimeout(grace);
}

/** Runs a program to its end and resolves to what it wrote. @throws {Fault} with what it said when it failed */
export async function runProgram(
  argv: readonly [string, ...string[]],
  options: Parameters<typeof outputOf>[1],
): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of outputOf(argv, options)) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}

function describeFailure(program: string, code: number | null, said: string): string {
  const lines = said.trim().split("\n").slice(-3);
  const last = lines.map((line) => (line.length > 200 ? `…${line.slice(-200)}` : line)).join("; ");
  return `${basename(program)} ended with ${code ?? "a signal"}${last === "" ? "" : `: ${last}`}`;
}

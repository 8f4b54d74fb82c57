import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { Fault } from "#base/fault.ts";

/** The compiled program has no engine in it. */
export async function noEngine(): Promise<never> {
  throw new Fault("internal", "the compiled program has no engine");
}

/**
 * Runs the words with the checkout's `bin/gantry`, under Node, with our streams and signals, and resolves to its exit code. The
 * checkout is where GANTRY_HOME says, or else the one that `dist/gantry` stands in.
 *
 * @throws {Fault} `precondition` when there is none
 */
export async function handOver(argv: readonly string[]): Promise<number> {
  const home = process.env["GANTRY_HOME"] ?? dirname(dirname(process.execPath));
  const program = join(home, "bin/gantry");
  if (!existsSync(program))
    throw new Fault(
      "precondition",
      `gantry: the engine runs under Node, from a checkout of Gantry, and there is none in ${home}: GANTRY_HOME says where it is`,
    );
  const { spawn } = await import("node:child_process");
  const child = spawn(program, argv, { stdio: "inherit" });
  for (const name of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(name, () => child.kill(name));
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  child.once("error", reject);
  child.once("exit", (code, signal) => resolve(code ?? 128 + (signal === "SIGINT" ? 2 : 15)));
  return await promise;
}

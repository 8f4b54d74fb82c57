import { join } from "node:path";
import type { Context, EngineOptions } from "../context.ts";
import { findDaemon } from "./pid-file.ts";
import { startDaemon } from "./start-daemon.ts";

/** As bin/gantry has it for a server. */
const serverYoungGeneration = "--max-semi-space-size=8";

export function serverLogOf({ root }: EngineOptions): string {
  return join(root, "cluster.log");
}

/**
 * Starts `gantry server` in the background with its log in `<root>/cluster.log` and resolves once it serves: it says so by its pid file.
 * Does nothing when it runs; one that somebody else is starting at the same time is waited for.
 *
 * @param words more flags for it
 * @throws {Fault} `unavailable` with the log's end when it ends or does not serve within a minute
 */
export async function startServer(context: Context, words: readonly string[]): Promise<void> {
  const { instance } = context;
  await startDaemon(context, {
    name: "server",
    called: "cluster",
    folder: join(instance.root, "cluster"),
    log: serverLogOf(instance),
    words,
    nodeFlags: [serverYoungGeneration],
    isUp: () => findDaemon(instance.run, "server") !== undefined,
  });
}

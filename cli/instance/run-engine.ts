import { once } from "node:events";
import type { Context } from "../context.ts";
import { lockFolder } from "./lock.ts";
import { writePidFile } from "./pid-file.ts";

/**
 * Runs the engine until the context's signal, then closes it; containers go on. `ready` is told when it serves; what that
 * opens is closed before. Both folders are locked for as long, so that two engines never share one.
 *
 * @throws {Fault} `conflict` when another engine uses one of the folders
 */
export async function runEngine(
  context: Context,
  ready: () => Promise<AsyncDisposable | undefined> = async () => undefined,
): Promise<number> {
  const { instance, services, signal } = context;
  using _root = lockFolder(instance.root);
  using _run = lockFolder(instance.run);
  using _pidFile = writePidFile(instance.run, "engine");
  await using _engine = await services.openEngine(instance);
  await using _beside = await ready();
  if (!signal.aborted) await once(signal, "abort");
  return 0;
}

import { createHash } from "node:crypto";
import { join } from "node:path";
import { Fault, isFault } from "#base/fault.ts";
import type { Context } from "../context.ts";

/**
 * Keeps a second update of the same daemon away while this process lives. Without a folder to write in, or in a program that has no
 * locks, nobody is kept away.
 *
 * @throws {Fault} `conflict` while another one runs
 */
export async function lockUpdates({ engine, instance, signal }: Context): Promise<Disposable> {
  const { ID } = await engine().info(signal);
  const name = createHash("sha256").update(String(ID)).digest("hex").slice(0, 32);
  try {
    const { lockFolder } = await import("../instance/lock.ts");
    return lockFolder(join(instance.root, "updates", name));
  } catch (error) {
    if (isFault(error, "conflict"))
      throw new Fault("conflict", "another image update of this daemon is running");
    return { [Symbol.dispose]: () => {} };
  }
}

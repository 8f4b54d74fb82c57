import { join } from "node:path";
import { Fault } from "#base/fault.ts";
import type { Context } from "../context.ts";
import { type FlagTable, type FlagValues, text, bool } from "../flags.ts";
import { findHypervisor } from "./hypervisor-file.ts";
import { startDaemon } from "./start-daemon.ts";
import { tellUp } from "./tell-up.ts";

/** Of `gantry up`. */
export const hypervisorFlags = {
  hypervisor: bool("Start the hypervisor for virtual machines, too"),
  listen: text("ADDRESS", "HOST:PORT of the hypervisor's API (default 127.0.0.1:8443)"),
} as const satisfies FlagTable;

type Values = FlagValues<typeof hypervisorFlags>;

/** @throws {Fault} `invalid` for flags that would have no effect */
export function checkHypervisorFlags({ hypervisor, listen }: Values, isForeground: boolean): void {
  if (listen !== undefined && !hypervisor) throw new Fault("invalid", "--listen is for --hypervisor");
  if (hypervisor && isForeground)
    throw new Fault(
      "invalid",
      "--foreground is for the engine alone: 'gantry hypervisor' is the other one in the foreground",
    );
}

/** Starts it where the flags ask for it, and says where it is. @throws {Fault} as {@link startDaemon} */
export async function upHypervisor(context: Context, { hypervisor, listen }: Values): Promise<void> {
  if (!hypervisor) return;
  const { instance } = context;
  const before = performance.now();
  const wasUp = findHypervisor(instance.run) !== undefined;
  await startDaemon(context, {
    name: "hypervisor",
    called: "hypervisor",
    folder: join(instance.root, "hypervisor"),
    log: join(instance.root, "hypervisor.log"),
    words: listen === undefined ? [] : ["--listen", listen],
    isUp: () => findHypervisor(instance.run) !== undefined,
  });
  const { url = "", accelerator = "" } = findHypervisor(instance.run) ?? {};
  tellUp(context, "hypervisor", wasUp, before, ` on ${url}, ${accelerator}`);
}

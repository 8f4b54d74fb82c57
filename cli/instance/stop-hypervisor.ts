import type { Context } from "../context.ts";
import { findDaemon } from "./pid-file.ts";
import { stopDaemon } from "./stop-daemon.ts";

const usualTimeoutS = 60;

/**
 * Shuts down the machines of an instance, cuts the power of those that take longer, and ends its hypervisor. Does nothing when it
 * does not run.
 */
export async function stopHypervisor(context: Context, timeoutS = usualTimeoutS): Promise<void> {
  const { instance, out, signal } = context;
  const daemon = findDaemon(instance.run, "hypervisor");
  if (daemon === undefined) return;
  const { openHypercore, unsetApi } = await import("../vm/open-hypercore.ts");
  const { isOn, shutDown } = await import("../vm/power.ts");
  const { client } = await openHypercore(context, unsetApi);
  const running = (await client.list("VirDomain", signal)).filter(isOn);
  await Promise.all(
    running.map(async (vm) => {
      await shutDown(client, vm, timeoutS, signal).catch(() => signal.throwIfAborted());
      await client.act(vm.uuid, "STOP", signal);
    }),
  );
  if (running.length > 0) out.write(`${running.length} machine${running.length === 1 ? "" : "s"} stopped\n`);
  await stopDaemon("hypervisor", daemon, signal);
  out.write("hypervisor stopped\n");
}

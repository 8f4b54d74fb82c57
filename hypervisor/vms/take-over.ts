import { closeSync, existsSync, openSync } from "node:fs";
import { join } from "node:path";
import type { TaskGoal } from "#hypervisor/tasks/task-list.ts";
import type { LaunchDeps } from "#hypervisor/qemu/launch.ts";
import { finishFreezes } from "./freeze.ts";
import { nicsInUse } from "./in-use.ts";
import { collectFirmwareFiles } from "./plan-machine.ts";
import type { Power } from "./power.ts";
import { kinds, type VmRecord } from "./records.ts";
import type { VmDeps } from "./vm-deps.ts";

/** What an earlier daemon has left: machines that run, changes it had begun, tasks it did not finish. */
export async function takeOver(
  deps: VmDeps,
  power: Power,
  { runFolder, cgroups }: Pick<LaunchDeps, "runFolder" | "cgroups">,
  signal: AbortSignal,
): Promise<void> {
  const { records, machines, tasks, layers, networks } = deps;
  const all = records.list<VmRecord>(kinds.vm);
  await Promise.all(all.map(async (vm) => await machines.adopt(vm, signal)));
  for (const vm of all) await finishFreezes(deps, vm.uuid, signal);
  await tasks.endInterrupted((goal) => isReached(deps, goal));
  await layers.collect();
  collectFirmwareFiles(layers.folder, new Set(all.map(({ uuid }) => uuid)));
  await networks.collect(nicsInUse(records));
  await cgroups.collect(new Set(machines.runningUUIDs));
  const hasRebooted = isNewBoot(runFolder);
  for (const vm of all) {
    if (machines.find(vm.uuid) !== undefined || vm.desiredDisposition !== "RUNNING") continue;
    if (!hasRebooted) {
      // It has ended while nobody looked.
      await records.change((changes) =>
        changes.put(kinds.vm, { ...vm, desiredDisposition: "SHUTOFF" } as VmRecord),
      );
      continue;
    }
    const subject = { description: "Start VM '%@' again", parameters: [vm.name], objectUUID: vm.uuid };
    await tasks.begin(subject, async (_, inner) => await power.start(vm.uuid, inner));
    deps.log.info("a machine that ran when the host went down starts again", { vm: vm.uuid });
  }
}

function isReached({ records, machines }: VmDeps, { kind, uuid, is }: TaskGoal): boolean {
  if (is === "running" || is === "stopped") return (machines.find(uuid) !== undefined) === (is === "running");
  return (records.find(kind, uuid) !== undefined) === (is === "there");
}

/** What must not survive a reboot is gone after one: this file is among it. */
function isNewBoot(runFolder: string): boolean {
  const file = join(runFolder, "booted");
  if (existsSync(file)) return false;
  closeSync(openSync(file, "w"));
  return true;
}

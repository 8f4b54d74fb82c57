import type { HostConfig, RestartPolicy } from "#api/docker/container.ts";
import { normalizeUpdate } from "#api/docker/update.ts";
import type { UpdateBody } from "#api/docker/shapes.ts";
import { Fault, messageOf } from "#base/fault.ts";
import { readBlockNumbers } from "#engine/runtime/host-devices.ts";
import { planResourceChange } from "#engine/runtime/plan-resources.ts";
import { validateUpdate } from "#engine/runtime/validate.ts";
import { type ContainerContext, publish } from "./context.ts";
import { type ContainerRecord, isAlive } from "./record.ts";

/** @see Containers.update */
export async function updateContainer(
  context: ContainerContext,
  ref: string,
  body: UpdateBody,
  version: number,
): Promise<readonly string[]> {
  const { registry, lock, launcher } = context;
  const { id } = registry.get(ref);
  const update = normalizeUpdate(body, version);
  const { hostConfig: asked, warnings } = validateUpdate(update.hostConfig, launcher.host);
  await lock.run(id, async () => {
    const record = registry.get(id);
    try {
      await apply(context, record, asked, update.restartPolicy);
    } catch (error) {
      const kind = error instanceof Fault ? error.kind : "internal";
      throw new Fault(kind, `Cannot update container ${id}: ${messageOf(error)}`, { cause: error });
    }
    publish(context, record, "update");
  });
  return warnings;
}

/** The limits first: when they cannot be kept in the record they are taken back. */
async function apply(
  { registry, launcher }: ContainerContext,
  record: ContainerRecord,
  asked: HostConfig,
  restartPolicy: RestartPolicy | undefined,
): Promise<void> {
  if (record.state.status === "removing" || record.state.status === "dead")
    throw new Fault("conflict", 'container is marked for removal and cannot be "update"');
  const { AutoRemove } = record.hostConfig;
  if (AutoRemove && restartPolicy !== undefined && restartPolicy.Name !== "no")
    throw new Fault(
      "conflict",
      "Restart policy cannot be updated because AutoRemove is enabled for the container",
    );
  const hostConfig = mergeUpdate(record.hostConfig, asked, restartPolicy);
  const change = planResourceChange(asked, hostConfig, readBlockNumbers(asked));
  const undo = isAlive(record.state) ? launcher.cgroups.change(record.id, change) : undefined;
  try {
    await registry.replace({ ...registry.get(record.id), hostConfig });
  } catch (error) {
    undo?.();
    throw error;
  }
}

/**
 * What the container's limits are afterwards. Zero and empty mean no change.
 *
 * @throws {Fault} `conflict` with Docker's texts for what does not go with what the container has
 */
export function mergeUpdate(
  before: HostConfig,
  asked: HostConfig,
  restartPolicy: RestartPolicy | undefined,
): HostConfig {
  refuseConflicts(before, asked);
  const changed = updatable.filter((key) => {
    const value = asked[key];
    return Array.isArray(value) ? value.length > 0 : value !== null && value !== 0 && value !== "";
  });
  return {
    ...before,
    ...Object.fromEntries(changed.map((key) => [key, asked[key]])),
    ...(asked.PidsLimit !== null && { PidsLimit: asked.PidsLimit }),
    ...(restartPolicy !== undefined && { RestartPolicy: restartPolicy }),
  };
}

const updatable = [
  "BlkioWeight",
  "BlkioWeightDevice",
  "BlkioDeviceReadBps",
  "BlkioDeviceWriteBps",
  "BlkioDeviceReadIOps",
  "BlkioDeviceWriteIOps",
  "CpuShares",
  "NanoCpus",
  "CpuPeriod",
  "CpuQuota",
  "CpuRealtimePeriod",
  "CpuRealtimeRuntime",
  "CpusetCpus",
  "CpusetMems",
  "Memory",
  "MemorySwap",
  "MemoryReservation",
] as const satisfies readonly (keyof HostConfig)[];

function refuseConflicts(before: HostConfig, asked: HostConfig): void {
  const refuse = (text: string) => {
    throw new Fault("conflict", text);
  };
  if (asked.NanoCpus > 0 && before.CpuPeriod > 0)
    refuse("Conflicting options: Nano CPUs cannot be updated as CPU Period has already been set");
  if (asked.NanoCpus > 0 && before.CpuQuota > 0)
    refuse("Conflicting options: Nano CPUs cannot be updated as CPU Quota has already been set");
  if (asked.CpuPeriod > 0 && before.NanoCpus > 0)
    refuse("Conflicting options: CPU Period cannot be updated as NanoCPUs has already been set");
  if (asked.CpuQuota > 0 && before.NanoCpus > 0)
    refuse("Conflicting options: CPU Quota cannot be updated as NanoCPUs has already been set");
  if (asked.Memory > before.MemorySwap && asked.MemorySwap === 0 && asked.Memory !== 0)
    refuse(
      "Memory limit should be smaller than already set memoryswap limit, update the memoryswap at the same time",
    );
}

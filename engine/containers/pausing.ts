import { Fault } from "#base/fault.ts";
import { type ContainerContext, publish } from "./context.ts";
import { interrupted } from "./health.ts";
import type { HealthMonitors } from "./health-monitors.ts";
import { type ContainerRecord, isAlive } from "./record.ts";

/** @see Containers.pause */
export async function pause(context: ContainerContext, health: HealthMonitors, ref: string): Promise<void> {
  await change(context, ref, "pause", async (record) => {
    if (!isAlive(record.state)) throw new Fault("conflict", `container ${record.id} is not running`);
    if (record.state.status === "paused")
      throw new Fault("conflict", `Container ${record.id} is already paused`);
    health.stop(record.id);
    try {
      await context.launcher.cgroups.freeze(record.id);
    } catch (error) {
      health.start(record);
      throw error;
    }
    await context.registry.replace(inStatus(record, "paused"));
  });
}

/** @see Containers.unpause */
export async function unpause(context: ContainerContext, health: HealthMonitors, ref: string): Promise<void> {
  await change(context, ref, "unpause", async (record) => {
    if (record.state.status !== "paused") throw new Fault("conflict", `Container ${record.id} is not paused`);
    context.launcher.cgroups.thaw(record.id);
    const next = inStatus(record, "running");
    await context.registry.replace(next);
    health.start(next);
  });
}

async function change(
  context: ContainerContext,
  ref: string,
  action: "pause" | "unpause",
  act: (record: ContainerRecord) => Promise<void>,
): Promise<void> {
  const { registry, lock } = context;
  const { id } = registry.get(ref);
  await lock.run(id, async () => {
    const record = registry.get(id);
    await act(record);
    publish(context, record, action);
  });
}

function inStatus(record: ContainerRecord, status: "paused" | "running"): ContainerRecord {
  return { ...record, state: { ...record.state, status, ...interrupted(record.state.health) } };
}

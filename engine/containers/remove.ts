import { Fault } from "#base/fault.ts";
import { containerFolder } from "#engine/runtime/paths.ts";
import { removeFolder } from "#host/remove-folder.ts";
import type { Attachments } from "./attachments.ts";
import { type ContainerContext, publish } from "./context.ts";
import { type ContainerRecord, imageSnapshots, isAlive } from "./record.ts";

/**
 * Removes a container that does not run: its volumes, then its record, so that a kill in between leaves only what the next start
 * of the daemon removes.
 *
 * @throws {Fault} `conflict` when it runs (again)
 */
export async function removeContainer(
  context: ContainerContext,
  attachments: Attachments,
  id: string,
  withVolumes: boolean,
): Promise<void> {
  const { registry, volumes, lock } = context;
  await lock.run(id, async () => {
    const record = registry.get(id);
    if (isAlive(record.state)) refuseRunning(record.name, record);
    await context.forwarders.settle(id);
    await volumes.release(id, withVolumes);
    await registry.delete(record);
    if (record.idRange !== undefined) context.idRanges.release(id, record.idRange);
    await dispose(context, record);
    context.launcher.cgroups.forget(id);
    attachments.abandon(id);
    publish(context, record, "destroy");
    context.waiters.removed(id, { exitCode: record.state.exitCode });
  });
}

async function dispose(context: ContainerContext, record: ContainerRecord): Promise<void> {
  const { snapshots, paths, log } = context;
  await snapshots
    .remove(record.id)
    .catch((error: unknown) =>
      log.warn("snapshot is left for the next start to remove", { container: record.id, error }),
    );
  for (const key of imageSnapshots(record))
    await snapshots
      .remove(key)
      .catch((error: unknown) => log.warn("an image's snapshot is left", { container: record.id, error }));
  removeFolder(containerFolder(paths, record.id));
}

/** @throws {Fault} `conflict` with Docker's texts */
export function refuseRunning(ref: string, record: ContainerRecord): void {
  const { status } = record.state;
  if (!isAlive(record.state) && status !== "restarting") return;
  const advice =
    status === "paused"
      ? "container is paused and must be unpaused first"
      : `container is ${status}: stop the container before removing or force remove`;
  throw new Fault("conflict", `cannot remove container "${ref}": ${advice}`);
}

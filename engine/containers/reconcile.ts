import { readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { isFault } from "#base/fault.ts";
import { isRemote } from "#engine/logs/log-options.ts";
import { containerFolder, shimSocket } from "#engine/runtime/paths.ts";
import type { ExitedTask } from "#engine/supervise/shim-client.ts";
import { startTimeOf } from "#host/process-end.ts";
import { removeFolder } from "#host/remove-folder.ts";
import { forwardedLog } from "./container-logs.ts";
import type { ContainerContext } from "./context.ts";
import { readExit } from "./exit-file.ts";
import type { Lifecycle } from "./lifecycle.ts";
import { type ContainerRecord, isAlive, mountPoints, zeroTime } from "./record.ts";
import { startsWithDaemon } from "./restart-policy.ts";

/** What Docker says of a container that ended when nobody could see it, a reboot of the host above all. */
const unseenExitCode = 255;

/**
 * Brings the kernel and the records together when the daemon starts, whatever its predecessor was doing when it ended: adopts
 * what still runs, takes in what ended meanwhile, and removes everything that no record speaks of. May be repeated.
 */
export async function reconcile(context: ContainerContext, lifecycle: Lifecycle): Promise<void> {
  const { registry, networks, volumes, idRanges } = context;
  const before = registry.list();
  for (const { id, hostConfig } of before) context.launcher.cgroups.place(id, hostConfig);
  for (const record of before) {
    volumes.adopt(record.id, mountPoints(record), isAlive(record.state));
    if (record.idRange !== undefined) idRanges.adopt(record.id, record.idRange);
  }
  const sockets = new Set(namesIn(join(context.paths.run, "s")));
  const found = new Set(taskNames(context));
  const hasTask = ({ id }: ContainerRecord) => sockets.has(id.slice(0, 20)) || found.has(id);
  const ended = await Promise.all(
    before
      .filter((record) => isAlive(record.state) || hasTask(record))
      .map((record) => reconcileOne(context, lifecycle, record)),
  );
  await removeStrays(context);
  await networks.settle();
  for (const { isRewired, ...record } of registry.list()) if (isRewired) await registry.replace(record);
  for (const [record, exited] of ended.filter((pair) => pair !== undefined))
    await lifecycle.ended(record.id, exited);
  for (const record of registry.list())
    if (isRemote(record.hostConfig.LogConfig.Type) && !context.tasks.has(record.id))
      context.forwarders.resume(forwardedLog(context.paths, record));
  await resume(context, lifecycle, before);
}

/** Returns the record with how it ended, if it did; that is taken in after the networks are settled. */
async function reconcileOne(
  context: ContainerContext,
  lifecycle: Lifecycle,
  record: ContainerRecord,
): Promise<readonly [ContainerRecord, ExitedTask] | undefined> {
  const { launcher, networks, log } = context;
  try {
    const { task, started } = await launcher.reconnect(record.id);
    if (isAlive(record.state) && started.pid === record.state.pid) {
      if (record.endpoints !== undefined)
        networks.adopt(record.id, record.endpoints, `/proc/${started.pid}/ns/net`, record.isRewired);
      lifecycle.watch(record, task);
      return undefined;
    }
    // A start that nobody was told of: undo it.
    task.control.signal(9);
    await task.control.exited;
    task.control.detach();
  } catch (error) {
    if (!isFault(error)) throw error;
    log.debug("no shim to adopt", { container: record.id, error });
  }
  if (!isAlive(record.state)) {
    await endLeftovers(context, record);
    return undefined;
  }
  const exited = readExit(context.paths, record.id);
  if (exited === undefined) await endLeftovers(context, record);
  return [record, exited ?? { exitCode: unseenExitCode, finishedAt: context.now() }];
}

/** The shim is gone: nothing of its container may go on without it. */
async function endLeftovers(context: ContainerContext, record: ContainerRecord): Promise<void> {
  const { pid, pidStartTime } = record.state;
  if (pid > 0 && startTimeOf(pid) === pidStartTime) process.kill(pid, "SIGKILL");
  await context.launcher.settle(record.id);
  await context.launcher.clear(record.id);
}

/** Bundles, cgroups, sockets, folders and snapshots that no record speaks of. */
async function removeStrays(context: ContainerContext): Promise<void> {
  const { registry, launcher, snapshots, paths, log, isOthers = () => false } = context;
  const known = new Set(registry.list().map((record) => record.id));
  for (const id of new Set(taskNames({ launcher, paths }))) {
    if (known.has(id) || !/^[0-9a-f]{64}$/.test(id)) continue;
    log.info("removing what a container left", { container: id });
    await launcher.settle(id);
    await launcher.clear(id);
  }
  const sockets = new Set([...known].map((id) => shimSocket(paths, id)));
  for (const name of namesIn(join(paths.run, "s")))
    if (!sockets.has(join(paths.run, "s", name))) rmSync(join(paths.run, "s", name), { force: true });
  for (const id of namesIn(join(paths.root, "containers")))
    if (!known.has(id)) removeFolder(containerFolder(paths, id));
  for (const { key, kind } of snapshots.list()) {
    const [id = ""] = key.split("-", 1);
    if (kind === "container" && !known.has(id) && !isOthers(id)) await snapshots.remove(key);
  }
}

/** IDs that something of a run is left of: its record may say that it has ended, which is written before all of it is gone. */
function taskNames({ launcher, paths }: Pick<ContainerContext, "launcher" | "paths">): readonly string[] {
  return [...namesIn(join(paths.run, "c")), ...namesIn(join(paths.run, "crun")), ...launcher.cgroups.list()];
}

/** Containers that are to run whenever the daemon does, and those whose restart was pending. */
async function resume(
  { registry, tasks, log }: ContainerContext,
  lifecycle: Lifecycle,
  before: readonly ContainerRecord[],
): Promise<void> {
  for (const { id } of before) {
    const record = registry.find(id);
    if (record === undefined || tasks.has(id)) continue;
    const { RestartPolicy: policy, AutoRemove } = record.hostConfig;
    const isStarted = record.state.startedAt !== zeroTime;
    if (
      record.state.status === "restarting" ||
      (isStarted && startsWithDaemon(policy, record.isManuallyStopped))
    ) {
      // A stop by a user counts until the daemon starts, where the policy is to run always.
      registry.note({ ...record, isManuallyStopped: false });
      lifecycle.restarts.schedule(id, 0);
    } else if (AutoRemove && isStarted)
      await lifecycle
        .discard(record)
        .catch((error: unknown) => log.warn("not removed", { container: id, error }));
  }
}

function namesIn(folder: string): readonly string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

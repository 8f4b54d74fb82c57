import { setTimeout as delay } from "node:timers/promises";
import { wholeSectors } from "#hypervisor/disks/qemu-img.ts";
import type { Machine } from "#hypervisor/qemu/machine.ts";
import { deviceIdOf, type DriveSpec, nodeNameOf } from "#hypervisor/qemu/machine-spec.ts";
import { blockdevOf, deviceOf } from "#hypervisor/qemu/plan-argv.ts";
import { QmpError, type QmpEvent } from "#hypervisor/qemu/qmp.ts";

const unplugMs = 60_000;
const trayTries = 50;

/** Adds a disk to a machine that runs. @throws {QmpError} */
export async function plugDrive({ qmp }: Machine, drive: DriveSpec, signal: AbortSignal): Promise<void> {
  if (drive.medium !== undefined) await qmp.execute("blockdev-add", blockdevOf(drive), signal);
  try {
    await addDevice(qmp, drive, signal);
  } catch (error) {
    if (drive.medium !== undefined)
      await qmp.execute("blockdev-del", { "node-name": nodeNameOf(drive.uuid) }, signal);
    throw error;
  }
}

/** A machine gets its SCSI controller with the first disk that needs it. */
async function addDevice(qmp: Machine["qmp"], drive: DriveSpec, signal: AbortSignal): Promise<void> {
  try {
    await qmp.execute("device_add", deviceOf(drive), signal);
  } catch (error) {
    if (!(error instanceof QmpError) || !error.message.includes("Bus 'scsi.0' not found")) throw error;
    await qmp.execute("device_add", { driver: "virtio-scsi-pci", id: "scsi" }, signal);
    await qmp.execute("device_add", deviceOf(drive), signal);
  }
}

/**
 * Takes a disk out of a machine that runs, if its guest lets it go within a minute.
 *
 * @returns whether it did
 */
export async function unplugDrive(machine: Machine, drive: DriveSpec, signal: AbortSignal): Promise<boolean> {
  const { qmp } = machine;
  const node = await activeNodeOf(machine, drive.uuid, signal);
  const isGone = await unplugDevice(machine, deviceIdOf(drive.uuid), signal);
  if (isGone && node !== undefined && !qmp.isClosed)
    await qmp.execute("blockdev-del", { "node-name": node }, signal);
  return isGone;
}

/** Asks the guest to let a device go. @returns whether it has within a minute */
export async function unplugDevice({ qmp }: Machine, device: string, signal: AbortSignal): Promise<boolean> {
  const gone = Promise.withResolvers<boolean>();
  using _listening = qmp.onEvent(({ event, data }: QmpEvent) => {
    if (event === "DEVICE_DELETED" && data["device"] === device) gone.resolve(true);
  });
  await qmp.execute("device_del", { id: device }, signal);
  const giveUp = new AbortController();
  const late = delay(unplugMs, false, { signal: giveUp.signal, ref: false }).catch(() => false);
  const isGone = await Promise.race([gone.promise, late, qmp.closed().then(() => true)]);
  giveUp.abort();
  return isGone;
}

/** Whether the machine has the drive now: what is added to one that runs may come at the next start. */
export async function hasDrive(machine: Machine, uuid: string, signal: AbortSignal): Promise<boolean> {
  return (await findDrive(machine, uuid, signal)) !== undefined;
}

/** Puts another medium into a CD-ROM drive of a machine that runs, or none. */
export async function changeMedium(machine: Machine, drive: DriveSpec, signal: AbortSignal): Promise<void> {
  const { qmp } = machine;
  const id = deviceIdOf(drive.uuid);
  const before = await activeNodeOf(machine, drive.uuid, signal);
  if (before !== undefined) {
    await withOpenTray(machine, id, "blockdev-remove-medium", {}, signal);
    await qmp.execute("blockdev-del", { "node-name": before }, signal);
  }
  if (drive.medium !== undefined) {
    await qmp.execute("blockdev-add", blockdevOf(drive), signal);
    const node = { "node-name": nodeNameOf(drive.uuid) };
    try {
      await withOpenTray(machine, id, "blockdev-insert-medium", node, signal);
    } catch (error) {
      await qmp.execute("blockdev-del", node, signal);
      throw error;
    }
  }
  await qmp.execute("blockdev-close-tray", { id }, signal);
}

/** A guest that looks for media closes the tray whenever it likes. */
async function withOpenTray(
  { qmp }: Machine,
  id: string,
  command: string,
  more: Readonly<Record<string, unknown>>,
  signal: AbortSignal,
): Promise<void> {
  for (let triesLeft = trayTries; ; triesLeft--) {
    await qmp.execute("blockdev-open-tray", { id, force: true }, signal);
    try {
      await qmp.execute(command, { id, ...more }, signal);
      return;
    } catch (error) {
      const isClosedAgain = error instanceof QmpError && error.message.includes("is not open");
      if (!isClosedAgain || triesLeft === 0) throw error;
    }
  }
}

/** Tells the guest that its disk is larger now. */
export async function growDrive(
  machine: Machine,
  uuid: string,
  bytes: number,
  signal: AbortSignal,
): Promise<void> {
  const node = await activeNodeOf(machine, uuid, signal);
  if (node !== undefined)
    await machine.qmp.execute("block_resize", { "node-name": node, size: wholeSectors(bytes) }, signal);
}

/** A layer that is to become the topmost of a disk. */
export interface NextLayer {
  readonly drive: string;
  readonly layer: string;
  /** Relative to the machine's folder. */
  readonly file: string;
}

/**
 * Puts new, empty layers on disks of a machine that runs, on all of them at one moment: what is below is still from then on.
 *
 * @throws {QmpError} when one cannot be; none is then
 */
export async function freezeDrives(
  machine: Machine,
  next: readonly NextLayer[],
  signal: AbortSignal,
): Promise<void> {
  const { qmp } = machine;
  const added: string[] = [];
  try {
    const actions = [];
    for (const { drive, layer, file } of next) {
      const node = await activeNodeOf(machine, drive, signal);
      if (node === undefined) throw new QmpError("DeviceNotFound", `disk ${drive} is not there`);
      const overlay = nodeNameOf(layer);
      const options = await cacheOf(machine, node, signal);
      await qmp.execute(
        "blockdev-add",
        {
          driver: "qcow2",
          "node-name": overlay,
          discard: "unmap",
          cache: options,
          // The parent is open already, under its own name.
          backing: null,
          file: { driver: "file", filename: file, cache: options, ...(options.direct && { aio: "native" }) },
        },
        signal,
      );
      added.push(overlay);
      actions.push({ type: "blockdev-snapshot", data: { node, overlay } });
    }
    await qmp.execute("transaction", { actions }, signal);
  } catch (error) {
    for (const node of added)
      await qmp.execute("blockdev-del", { "node-name": node }, signal).catch(() => {});
    throw error;
  }
}

/** What a drive's device reads now: after snapshots that is another node than it began with. */
export async function activeNodeOf(
  machine: Machine,
  uuid: string,
  signal: AbortSignal,
): Promise<string | undefined> {
  const found = await findDrive(machine, uuid, signal);
  return found?.inserted?.["node-name"];
}

/** The file that a drive is on, relative to the machine's folder. */
export async function activeFileOf(
  machine: Machine,
  uuid: string,
  signal: AbortSignal,
): Promise<string | undefined> {
  const found = await findDrive(machine, uuid, signal);
  return found?.inserted?.file;
}

interface BlockInfo {
  readonly qdev?: string;
  readonly inserted?: {
    readonly "node-name"?: string;
    readonly file: string;
    readonly cache: { readonly direct: boolean };
  };
}

async function findDrive(
  { qmp }: Machine,
  uuid: string,
  signal: AbortSignal,
): Promise<BlockInfo | undefined> {
  const id = deviceIdOf(uuid);
  const all = (await qmp.execute("query-block", {}, signal)) as readonly BlockInfo[];
  return all.find(({ qdev }) => qdev === id || qdev?.split("/").includes(id) === true);
}

async function cacheOf(
  { qmp }: Machine,
  node: string,
  signal: AbortSignal,
): Promise<{ direct: boolean; "no-flush": boolean }> {
  const all = (await qmp.execute("query-named-block-nodes", { flat: true }, signal)) as readonly {
    "node-name": string;
    cache: { direct: boolean };
  }[];
  const direct = all.find((own) => own["node-name"] === node)?.cache.direct ?? false;
  return { direct, "no-flush": false };
}

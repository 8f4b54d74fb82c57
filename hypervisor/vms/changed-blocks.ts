import { Fault } from "#base/fault.ts";
import { type Extent, mapImage } from "#hypervisor/disks/qemu-img.ts";
import { freezeDisks } from "./freeze.ts";
import { type BlockDeviceRecord, kinds, type SnapshotRecord } from "./records.ts";
import { blockDevicesOf, snapshotsOf, type VmDeps } from "./vm-deps.ts";

/** Blocks from `lower` on, below `upper`. */
export interface BlockInterval {
  readonly lower: number;
  readonly upper: number;
}

const blockBytes = 1 << 20;

/**
 * The blocks of a disk, of 1 MiB each, that have been written between two of its snapshots, whichever is the older one.
 *
 * @param serials numbers of snapshots; 0 is the disk as it is now
 * @throws {Fault} `not-found` for a disk or a snapshot that there is not
 */
export async function changedBlocks(
  deps: VmDeps,
  uuid: string,
  serials: readonly [from: number, to: number],
  signal: AbortSignal,
): Promise<readonly BlockInterval[]> {
  const { layers } = deps;
  const vmUUID = vmOf(deps, uuid);
  const [one, other] = serials.map((serial) =>
    serial === 0 ? undefined : layerIn(deps, vmUUID, uuid, serial),
  );
  const now = one === undefined || other === undefined ? await stillTop(deps, vmUUID, uuid, signal) : "";
  const [first, second] = [one ?? now, other ?? now];
  const distance = (from: string, to: string) => layers.chainOf(from).findIndex((layer) => layer.uuid === to);
  const [newer, older] = distance(first, second) >= 0 ? [first, second] : [second, first];
  const depth = distance(newer, older);
  if (depth < 0 || layers.find(newer) === undefined)
    throw new Fault("invalid", "The disk has been replaced between these snapshots");
  if (depth === 0) return [];
  using _pin = layers.pin(newer);
  return intervalsOf(await mapImage(layers.pathOf(newer), signal), depth);
}

function vmOf({ records }: VmDeps, uuid: string): string {
  const device = records.find<BlockDeviceRecord>(kinds.blockDevice, uuid);
  const kept = records
    .list<SnapshotRecord>(kinds.snapshot)
    .find(({ blockDevices }) => blockDevices.some((own) => own.uuid === uuid));
  const vmUUID = device?.virDomainUUID ?? kept?.domainUUID;
  if (vmUUID === undefined) throw new Fault("not-found", `There is no block device ${uuid}`);
  return vmUUID;
}

function layerIn({ records }: VmDeps, vmUUID: string, uuid: string, serial: number): string {
  const snapshot = snapshotsOf(records, vmUUID).find(({ serialNumber }) => serialNumber === serial);
  const layer = snapshot?.blockDevices.find((device) => device.uuid === uuid)?.layer;
  if (layer === undefined)
    throw new Fault("not-found", `The block device has no snapshot with the serial number ${serial}`);
  return layer;
}

/** What is written cannot be looked at: a new layer goes on top of it. */
async function stillTop(deps: VmDeps, vmUUID: string, uuid: string, signal: AbortSignal): Promise<string> {
  return await deps.locks.run(vmUUID, async () => {
    const device = blockDevicesOf(deps.records, vmUUID).find((own) => own.uuid === uuid);
    if (device?.layer === undefined) throw new Fault("not-found", `There is no disk ${uuid}`);
    const frozen = await freezeDisks(deps, vmUUID, [device], signal);
    return frozen.get(uuid) ?? device.layer;
  });
}

/** Neighbours become one. @param depth of the older one below the newer */
export function intervalsOf(extents: readonly Extent[], depth: number): readonly BlockInterval[] {
  const found: { lower: number; upper: number }[] = [];
  for (const { startBytes, lengthBytes, depth: own } of extents) {
    if (own === undefined || own >= depth || lengthBytes === 0) continue;
    const lower = Math.floor(startBytes / blockBytes);
    const upper = Math.ceil((startBytes + lengthBytes) / blockBytes);
    const last = found.at(-1);
    if (last !== undefined && lower <= last.upper) last.upper = Math.max(last.upper, upper);
    else found.push({ lower, upper });
  }
  return found;
}

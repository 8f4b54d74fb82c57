import type { VolumeRecord } from "./volume-record.ts";
import type { Volumes } from "./volume-service.ts";

/** @see Docker Engine API v1.51, definition Volume */
export interface VolumeView {
  readonly CreatedAt: string;
  readonly Driver: "local";
  readonly Labels: Readonly<Record<string, string>> | null;
  readonly Mountpoint: string;
  readonly Name: string;
  readonly Options: Readonly<Record<string, string>> | null;
  readonly Scope: "local";
  readonly UsageData?: { readonly RefCount: number; readonly Size: number };
}

export function volumeView(volumes: Volumes, record: VolumeRecord): VolumeView {
  return {
    CreatedAt: record.createdAt.replace(/\.\d+/, ""),
    Driver: "local",
    Labels: record.labels,
    Mountpoint: volumes.mountpointOf(record),
    Name: record.name,
    Options: record.options,
    Scope: "local",
  };
}

/** As `system df` shows it: measuring reads every folder of the volume. */
export async function volumeUsageView(
  volumes: Volumes,
  record: VolumeRecord,
  signal: AbortSignal,
): Promise<VolumeView> {
  const Size = await volumes.sizeOf(record, signal);
  return {
    ...volumeView(volumes, record),
    UsageData: { RefCount: volumes.usersOf(record.name).length, Size },
  };
}

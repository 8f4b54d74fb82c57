import type { PersistentVolume, PersistentVolumeClaim } from "#api/kube/types/core.ts";
import { compareQuantities, parseQuantity } from "./quantity.ts";

/** The annotation of a claim with the node that its first consumer is going to be on. */
export const selectedNode = "volume.kubernetes.io/selected-node";
export const bindCompleted = "pv.kubernetes.io/bind-completed";

/** Whether a volume has what the claim asks for; whether it is free is another question. */
export function hasWhatIsAsked({ spec, metadata }: PersistentVolume, claim: PersistentVolumeClaim): boolean {
  if (metadata.deletionTimestamp !== undefined) return false;
  if ((spec?.storageClassName ?? "") !== (claim.spec?.storageClassName ?? "")) return false;
  if ((spec?.volumeMode ?? "Filesystem") !== (claim.spec?.volumeMode ?? "Filesystem")) return false;
  const modes = spec?.accessModes ?? [];
  if (!(claim.spec?.accessModes ?? []).every((mode) => modes.includes(mode))) return false;
  return compareQuantities(sizeOf(spec?.capacity), sizeOf(claim.spec?.resources?.requests)) >= 0;
}

export function sizeOf(
  amounts: Readonly<Record<string, string>> | undefined,
): ReturnType<typeof parseQuantity> {
  return parseQuantity(amounts?.["storage"] ?? "0");
}

export function isBound({ spec, metadata }: PersistentVolumeClaim): boolean {
  return (spec?.volumeName ?? "") !== "" && metadata.annotations?.[bindCompleted] !== undefined;
}

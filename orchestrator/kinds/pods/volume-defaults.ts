import type { Volume, VolumeProjection } from "#api/kube/types/core-volumes.ts";
import type { Writable } from "../edit.ts";
import { hasLatestTag } from "./image-name.ts";

const readableByAll = 0o644;
const tokenLifetimeS = 3600;
const certificateLifetimeS = 86_400;

/** What upstream fills into a volume of a pod. */
export function defaultVolume(volume: Writable<Volume>): void {
  if (Object.keys(volume).every((key) => key === "name")) volume.emptyDir = {};
  const { secret, configMap, downwardAPI, projected, hostPath, image, ephemeral } = volume;
  for (const source of [secret, configMap, downwardAPI, projected]) {
    if (source !== undefined) source.defaultMode ??= readableByAll;
  }
  for (const item of downwardAPI?.items ?? [])
    if (item.fieldRef !== undefined) item.fieldRef.apiVersion ??= "v1";
  for (const source of projected?.sources ?? []) defaultProjection(source);
  if (hostPath !== undefined) hostPath.type ??= "";
  if (image !== undefined)
    image.pullPolicy ??= hasLatestTag(image.reference ?? "") ? "Always" : "IfNotPresent";
  if (ephemeral?.volumeClaimTemplate !== undefined)
    ephemeral.volumeClaimTemplate.spec.volumeMode ??= "Filesystem";
  defaultNetworkVolume(volume);
}

function defaultProjection(source: Writable<VolumeProjection>): void {
  for (const item of source.downwardAPI?.items ?? []) {
    if (item.fieldRef !== undefined) item.fieldRef.apiVersion ??= "v1";
  }
  if (source.serviceAccountToken !== undefined)
    source.serviceAccountToken.expirationSeconds ??= tokenLifetimeS;
  if (source.podCertificate !== undefined)
    source.podCertificate.maxExpirationSeconds ??= certificateLifetimeS;
}

/** Kinds of volumes that lead to other machines. */
export function defaultNetworkVolume(
  volume: Writable<Pick<Volume, "iscsi" | "rbd" | "azureDisk" | "scaleIO">>,
): void {
  const { iscsi, rbd, azureDisk, scaleIO } = volume;
  if (iscsi !== undefined) iscsi.iscsiInterface ??= "default";
  if (rbd !== undefined) {
    rbd.pool ??= "rbd";
    rbd.user ??= "admin";
    rbd.keyring ??= "/etc/ceph/keyring";
  }
  if (azureDisk !== undefined) {
    azureDisk.cachingMode ??= "ReadWrite";
    azureDisk.kind ??= "Shared";
    azureDisk.fsType ??= "ext4";
    azureDisk.readOnly ??= false;
  }
  if (scaleIO !== undefined) {
    scaleIO.storageMode ??= "ThinProvisioned";
    scaleIO.fsType ??= "xfs";
  }
}

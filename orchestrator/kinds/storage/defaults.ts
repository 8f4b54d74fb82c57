import type { PersistentVolume, PersistentVolumeClaim } from "#api/kube/types/core.ts";
import type { CSIDriver, StorageClass } from "#api/kube/types/storage.ts";
import type { Draft } from "#orchestrator/machinery/resource.ts";
import { edit } from "../edit.ts";
import { defaultNetworkVolume } from "../pods/volume-defaults.ts";

export function defaultPersistentVolume(object: Draft): void {
  const volume = edit<PersistentVolume>(object);
  const { spec } = volume;
  volume.status ??= {};
  volume.status.phase ??= "Pending";
  spec.persistentVolumeReclaimPolicy ??= "Retain";
  spec.volumeMode ??= "Filesystem";
  if (spec.hostPath !== undefined) spec.hostPath.type ??= "";
  defaultNetworkVolume(spec);
}

export function defaultPersistentVolumeClaim(object: Draft): void {
  const claim = edit<PersistentVolumeClaim>(object);
  claim.status ??= {};
  claim.status.phase ??= "Pending";
  claim.spec.volumeMode ??= "Filesystem";
}

export function defaultStorageClass(object: Draft): void {
  const storageClass = edit<StorageClass>(object);
  storageClass.reclaimPolicy ??= "Delete";
  storageClass.volumeBindingMode ??= "Immediate";
}

export function defaultCsiDriver(object: Draft): void {
  const { spec } = edit<CSIDriver>(object);
  spec.attachRequired ??= true;
  spec.podInfoOnMount ??= false;
  spec.storageCapacity ??= false;
  spec.fsGroupPolicy ??= "ReadWriteOnceWithFSType";
  spec.volumeLifecycleModes ??= ["Persistent"];
  spec.requiresRepublish ??= false;
  spec.seLinuxMount ??= false;
}

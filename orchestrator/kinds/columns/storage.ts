import type { PersistentVolume, PersistentVolumeClaim } from "#api/kube/types/core.ts";
import type {
  CSIDriver,
  CSINode,
  CSIStorageCapacity,
  StorageClass,
  VolumeAttachment,
  VolumeAttributesClass,
} from "#api/kube/types/storage.ts";
import type { Column } from "#orchestrator/machinery/resource.ts";
import { ageColumn, column, nameColumn, wide } from "./column.ts";

const modes = [
  ["ReadWriteOnce", "RWO"],
  ["ReadOnlyMany", "ROX"],
  ["ReadWriteMany", "RWX"],
  ["ReadWriteOncePod", "RWOP"],
] as const;

function accessModes(given: readonly string[] | undefined): string {
  return modes
    .filter(([mode]) => given?.includes(mode))
    .map(([, short]) => short)
    .join(",");
}

const betaClass = "volume.beta.kubernetes.io/storage-class";

function phaseOf(object: PersistentVolume | PersistentVolumeClaim): string {
  return object.metadata.deletionTimestamp === undefined ? (object.status?.phase ?? "") : "Terminating";
}

function classOf({ metadata, spec }: PersistentVolume | PersistentVolumeClaim): string {
  return metadata.annotations?.[betaClass] ?? spec.storageClassName ?? "";
}

const classColumns: readonly Column[] = [
  column<PersistentVolume | PersistentVolumeClaim>("StorageClass", "string", "The storage class.", classOf),
  column<PersistentVolume | PersistentVolumeClaim>(
    "VolumeAttributesClass",
    "string",
    "The volume attributes class.",
    ({ spec }) => spec.volumeAttributesClassName ?? "<unset>",
  ),
];

const volumeModeColumn = wide<PersistentVolume | PersistentVolumeClaim>(
  "VolumeMode",
  "Whether it is a file system or a block device.",
  ({ spec }) => spec.volumeMode ?? "<unset>",
);

export const persistentVolumeColumns: readonly Column[] = [
  nameColumn,
  column<PersistentVolume>(
    "Capacity",
    "string",
    "How much it holds.",
    ({ spec }) => spec.capacity?.["storage"] ?? "0",
  ),
  column<PersistentVolume>("Access Modes", "string", "All ways the volume can be mounted.", ({ spec }) =>
    accessModes(spec.accessModes),
  ),
  column<PersistentVolume>(
    "Reclaim Policy",
    "string",
    "What happens to it when its claim has gone.",
    ({ spec }) => spec.persistentVolumeReclaimPolicy,
  ),
  column<PersistentVolume>("Status", "string", "Whether it is bound to a claim.", phaseOf),
  column<PersistentVolume>("Claim", "string", "The claim that it is bound to.", ({ spec }) =>
    spec.claimRef === undefined ? "" : `${spec.claimRef.namespace ?? ""}/${spec.claimRef.name ?? ""}`,
  ),
  ...classColumns,
  column<PersistentVolume>("Reason", "string", "Why it is in its phase.", ({ status }) => status?.reason),
  ageColumn,
  volumeModeColumn,
];

export const persistentVolumeClaimColumns: readonly Column[] = [
  nameColumn,
  column<PersistentVolumeClaim>("Status", "string", "Whether it is bound to a volume.", phaseOf),
  column<PersistentVolumeClaim>(
    "Volume",
    "string",
    "The volume that it is bound to.",
    ({ spec }) => spec.volumeName,
  ),
  column<PersistentVolumeClaim>("Capacity", "string", "How much its volume holds.", ({ spec, status }) =>
    spec.volumeName ? (status?.capacity?.["storage"] ?? "0") : "",
  ),
  column<PersistentVolumeClaim>(
    "Access Modes",
    "string",
    "How its volume can be mounted.",
    ({ spec, status }) => (spec.volumeName ? accessModes(status?.accessModes) : ""),
  ),
  ...classColumns,
  ageColumn,
  volumeModeColumn,
];

const isDefault = [
  "storageclass.kubernetes.io/is-default-class",
  "storageclass.beta.kubernetes.io/is-default-class",
];

export const storageClassColumns: readonly Column[] = [
  {
    ...nameColumn,
    cell: (object, now) => {
      const annotations = (object as { metadata?: StorageClass["metadata"] }).metadata?.annotations ?? {};
      const name = nameColumn.cell(object, now);
      return isDefault.some((key) => annotations[key] === "true") ? `${String(name)} (default)` : name;
    },
  },
  column<StorageClass>(
    "Provisioner",
    "string",
    "The type of the provisioner.",
    ({ provisioner }) => provisioner,
  ),
  column<StorageClass>(
    "ReclaimPolicy",
    "string",
    "What its volumes get as their reclaim policy.",
    ({ reclaimPolicy }) => reclaimPolicy ?? "Delete",
  ),
  column<StorageClass>(
    "VolumeBindingMode",
    "string",
    "When claims are bound.",
    ({ volumeBindingMode }) => volumeBindingMode ?? "Immediate",
  ),
  column<StorageClass>(
    "AllowVolumeExpansion",
    "boolean",
    "Whether volumes may grow.",
    ({ allowVolumeExpansion }) => allowVolumeExpansion ?? false,
  ),
  ageColumn,
];

export const volumeAttributesClassColumns: readonly Column[] = [
  nameColumn,
  column<VolumeAttributesClass>(
    "DriverName",
    "string",
    "The driver that it is for.",
    ({ driverName }) => driverName,
  ),
  ageColumn,
];

export const volumeAttachmentColumns: readonly Column[] = [
  nameColumn,
  column<VolumeAttachment>("Attacher", "string", "The driver that attaches it.", ({ spec }) => spec.attacher),
  column<VolumeAttachment>("PV", "string", "The volume.", ({ spec }) => spec.source.persistentVolumeName),
  column<VolumeAttachment>("Node", "string", "The node that it is attached to.", ({ spec }) => spec.nodeName),
  column<VolumeAttachment>(
    "Attached",
    "boolean",
    "Whether it is attached.",
    ({ status }) => status?.attached ?? false,
  ),
  ageColumn,
];

export const csiDriverColumns: readonly Column[] = [
  nameColumn,
  column<CSIDriver>(
    "AttachRequired",
    "boolean",
    "Whether its volumes need to be attached.",
    ({ spec }) => spec.attachRequired ?? true,
  ),
  column<CSIDriver>(
    "PodInfoOnMount",
    "boolean",
    "Whether it is told of the pod.",
    ({ spec }) => spec.podInfoOnMount ?? false,
  ),
  column<CSIDriver>(
    "StorageCapacity",
    "boolean",
    "Whether it tells how much it can hold.",
    ({ spec }) => spec.storageCapacity ?? false,
  ),
  column<CSIDriver>(
    "TokenRequests",
    "string",
    "The audiences of tokens that it needs.",
    ({ spec }) => (spec.tokenRequests ?? []).map(({ audience }) => audience).join(",") || "<unset>",
  ),
  column<CSIDriver>(
    "RequiresRepublish",
    "boolean",
    "Whether it is called from time to time.",
    ({ spec }) => spec.requiresRepublish ?? false,
  ),
  column<CSIDriver>(
    "Modes",
    "string",
    "The modes that it supports.",
    ({ spec }) => (spec.volumeLifecycleModes ?? []).join(",") || "<none>",
  ),
  ageColumn,
];

export const csiNodeColumns: readonly Column[] = [
  nameColumn,
  column<CSINode>(
    "Drivers",
    "integer",
    "How many drivers are installed.",
    ({ spec }) => spec.drivers?.length ?? 0,
  ),
  ageColumn,
];

export const csiStorageCapacityColumns: readonly Column[] = [
  nameColumn,
  column<CSIStorageCapacity>(
    "StorageClassName",
    "string",
    "The storage class that it is told for.",
    ({ storageClassName }) => storageClassName,
  ),
  column<CSIStorageCapacity>(
    "Capacity",
    "string",
    "How much there is.",
    ({ capacity }) => capacity ?? "<unset>",
  ),
];

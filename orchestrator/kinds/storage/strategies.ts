import {
  claimErrors,
  claimUpdateErrors,
  csiDriverErrors,
  csiDriverUpdateErrors,
  csiNodeErrors,
  storageClassErrors,
  storageClassUpdateErrors,
  volumeAttachmentErrors,
  volumeAttachmentUpdateErrors,
  volumeErrors,
  volumeUpdateErrors,
} from "./check.ts";
import type { Strategy } from "#orchestrator/machinery/resource.ts";
import { keepsFields } from "../immutable.ts";
import { keepsStatus } from "../parts.ts";
import {
  defaultCsiDriver,
  defaultPersistentVolume,
  defaultPersistentVolumeClaim,
  defaultStorageClass,
} from "./defaults.ts";

const pending = () => ({ phase: "Pending" });

export const storageStrategies: Readonly<Record<string, Strategy>> = {
  persistentvolumes: {
    default: defaultPersistentVolume,
    validate: volumeErrors,
    validateUpdate: volumeUpdateErrors,
    ...keepsStatus({ initial: pending, counts: [] }),
  },
  persistentvolumeclaims: {
    default: defaultPersistentVolumeClaim,
    validate: claimErrors,
    validateUpdate: claimUpdateErrors,
    ...keepsStatus({ initial: pending, counts: [] }),
  },
  "storageclasses.storage.k8s.io": {
    default: defaultStorageClass,
    validate: storageClassErrors,
    validateUpdate: storageClassUpdateErrors,
  },
  "csidrivers.storage.k8s.io": {
    default: defaultCsiDriver,
    validate: csiDriverErrors,
    validateUpdate: csiDriverUpdateErrors,
    needsResourceVersion: true,
  },
  "csinodes.storage.k8s.io": { validate: csiNodeErrors, needsResourceVersion: true },
  "csistoragecapacities.storage.k8s.io": keepsFields("nodeTopology", "storageClassName"),
  "volumeattributesclasses.storage.k8s.io": keepsFields("driverName", "parameters"),
  "volumeattachments.storage.k8s.io": {
    ...keepsStatus({ initial: () => ({ attached: false }), counts: [] }),
    validate: volumeAttachmentErrors,
    validateUpdate: volumeAttachmentUpdateErrors,
    needsResourceVersion: true,
  },
};

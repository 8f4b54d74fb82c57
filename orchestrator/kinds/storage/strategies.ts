import type { Strategy } from "#orchestrator/machinery/resource.ts";
import { keepsStatus } from "../parts.ts";
import {
  defaultCsiDriver,
  defaultPersistentVolume,
  defaultPersistentVolumeClaim,
  defaultStorageClass,
} from "./defaults.ts";

const pending = () => ({ phase: "Pending" });

export const storageStrategies: Readonly<Record<string, Strategy>> = {
  persistentvolumes: { default: defaultPersistentVolume, ...keepsStatus({ initial: pending, counts: [] }) },
  persistentvolumeclaims: {
    default: defaultPersistentVolumeClaim,
    ...keepsStatus({ initial: pending, counts: [] }),
  },
  "storageclasses.storage.k8s.io": { default: defaultStorageClass },
  "csidrivers.storage.k8s.io": { default: defaultCsiDriver, needsResourceVersion: true },
  "csinodes.storage.k8s.io": { needsResourceVersion: true },
  "volumeattachments.storage.k8s.io": {
    ...keepsStatus({ initial: () => ({ attached: false }), counts: [] }),
    needsResourceVersion: true,
  },
};

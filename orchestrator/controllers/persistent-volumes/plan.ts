import type { PersistentVolume, PersistentVolumeClaim } from "#api/kube/types/core.ts";
import type { Node } from "#api/kube/types/core.ts";
import type { StorageClass } from "#api/kube/types/storage.ts";
import { matchesNodeSelector } from "#orchestrator/machinery/node-affinity.ts";
import { compareQuantities } from "#orchestrator/machinery/quantity.ts";
import { hasWhatIsAsked, selectedNode, sizeOf } from "#orchestrator/machinery/volume-match.ts";
import { selects } from "#orchestrator/machinery/label-selector.ts";

export const provisioner = "gantry.dev/local-path";
const byController = "pv.kubernetes.io/bound-by-controller";
const provisionedBy = "pv.kubernetes.io/provisioned-by";

/** What is to be done for a claim that has no volume yet. */
export type ClaimStep =
  | { readonly do: "bind"; readonly volume: PersistentVolume }
  | { readonly do: "provision"; readonly node: string }
  | {
      readonly do: "wait";
      readonly type: "Normal" | "Warning";
      readonly reason: string;
      readonly message: string;
    };

export function isClaimedBy({ spec }: PersistentVolume, { metadata }: PersistentVolumeClaim): boolean {
  const { claimRef } = spec ?? {};
  if (claimRef?.name !== metadata.name || claimRef?.namespace !== metadata.namespace) return false;
  return claimRef?.uid === undefined || claimRef.uid === metadata.uid;
}

/** @see Kubernetes, persistent volumes: binding; storage classes: volume binding mode */
export function planClaim(
  claim: PersistentVolumeClaim,
  volumes: Iterable<PersistentVolume>,
  storage: StorageClass | undefined,
  nodeOf: (name: string) => Node | undefined,
): ClaimStep {
  const all = [...volumes];
  const wanted = claim.spec?.volumeName ?? "";
  if (wanted !== "") {
    const volume = all.find(({ metadata }) => metadata.name === wanted);
    if (volume !== undefined && (volume.spec?.claimRef === undefined || isClaimedBy(volume, claim)))
      return { do: "bind", volume };
    return wait("Warning", "FailedBinding", `volume "${wanted}" already bound to a different claim.`);
  }
  const reserved = all.find((volume) => isClaimedBy(volume, claim));
  if (reserved !== undefined) return { do: "bind", volume: reserved };
  const node = claim.metadata.annotations?.[selectedNode];
  const isLate = storage?.volumeBindingMode === "WaitForFirstConsumer";
  if (isLate && node === undefined)
    return wait("Normal", "WaitForFirstConsumer", "waiting for first consumer to be created before binding");
  const chosen = node === undefined ? undefined : nodeOf(node);
  const free = all.filter((volume) => {
    if (volume.spec?.claimRef !== undefined || volume.status?.phase !== "Available") return false;
    const required = volume.spec?.nodeAffinity?.required;
    if (chosen !== undefined && required !== undefined && !matchesNodeSelector(required, chosen))
      return false;
    const { selector } = claim.spec ?? {};
    return (
      hasWhatIsAsked(volume, claim) && (selector === undefined || selects(selector, volume.metadata.labels))
    );
  });
  const [smallest] = free.toSorted((a, b) =>
    compareQuantities(sizeOf(a.spec?.capacity), sizeOf(b.spec?.capacity)),
  );
  if (smallest !== undefined) return { do: "bind", volume: smallest };
  return provision(claim, storage, node);
}

function provision(
  claim: PersistentVolumeClaim,
  storage: StorageClass | undefined,
  node: string | undefined,
): ClaimStep {
  const name = claim.spec?.storageClassName ?? "";
  if (name === "")
    return wait(
      "Normal",
      "FailedBinding",
      "no persistent volumes available for this claim and no storage class is set",
    );
  if (storage === undefined)
    return wait("Warning", "ProvisioningFailed", `storageclass.storage.k8s.io "${name}" not found`);
  if (storage.provisioner === "kubernetes.io/no-provisioner")
    return wait(
      "Normal",
      "FailedBinding",
      "no persistent volumes available for this claim and no storage class is set",
    );
  if (storage.provisioner !== provisioner)
    return wait(
      "Normal",
      "ExternalProvisioning",
      `Waiting for a volume to be created either by the external provisioner '${storage.provisioner}' or manually by the system administrator. If volume creation is delayed, please verify that the provisioner is running and correctly registered.`,
    );
  if (node === undefined)
    return wait(
      "Warning",
      "ProvisioningFailed",
      "a volume of a node needs volumeBindingMode WaitForFirstConsumer",
    );
  const modes = claim.spec?.accessModes ?? [];
  if (modes.some((mode) => mode !== "ReadWriteOnce" && mode !== "ReadWriteOncePod"))
    return wait(
      "Warning",
      "ProvisioningFailed",
      "only ReadWriteOnce and ReadWriteOncePod are there for a volume of a node",
    );
  return { do: "provision", node };
}

function wait(type: "Normal" | "Warning", reason: string, message: string): ClaimStep {
  return { do: "wait", type, reason, message };
}

/** A folder of a node as a volume. @param folder where such volumes are */
export function localVolume(
  claim: PersistentVolumeClaim,
  storage: StorageClass,
  node: Node,
  folder: string,
): PersistentVolume {
  const name = `pvc-${claim.metadata.uid}`;
  const hostname = node.metadata.labels?.["kubernetes.io/hostname"];
  const term =
    hostname === undefined
      ? {
          matchFields: [
            { key: "metadata.name", operator: "In", values: [node.metadata.name ?? ""] } as const,
          ],
        }
      : {
          matchExpressions: [{ key: "kubernetes.io/hostname", operator: "In", values: [hostname] } as const],
        };
  return {
    apiVersion: "v1",
    kind: "PersistentVolume",
    metadata: { name, annotations: { [provisionedBy]: provisioner } },
    spec: {
      capacity: { storage: claim.spec?.resources?.requests?.["storage"] ?? "0" },
      accessModes: claim.spec?.accessModes ?? ["ReadWriteOnce"],
      volumeMode: claim.spec?.volumeMode ?? "Filesystem",
      persistentVolumeReclaimPolicy: storage.reclaimPolicy ?? "Delete",
      storageClassName: storage.metadata.name ?? "",
      hostPath: {
        path: `${folder}/${name}_${claim.metadata.namespace}_${claim.metadata.name}`,
        type: "DirectoryOrCreate",
      },
      nodeAffinity: { required: { nodeSelectorTerms: [term] } },
      claimRef: claimReference(claim),
    },
  };
}

export function isProvisioned({ metadata }: PersistentVolume): boolean {
  return metadata.annotations?.[provisionedBy] === provisioner;
}

function claimReference({ metadata }: PersistentVolumeClaim) {
  const { namespace = "", name = "", uid = "", resourceVersion = "" } = metadata;
  return { apiVersion: "v1", kind: "PersistentVolumeClaim", namespace, name, uid, resourceVersion };
}

/** The volume as the claim's. */
export function claimedVolume(volume: PersistentVolume, claim: PersistentVolumeClaim): PersistentVolume {
  const hasBeen = volume.spec?.claimRef !== undefined;
  const annotations = { ...volume.metadata.annotations, ...(!hasBeen && { [byController]: "yes" }) };
  return {
    ...volume,
    metadata: { ...volume.metadata, annotations },
    spec: { ...volume.spec, claimRef: claimReference(claim) },
  };
}

/** The claim with its volume. */
export function boundClaim(claim: PersistentVolumeClaim, volume: PersistentVolume): PersistentVolumeClaim {
  const isOurs = (claim.spec?.volumeName ?? "") === "";
  const annotations = {
    ...claim.metadata.annotations,
    "pv.kubernetes.io/bind-completed": "yes",
    ...(isOurs && { [byController]: "yes" }),
  };
  return {
    ...claim,
    metadata: { ...claim.metadata, annotations },
    spec: { ...claim.spec, volumeName: volume.metadata.name ?? "" },
  };
}

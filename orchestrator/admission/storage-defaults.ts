import type { KubeObject } from "#api/kube/meta.ts";
import type { PersistentVolumeClaim } from "#api/kube/types/core.ts";
import type { Ingress, IngressClass } from "#api/kube/types/networking.ts";
import type { StorageClass } from "#api/kube/types/storage.ts";
import { compareQuantities, type Quantity } from "#orchestrator/machinery/quantity.ts";
import type { AdmissionPlugin } from "./plugin.ts";
import { type AdmissionDeps, amountOf, isCreate, isFor, objectOf, refuse } from "./support.ts";

/** Claims without a class get the default one. */
export function defaultStorageClass({ objects }: AdmissionDeps): AdmissionPlugin {
  return {
    name: "DefaultStorageClass",
    async admit(request) {
      if (!isCreate(request, "persistentvolumeclaims")) return;
      const { spec, metadata } = objectOf<PersistentVolumeClaim>(request);
      if (spec === undefined || spec.storageClassName !== undefined) return;
      if (metadata.annotations?.["volume.beta.kubernetes.io/storage-class"] !== undefined) return;
      const found = newestDefault(objects.list<StorageClass>("storageclasses.storage.k8s.io"), [
        "storageclass.kubernetes.io/is-default-class",
        "storageclass.beta.kubernetes.io/is-default-class",
      ]);
      if (found?.metadata.name !== undefined) spec.storageClassName = found.metadata.name;
    },
  };
}

/** Ingresses without a class get the default one. */
export function defaultIngressClass({ objects }: AdmissionDeps): AdmissionPlugin {
  return {
    name: "DefaultIngressClass",
    async admit(request) {
      if (!isCreate(request, "ingresses.networking.k8s.io")) return;
      const ingress = objectOf<Ingress>(request);
      if (ingress.spec?.ingressClassName !== undefined) return;
      if (ingress.metadata.annotations?.["kubernetes.io/ingress.class"] !== undefined) return;
      const classes = objects.list<IngressClass>("ingressclasses.networking.k8s.io");
      const found = newestDefault(classes, ["ingressclass.kubernetes.io/is-default-class"]);
      if (found?.metadata.name === undefined) return;
      (ingress.spec ??= {}).ingressClassName = found.metadata.name;
    },
  };
}

/** Of several that say they are it, the one that was made last; of the same second, the first by name. */
function newestDefault<T extends KubeObject>(
  all: Iterable<T>,
  annotations: readonly string[],
): T | undefined {
  const defaults = [...all].filter(({ metadata }) =>
    annotations.some((annotation) => metadata.annotations?.[annotation] === "true"),
  );
  const timeOf = ({ metadata }: T) => Date.parse(metadata.creationTimestamp ?? "") || 0;
  return defaults.toSorted(
    (left, right) =>
      timeOf(right) - timeOf(left) || ((left.metadata.name ?? "") < (right.metadata.name ?? "") ? -1 : 1),
  )[0];
}

const protections: readonly (readonly [string, string])[] = [
  ["persistentvolumeclaims", "kubernetes.io/pvc-protection"],
  ["persistentvolumes", "kubernetes.io/pv-protection"],
  ["volumeattributesclasses.storage.k8s.io", "kubernetes.io/vac-protection"],
];

/** What is in use is kept until it no longer is: a controller takes the finalizer away. */
export const storageObjectInUseProtection: AdmissionPlugin = {
  name: "StorageObjectInUseProtection",
  async admit(request) {
    const [, finalizer] = protections.find(([name]) => isCreate(request, name)) ?? [];
    if (finalizer === undefined) return;
    const { metadata } = objectOf<KubeObject>(request);
    const finalizers = (metadata.finalizers ??= []);
    if (!finalizers.includes(finalizer)) finalizers.push(finalizer);
  },
};

/** A claim only grows when it is bound and its class lets it. */
export function persistentVolumeClaimResize({ objects }: AdmissionDeps): AdmissionPlugin {
  return {
    name: "PersistentVolumeClaimResize",
    async validate(request) {
      if (request.operation !== "UPDATE" || !isFor(request, "persistentvolumeclaims")) return;
      const next = objectOf<PersistentVolumeClaim>(request);
      const old = request.old as unknown as PersistentVolumeClaim | undefined;
      const [wanted, had] = [sizeOf(next as PersistentVolumeClaim), sizeOf(old)];
      if (wanted === undefined || had === undefined || compareQuantities(wanted, had) <= 0) return;
      if (old?.status?.phase !== "Bound")
        throw refuse(request, "Only bound persistent volume claims can be expanded");
      const name = next.spec?.storageClassName ?? "";
      const found = objects.find<StorageClass>("storageclasses.storage.k8s.io", undefined, name);
      if (found?.allowVolumeExpansion !== true)
        throw refuse(
          request,
          "only dynamically provisioned pvc can be resized and the storageclass that provisions the pvc must support resize",
        );
    },
  };
}

function sizeOf(claim: PersistentVolumeClaim | undefined): Quantity | undefined {
  return amountOf(claim?.spec?.resources?.requests?.["storage"]);
}

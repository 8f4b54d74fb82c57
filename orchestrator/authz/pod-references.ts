import type { Container, EphemeralContainer, Pod } from "#api/kube/types/core-pods.ts";
import type { Volume } from "#api/kube/types/core-volumes.ts";

export const mirrorAnnotation = "kubernetes.io/config.mirror";

/** Whether it only shows a pod that a node runs by itself. */
export function isMirror({ metadata }: Pod): boolean {
  return metadata.annotations?.[mirrorAnnotation] !== undefined;
}

/** Names of one resource, e.g. `secrets`, in the pod's namespace, that the pod names. */
export function podReferences(pod: Pod, resource: string): readonly string[] {
  switch (resource) {
    case "secrets":
      return named([
        ...(pod.spec.imagePullSecrets ?? []).map(({ name }) => name),
        ...containersOf(pod).flatMap(secretsOfContainer),
        ...(pod.spec.volumes ?? []).flatMap(secretsOfVolume),
      ]);
    case "configmaps":
      return named([
        ...containersOf(pod).flatMap(configMapsOfContainer),
        ...(pod.spec.volumes ?? []).flatMap(configMapsOfVolume),
      ]);
    case "persistentvolumeclaims":
      return named((pod.spec.volumes ?? []).map((volume) => claimOf(pod, volume)));
    case "serviceaccounts":
      return named([pod.spec.serviceAccountName]);
    case "resourceclaims":
      return named([
        ...(pod.spec.resourceClaims ?? []).map(({ resourceClaimName }) => resourceClaimName),
        ...(pod.status?.resourceClaimStatuses ?? []).map(({ resourceClaimName }) => resourceClaimName),
        pod.status?.extendedResourceClaimStatus?.resourceClaimName,
      ]);
    default:
      return [];
  }
}

function containersOf({ spec }: Pod): readonly (Container | EphemeralContainer)[] {
  return [...(spec.initContainers ?? []), ...spec.containers, ...(spec.ephemeralContainers ?? [])];
}

function secretsOfContainer({ env = [], envFrom = [] }: Container | EphemeralContainer) {
  return [
    ...env.map(({ valueFrom }) => valueFrom?.secretKeyRef?.name),
    ...envFrom.map(({ secretRef }) => secretRef?.name),
  ];
}

function configMapsOfContainer({ env = [], envFrom = [] }: Container | EphemeralContainer) {
  return [
    ...env.map(({ valueFrom }) => valueFrom?.configMapKeyRef?.name),
    ...envFrom.map(({ configMapRef }) => configMapRef?.name),
  ];
}

function secretsOfVolume(volume: Volume): readonly (string | undefined)[] {
  const { secret, projected, csi, azureFile, cephfs, flexVolume, rbd, scaleIO, iscsi, storageos } = volume;
  return [
    secret?.secretName,
    ...(projected?.sources ?? []).map((source) => source.secret?.name),
    csi?.nodePublishSecretRef?.name,
    azureFile?.secretName,
    ...[cephfs, flexVolume, rbd, scaleIO, iscsi, storageos].map((one) => one?.secretRef?.name),
  ];
}

function configMapsOfVolume({ configMap, projected }: Volume): readonly (string | undefined)[] {
  return [configMap?.name, ...(projected?.sources ?? []).map((source) => source.configMap?.name)];
}

function claimOf({ metadata }: Pod, { name, persistentVolumeClaim, ephemeral }: Volume): string | undefined {
  return ephemeral === undefined ? persistentVolumeClaim?.claimName : `${metadata.name ?? ""}-${name}`;
}

function named(names: readonly (string | undefined)[]): readonly string[] {
  return names.filter((name): name is string => name !== undefined && name !== "");
}

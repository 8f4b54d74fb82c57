import type { PersistentVolume, PersistentVolumeClaim } from "#api/kube/types/core.ts";
import type { Pod } from "#api/kube/types/core-pods.ts";
import type { StorageClass } from "#api/kube/types/storage.ts";
import type { IndexedCache } from "#orchestrator/informers/indexed-cache.ts";
import { hasWhatIsAsked, isBound, selectedNode } from "#orchestrator/machinery/volume-match.ts";
import { matchesNodeSelector } from "#orchestrator/machinery/node-affinity.ts";
import type { NodeInfo } from "./node-info.ts";

export interface VolumeCaches {
  readonly claims: IndexedCache<PersistentVolumeClaim>;
  readonly volumes: IndexedCache<PersistentVolume>;
  readonly classes: IndexedCache<StorageClass>;
}

export const volumeReasons = {
  unbound: "pod has unbound immediate PersistentVolumeClaims",
  affinity: "node(s) didn't match PersistentVolume's node affinity",
  none: "node(s) didn't find available persistent volumes to bind",
} as const;

export type VolumeState =
  /** No node does, whatever it has. */
  | { readonly is: "rejected"; readonly reason: string }
  | {
      readonly is: "checked";
      readonly check: ((node: NodeInfo) => string | undefined) | undefined;
      /** Claims that get their volume once a node is chosen. */
      readonly waiting: readonly PersistentVolumeClaim[];
    };

/** What the pod's claims say about where it can be. */
export function volumeStateOf(pod: Pod, caches: VolumeCaches): VolumeState {
  const bound: PersistentVolume[] = [];
  const waiting: PersistentVolumeClaim[] = [];
  for (const { name, persistentVolumeClaim, ephemeral } of pod.spec.volumes ?? []) {
    const claimName = persistentVolumeClaim?.claimName ?? (ephemeral && `${pod.metadata.name}-${name}`);
    if (claimName === undefined) continue;
    const claim = caches.claims.get(`${pod.metadata.namespace}/${claimName}`);
    if (claim === undefined) return rejected(`persistentvolumeclaim "${claimName}" not found`);
    if (claim.metadata.deletionTimestamp !== undefined)
      return rejected(`persistentvolumeclaim "${claimName}" is being deleted`);
    const volume = caches.volumes.get(claim.spec?.volumeName ?? "");
    if (isBound(claim)) {
      if (volume === undefined) return rejected(`persistentvolume "${claim.spec?.volumeName}" not found`);
      bound.push(volume);
    } else if (waits(claim, caches)) waiting.push(claim);
    else return rejected(volumeReasons.unbound);
  }
  if (bound.length + waiting.length === 0) return { is: "checked", check: undefined, waiting };
  return { is: "checked", check: (node) => check(node, bound, waiting, caches), waiting };
}

function rejected(reason: string): VolumeState {
  return { is: "rejected", reason };
}

function waits({ spec }: PersistentVolumeClaim, { classes }: VolumeCaches): boolean {
  return classes.get(spec?.storageClassName ?? "")?.volumeBindingMode === "WaitForFirstConsumer";
}

function check(
  { node, name }: NodeInfo,
  bound: readonly PersistentVolume[],
  waiting: readonly PersistentVolumeClaim[],
  caches: VolumeCaches,
): string | undefined {
  if (node === undefined) return volumeReasons.affinity;
  const isNear = ({ spec }: PersistentVolume) => {
    const required = spec?.nodeAffinity?.required;
    return required === undefined || matchesNodeSelector(required, node);
  };
  if (!bound.every(isNear)) return volumeReasons.affinity;
  for (const claim of waiting) {
    const chosen = claim.metadata.annotations?.[selectedNode];
    if (chosen !== undefined && chosen !== name) return volumeReasons.affinity;
    const canProvision =
      caches.classes.get(claim.spec?.storageClassName ?? "")?.provisioner !== "kubernetes.io/no-provisioner";
    if (canProvision) continue;
    const hasOne = [...caches.volumes.list()].some(
      (volume) => volume.status?.phase === "Available" && isNear(volume) && hasWhatIsAsked(volume, claim),
    );
    if (!hasOne) return volumeReasons.none;
  }
  return undefined;
}

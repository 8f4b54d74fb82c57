import type { StatefulSet } from "#api/kube/types/apps.ts";
import type { PersistentVolumeClaim } from "#api/kube/types/core.ts";
import type { Pod, PodTemplateSpec } from "#api/kube/types/core-pods.ts";
import { statefulSets } from "#client/kube/resources.ts";
import { podFromTemplate } from "../pods/pod-control.ts";
import { controllerReference } from "../owner.ts";
import { revisionLabel } from "../revisions.ts";

const podNameLabel = "statefulset.kubernetes.io/pod-name";
const podIndexLabel = "apps.kubernetes.io/pod-index";

/** The number at the end of a pod's name, if it is the set's. */
export function ordinalOf(set: StatefulSet, { metadata: { name = "" } }: Pod): number | undefined {
  const prefix = `${set.metadata.name}-`;
  const rest = name.startsWith(prefix) ? name.slice(prefix.length) : "";
  return /^(0|[1-9]\d{0,8})$/.test(rest) ? Number(rest) : undefined;
}

function claimName(set: StatefulSet, template: PersistentVolumeClaim, ordinal: number): string {
  return `${template.metadata.name}-${set.metadata.name}-${ordinal}`;
}

/** The pod of a number: always of the same name, with the same claims. @param revision name of it */
export function podOf(set: StatefulSet, template: PodTemplateSpec, revision: string, ordinal: number): Pod {
  const pod = podFromTemplate(template, statefulSets, set);
  const name = `${set.metadata.name}-${ordinal}`;
  const { generateName: _, ...metadata } = pod.metadata;
  const hash = { [revisionLabel]: revision, [podNameLabel]: name, [podIndexLabel]: String(ordinal) };
  const templates = set.spec.volumeClaimTemplates ?? [];
  const claims = templates.map((each) => ({
    name: each.metadata.name ?? "",
    persistentVolumeClaim: { claimName: claimName(set, each, ordinal) },
  }));
  const others = (pod.spec.volumes ?? []).filter(
    (volume) => !claims.some((claim) => claim.name === volume.name),
  );
  const volumes = [...others, ...claims];
  return {
    ...pod,
    metadata: { ...metadata, name, labels: { ...metadata.labels, ...hash } },
    spec: {
      ...pod.spec,
      hostname: name,
      subdomain: set.spec.serviceName ?? "",
      ...(volumes.length > 0 && { volumes }),
    },
  };
}

/** The claims of a number's pod. */
export function claimsOf(set: StatefulSet, ordinal: number): readonly PersistentVolumeClaim[] {
  const { namespace } = set.metadata;
  const isOwned = set.spec.persistentVolumeClaimRetentionPolicy?.whenDeleted === "Delete";
  return (set.spec.volumeClaimTemplates ?? []).map((template) => ({
    ...template,
    apiVersion: "v1",
    kind: "PersistentVolumeClaim",
    metadata: {
      ...template.metadata,
      name: claimName(set, template, ordinal),
      ...(namespace === undefined ? {} : { namespace }),
      labels: { ...template.metadata.labels, ...set.spec.selector.matchLabels },
      ...(isOwned && { ownerReferences: [controllerReference(statefulSets, set)] }),
    },
  }));
}

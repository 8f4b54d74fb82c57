import type { Pod } from "#api/kube/types/core-pods.ts";
import type { PersistentVolume, PersistentVolumeClaim } from "#api/kube/types/core.ts";
import type { StorageClass } from "#api/kube/types/storage.ts";
import { labelsText } from "../print/table.ts";
import { boolText, type Description, sinceText, timeText } from "./description.ts";
import { rowsOf } from "./volumes.ts";

const modes: Readonly<Record<string, string>> = {
  ReadWriteOnce: "RWO",
  ReadOnlyMany: "ROX",
  ReadWriteMany: "RWX",
  ReadWriteOncePod: "RWOP",
};

function modesText(all: readonly string[] | undefined): string {
  const has = new Set(all);
  return Object.entries(modes)
    .filter(([name]) => has.has(name))
    .map(([, short]) => short)
    .join(",");
}

function statusText(deleted: string | null | undefined, phase: string | undefined): string {
  return typeof deleted === "string" ? `Terminating (lasts ${sinceText(deleted)})` : (phase ?? "");
}

const betaClass = "volume.beta.kubernetes.io/storage-class";

export function describeClaim(
  to: Description,
  { metadata, spec, status }: PersistentVolumeClaim,
  pods: readonly Pod[],
): void {
  to.name(metadata);
  to.line(0, "StorageClass:", metadata.annotations?.[betaClass] ?? spec?.storageClassName ?? "");
  to.line(0, "Status:", statusText(metadata.deletionTimestamp, status?.phase));
  to.line(0, "Volume:", spec?.volumeName ?? "");
  to.meta(metadata);
  to.line(0, "Finalizers:", `[${(metadata.finalizers ?? []).join(" ")}]`);
  const isBound = (spec?.volumeName ?? "") !== "";
  to.line(0, "Capacity:", isBound ? (status?.capacity?.["storage"] ?? "0") : "");
  to.line(0, "Access Modes:", isBound ? modesText(status?.accessModes) : "");
  if (spec?.volumeMode !== undefined) to.line(0, "VolumeMode:", spec.volumeMode);
  const source = spec?.dataSource;
  if (source !== undefined) {
    to.line(0, "DataSource:");
    if (source.apiGroup !== undefined) to.line(1, "APIGroup:", source.apiGroup);
    to.line(1, "Kind:", source.kind);
    to.line(1, "Name:", source.name);
  }
  const users = pods.filter((pod) =>
    pod.spec?.volumes?.some(({ persistentVolumeClaim: claim }) => claim?.claimName === metadata.name),
  );
  to.list("Used By", users.map((pod) => pod.metadata.name ?? "").sort());
  const conditions = status?.conditions ?? [];
  if (conditions.length === 0) return;
  to.line(0, "Conditions:");
  to.line(1, "Type", "Status", "LastProbeTime", "LastTransitionTime", "Reason", "Message");
  to.line(1, "----", "------", "-----------------", "------------------", "------", "-------");
  for (const { type, status: is, lastProbeTime, lastTransitionTime, reason, message } of conditions)
    to.line(
      1,
      `${type} `,
      `${is} `,
      `${timeText(lastProbeTime)} `,
      `${timeText(lastTransitionTime)} `,
      `${reason} `,
      message,
    );
}

export function describePersistentVolume(
  to: Description,
  { metadata, spec, status }: PersistentVolume,
): void {
  to.line(0, "Name:", metadata.name);
  to.meta(metadata);
  to.line(0, "Finalizers:", `[${(metadata.finalizers ?? []).join(" ")}]`);
  to.line(0, "StorageClass:", metadata.annotations?.[betaClass] ?? spec?.storageClassName ?? "");
  to.line(0, "Status:", statusText(metadata.deletionTimestamp, status?.phase));
  const claim = spec?.claimRef;
  to.line(0, "Claim:", claim === undefined ? "" : `${claim.namespace}/${claim.name}`);
  to.line(0, "Reclaim Policy:", spec?.persistentVolumeReclaimPolicy);
  to.line(0, "Access Modes:", modesText(spec?.accessModes));
  if (spec?.volumeMode !== undefined) to.line(0, "VolumeMode:", spec.volumeMode);
  to.line(0, "Capacity:", spec?.capacity?.["storage"] ?? "0");
  describeAffinity(to, spec);
  to.line(0, "Message:", status?.message ?? "");
  to.line(0, "Source:");
  const { hostPath, nfs, local } = spec ?? {};
  if (local !== undefined) {
    to.line(2, "Type:", "LocalVolume (a persistent volume backed by local storage on a node)");
    to.line(2, "Path:", local.path);
  } else if (hostPath !== undefined || nfs !== undefined)
    for (const [name, value] of rowsOf({ ...(hostPath && { hostPath }), ...(nfs && { nfs }) }))
      to.line(2, `${name}:`, value);
  else to.line(1, "<unknown>");
}

function describeAffinity(to: Description, spec: PersistentVolume["spec"]): void {
  const affinity = spec?.nodeAffinity;
  if (affinity === undefined) return to.line(0, "Node Affinity:", "<none>");
  to.line(0, "Node Affinity:", "");
  const terms = affinity.required?.nodeSelectorTerms ?? [];
  if (terms.length === 0) return to.line(1, "Required Terms:", "<none>");
  to.line(1, "Required Terms:", "");
  terms.forEach(({ matchExpressions = [] }, at) => {
    if (matchExpressions.length === 0) return to.line(2, `Term ${at}:`, "<none>");
    matchExpressions.forEach(({ key, operator, values = [] }, index) => {
      const text = `${key} ${operator.toLowerCase()}${values.length === 0 ? "" : ` [${values.join(", ")}]`}`;
      to.line(2, index === 0 ? `Term ${at}:` : "", text);
    });
  });
}

export function describeStorageClass(to: Description, object: StorageClass): void {
  const { metadata, provisioner, parameters, allowVolumeExpansion, mountOptions = [] } = object;
  const isDefault = metadata.annotations?.["storageclass.kubernetes.io/is-default-class"] === "true";
  to.line(0, "Name:", metadata.name);
  to.line(0, "IsDefaultClass:", isDefault ? "Yes" : "No");
  to.line(0, "Annotations:", labelsText(metadata.annotations));
  to.line(0, "Provisioner:", provisioner);
  to.line(0, "Parameters:", labelsText(parameters));
  to.line(0, "AllowVolumeExpansion:", boolText(allowVolumeExpansion));
  if (mountOptions.length === 0) to.line(0, "MountOptions:", "<none>");
  else to.line(0, "MountOptions:");
  for (const option of mountOptions) to.line(1, option);
  if (object.reclaimPolicy !== undefined) to.line(0, "ReclaimPolicy:", object.reclaimPolicy);
  if (object.volumeBindingMode !== undefined) to.line(0, "VolumeBindingMode:", object.volumeBindingMode);
}

import type { Volume } from "#api/kube/types/core-volumes.ts";
import { isObject } from "#orchestrator/machinery/is-object.ts";
import type { Description } from "./description.ts";

export function describeVolumes(to: Description, volumes: readonly Volume[], isInTemplate: boolean): void {
  const space = isInTemplate ? "  " : "";
  if (volumes.length === 0) return to.line(0, `${space}Volumes:`, "<none>");
  to.line(0, `${space}Volumes:`);
  for (const volume of volumes) {
    to.line(1, `${isInTemplate ? " " : ""}${volume.name}:`);
    for (const [name, value] of rowsOf(volume))
      to.line(2, ...(value === undefined ? [name] : [`${name}:`, value]));
  }
}

type Row = readonly [name: string, value?: unknown];

/** What kubectl says of a source of files. */
export function rowsOf(volume: Omit<Volume, "name">): readonly Row[] {
  const {
    hostPath,
    emptyDir,
    secret,
    configMap,
    persistentVolumeClaim: claim,
    projected,
    downwardAPI,
    nfs,
    image,
  } = volume;
  const type = (text: string): Row => ["Type", text];
  if (hostPath !== undefined)
    return [
      type("HostPath (bare host directory volume)"),
      ["Path", hostPath.path],
      ["HostPathType", hostPath.type ?? "<none>"],
    ];
  if (emptyDir !== undefined)
    return [
      type("EmptyDir (a temporary directory that shares a pod's lifetime)"),
      ["Medium", emptyDir.medium ?? ""],
      ["SizeLimit", emptyDir.sizeLimit ?? "<unset>"],
    ];
  if (secret !== undefined)
    return [
      type("Secret (a volume populated by a Secret)"),
      ["SecretName", secret.secretName],
      ["Optional", secret.optional ?? false],
    ];
  if (configMap !== undefined)
    return [
      type("ConfigMap (a volume populated by a ConfigMap)"),
      ["Name", configMap.name],
      ["Optional", configMap.optional ?? false],
    ];
  if (claim !== undefined)
    return [
      type("PersistentVolumeClaim (a reference to a PersistentVolumeClaim in the same namespace)"),
      ["ClaimName", claim.claimName],
      ["ReadOnly", claim.readOnly ?? false],
    ];
  if (projected !== undefined)
    return [
      type("Projected (a volume that contains injected data from multiple sources)"),
      ...(projected.sources ?? []).flatMap(projectedRows),
    ];
  if (downwardAPI !== undefined)
    return [
      type("DownwardAPI (a volume populated by information about the pod)"),
      ["Items:"],
      ...(downwardAPI.items ?? []).map(
        (item): Row => [`  ${item.fieldRef?.fieldPath ?? item.resourceFieldRef?.resource} -> ${item.path}`],
      ),
    ];
  if (nfs !== undefined)
    return [
      type("NFS (an NFS mount that lasts the lifetime of a pod)"),
      ["Server", nfs.server],
      ["Path", nfs.path],
      ["ReadOnly", nfs.readOnly ?? false],
    ];
  if (image !== undefined)
    return [
      type("Image (a container image or OCI artifact)"),
      ["Reference", image.reference],
      ["PullPolicy", image.pullPolicy],
    ];
  return otherRows(volume);
}

function projectedRows(source: {
  readonly secret?: { readonly name?: string; readonly optional?: boolean };
  readonly configMap?: { readonly name?: string; readonly optional?: boolean };
  readonly downwardAPI?: unknown;
  readonly serviceAccountToken?: { readonly expirationSeconds?: number };
}): readonly Row[] {
  const { secret, configMap, serviceAccountToken } = source;
  if (secret !== undefined)
    return [
      ["SecretName", secret.name],
      ["Optional", secret.optional ?? false],
    ];
  if (source.downwardAPI !== undefined) return [["DownwardAPI", "true"]];
  if (configMap !== undefined)
    return [
      ["ConfigMapName", configMap.name],
      ["Optional", configMap.optional ?? false],
    ];
  return serviceAccountToken === undefined
    ? []
    : [["TokenExpirationSeconds", serviceAccountToken.expirationSeconds]];
}

/** Sources of others' making: their name and their plain fields. */
function otherRows(volume: object): readonly Row[] {
  const [entry] = Object.entries(volume).filter(([name, value]) => name !== "name" && isObject(value));
  if (entry === undefined) return [["<unknown>"]];
  const [kind, source] = entry;
  const rows = Object.entries(source as object)
    .filter(([, value]) => typeof value !== "object")
    .map(([name, value]): Row => [title(name), value]);
  return [["Type", title(kind)], ...rows];
}

function title(name: string): string {
  return name.slice(0, 1).toUpperCase() + name.slice(1);
}

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
  for (const [name, describe] of Object.entries(sources)) {
    const source = (volume as Readonly<Record<string, unknown>>)[name];
    if (source !== undefined) return describe(source as never);
  }
  return otherRows(volume);
}

type Source<K extends keyof Volume> = NonNullable<Volume[K]>;

const sources: Readonly<Record<string, (source: never) => readonly Row[]>> = {
  hostPath: ({ path, type }: Source<"hostPath">) => [
    ["Type", "HostPath (bare host directory volume)"],
    ["Path", path],
    ["HostPathType", type ?? "<none>"],
  ],
  emptyDir: ({ medium, sizeLimit }: Source<"emptyDir">) => [
    ["Type", "EmptyDir (a temporary directory that shares a pod's lifetime)"],
    ["Medium", medium ?? ""],
    ["SizeLimit", sizeLimit ?? "<unset>"],
  ],
  secret: ({ secretName, optional }: Source<"secret">) => [
    ["Type", "Secret (a volume populated by a Secret)"],
    ["SecretName", secretName],
    ["Optional", optional ?? false],
  ],
  configMap: ({ name, optional }: Source<"configMap">) => [
    ["Type", "ConfigMap (a volume populated by a ConfigMap)"],
    ["Name", name],
    ["Optional", optional ?? false],
  ],
  persistentVolumeClaim: ({ claimName, readOnly }: Source<"persistentVolumeClaim">) => [
    ["Type", "PersistentVolumeClaim (a reference to a PersistentVolumeClaim in the same namespace)"],
    ["ClaimName", claimName],
    ["ReadOnly", readOnly ?? false],
  ],
  projected: ({ sources: parts = [] }: Source<"projected">) => [
    ["Type", "Projected (a volume that contains injected data from multiple sources)"],
    ...parts.flatMap(projectedRows),
  ],
  downwardAPI: ({ items = [] }: Source<"downwardAPI">) => [
    ["Type", "DownwardAPI (a volume populated by information about the pod)"],
    ["Items:"],
    ...items.map(
      (item): Row => [`  ${item.fieldRef?.fieldPath ?? item.resourceFieldRef?.resource} -> ${item.path}`],
    ),
  ],
  nfs: ({ server, path, readOnly }: Source<"nfs">) => [
    ["Type", "NFS (an NFS mount that lasts the lifetime of a pod)"],
    ["Server", server],
    ["Path", path],
    ["ReadOnly", readOnly ?? false],
  ],
  image: ({ reference, pullPolicy }: Source<"image">) => [
    ["Type", "Image (a container image or OCI artifact)"],
    ["Reference", reference],
    ["PullPolicy", pullPolicy],
  ],
};

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

import type { OpenApi, PathItem, Property, ProtobufFields } from "./specification.ts";

interface Promotion {
  /** Packages of definitions. */
  readonly from: string;
  readonly to: string;
  readonly group: string;
  /** Of definitions that move: what their names begin with. */
  readonly prefixes: readonly string[];
  readonly resources: readonly string[];
}

/** What Kubernetes 1.37 made v1, with the shape that it had as a beta in 1.36. */
const promotions: readonly Promotion[] = [
  {
    from: "certificates.v1beta1",
    to: "certificates.v1",
    group: "certificates.k8s.io",
    prefixes: ["ClusterTrustBundle", "PodCertificateRequest"],
    resources: ["clustertrustbundles", "podcertificaterequests"],
  },
  {
    from: "resource.v1beta2",
    to: "resource.v1",
    group: "resource.k8s.io",
    prefixes: ["DeviceTaintRule", "DeviceTaintSelector"],
    resources: ["devicetaintrules"],
  },
  {
    from: "storagemigration.v1beta1",
    to: "storagemigration.v1",
    group: "storagemigration.k8s.io",
    prefixes: ["StorageVersionMigration"],
    resources: ["storageversionmigrations"],
  },
];

/** The document with these kinds as v1 too. Fields that their v1 message does not have any more are left out. */
export function promote(openApi: OpenApi, protobuf: ProtobufFields): OpenApi {
  const definitions: Record<string, Property> = { ...openApi.definitions };
  const paths: Record<string, PathItem> = { ...openApi.paths };
  for (const promotion of promotions) {
    for (const [name, definition] of movedDefinitions(openApi, promotion))
      definitions[rename(name, promotion)] ??= kept(
        name,
        renamed(definition, promotion),
        promotion,
        protobuf,
      );
    for (const [path, item] of movedPaths(openApi, promotion))
      paths[rename(path, promotion)] ??= renamed(item, promotion);
  }
  const sorted = <T>(of: Readonly<Record<string, T>>): Record<string, T> =>
    Object.fromEntries(Object.entries(of).toSorted(([a], [b]) => (a < b ? -1 : 1)));
  return { ...openApi, definitions: sorted(definitions), paths: sorted(paths) };
}

/** The same for what is said of fields by type. */
export function promoteByType<T>(types: ReadonlyMap<string, T>): ReadonlyMap<string, T> {
  const all = new Map(types);
  for (const promotion of promotions) {
    for (const [name, value] of types) {
      if (isMoved(name, promotion)) all.set(rename(name, promotion), value);
    }
  }
  return all;
}

function isMoved(name: string, { from, prefixes }: Promotion): boolean {
  return prefixes.some((prefix) => name.startsWith(`io.k8s.api.${from}.${prefix}`));
}

function movedDefinitions(openApi: OpenApi, promotion: Promotion): readonly (readonly [string, Property])[] {
  return Object.entries(openApi.definitions).filter(([name]) => isMoved(name, promotion));
}

function movedPaths(
  openApi: OpenApi,
  { from, group, resources }: Promotion,
): readonly (readonly [string, PathItem])[] {
  const root = `/apis/${group}/${versionOf(from)}/`;
  return Object.entries(openApi.paths).filter(
    ([path]) =>
      path === root ||
      (path.startsWith(root) && resources.some((resource) => path.split("/").includes(resource))),
  );
}

function versionOf(from: string): string {
  return from.slice(from.indexOf(".") + 1);
}

/** Of names, paths and identifiers of operations. */
function rename(text: string, { from, group }: Promotion): string {
  const version = versionOf(from);
  const name = from.slice(0, from.indexOf("."));
  const capital = `${name[0]?.toUpperCase()}${name.slice(1)}V${version.slice(1)}`;
  return text
    .replaceAll(`io.k8s.api.${from}.`, `io.k8s.api.${name}.v1.`)
    .replaceAll(`/apis/${group}/${version}/`, `/apis/${group}/v1/`)
    .replaceAll(capital, capital.replace(/V1.*$/, "V1"))
    .replaceAll(`${name}_${version}`, `${name}_v1`)
    .replaceAll(`"version":"${version}"`, '"version":"v1"');
}

function renamed<T>(node: T, promotion: Promotion): T {
  const parsed: T = JSON.parse(rename(JSON.stringify(node), promotion));
  return parsed;
}

function kept(name: string, definition: Property, promotion: Promotion, protobuf: ProtobufFields): Property {
  const message = protobuf[`k8s.io.api.${promotion.to}`]?.[name.slice(name.lastIndexOf(".") + 1)];
  const isKept = (field: string) =>
    message === undefined || field === "apiVersion" || field === "kind" || field in message;
  return {
    ...definition,
    properties: Object.fromEntries(
      Object.entries(definition.properties ?? {}).filter(([field]) => isKept(field)),
    ),
    ...(definition.required === undefined ? {} : { required: definition.required.filter(isKept) }),
  };
}

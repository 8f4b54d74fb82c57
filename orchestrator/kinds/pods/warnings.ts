import type { Container, PodSpec } from "#api/kube/types/core-pods.ts";
import { milliUnits, parseQuantity } from "#orchestrator/machinery/quantity.ts";

const newerLabels: Readonly<Record<string, string>> = {
  "beta.kubernetes.io/arch": 'deprecated since v1.14; use "kubernetes.io/arch" instead',
  "beta.kubernetes.io/os": 'deprecated since v1.14; use "kubernetes.io/os" instead',
  "beta.kubernetes.io/instance-type":
    'deprecated since v1.17; use "node.kubernetes.io/instance-type" instead',
  "failure-domain.beta.kubernetes.io/region":
    'deprecated since v1.17; use "topology.kubernetes.io/region" instead',
  "failure-domain.beta.kubernetes.io/zone":
    'deprecated since v1.17; use "topology.kubernetes.io/zone" instead',
};

const goneVolumes: Readonly<Record<string, string>> = {
  cephfs: "deprecated in v1.28, non-functional in v1.31+",
  glusterfs: "deprecated in v1.25, non-functional in v1.26+",
  quobyte: "deprecated in v1.22, non-functional in v1.25+",
  rbd: "deprecated in v1.28, non-functional in v1.31+",
  scaleIO: "deprecated in v1.16, non-functional in v1.22+",
};

/** What a client is told of a specification that is taken as it is. */
export function podWarnings(path: string, spec: PodSpec): readonly string[] {
  const warnings: string[] = [];
  for (const key of Object.keys(spec.nodeSelector ?? {}))
    if (Object.hasOwn(newerLabels, key)) warnings.push(`${path}.nodeSelector[${key}]: ${newerLabels[key]}`);
  for (const [at, volume] of (spec.volumes ?? []).entries())
    for (const [name, text] of Object.entries(goneVolumes))
      if (name in volume) warnings.push(`${path}.volumes[${at}].${name}: ${text}`);
  for (const [at, { name = "" }] of (spec.imagePullSecrets ?? []).entries())
    if (name === "") warnings.push(`${path}.imagePullSecrets[${at}].name: invalid empty name ""`);
  if ((spec.terminationGracePeriodSeconds ?? 0) < 0)
    warnings.push(
      `${path}.terminationGracePeriodSeconds: must be >= 0; negative values are invalid and will be treated as 1`,
    );
  for (const name of ["initContainers", "containers"] as const)
    for (const [at, container] of (spec[name] ?? []).entries())
      warnings.push(...containerWarnings(`${path}.${name}[${at}]`, container));
  return warnings;
}

function containerWarnings(path: string, container: Container): readonly string[] {
  return [
    ...amountWarnings(`${path}.resources`, container),
    ...environmentWarnings(path, container),
    ...portWarnings(path, container),
  ];
}

function amountWarnings(path: string, { resources }: Container): readonly string[] {
  return (["limits", "requests"] as const).flatMap((kind) =>
    ["memory", "ephemeral-storage"].flatMap((name) => {
      const amount = resources?.[kind]?.[name];
      if (amount === undefined || milliUnits(parseQuantity(amount)) % 1000 === 0) return [];
      return [
        `${path}.${kind}[${name}]: fractional byte value ${JSON.stringify(amount)} is invalid, must be an integer`,
      ];
    }),
  );
}

/** A variable may be built upon what was there under its name. */
function environmentWarnings(path: string, { env = [] }: Container): readonly string[] {
  const names = new Set<string>();
  return env.flatMap(({ name, value = "" }, at) => {
    const isHidden = names.has(name) && !value.includes(`$(${name})`);
    names.add(name);
    if (!isHidden) return [];
    return [
      `${path}.env[${at}]: hides previous definition of ${JSON.stringify(name)}, which may be dropped when using apply`,
    ];
  });
}

function portWarnings(path: string, { ports = [] }: Container): readonly string[] {
  const seen = new Map<string, number>();
  return ports.flatMap(({ containerPort, hostPort = 0, hostIP = "", protocol }, at) => {
    const key = [containerPort, hostPort, hostIP, protocol].join(" ");
    const first = seen.get(key);
    if (first === undefined) seen.set(key, at);
    return first === undefined
      ? []
      : [`${path}.ports[${at}]: duplicate port definition with ${path}.ports[${first}]`];
  });
}

import type { Pod, PodAffinityTerm } from "#api/kube/types/core-pods.ts";
import { keyOf } from "#client/kube/kube-resource.ts";
import { type LabelRequirements, requirementsOf } from "#orchestrator/machinery/label-selector.ts";
import { podRequests, type ResourceNames } from "./resources.ts";

/** A term of affinity between pods, ready to be compared. */
export interface AffinityTerm {
  readonly selector: LabelRequirements | undefined;
  readonly namespaces: ReadonlySet<string>;
  /** Absent: only the namespaces that are named. */
  readonly namespaceSelector: LabelRequirements | undefined;
  readonly topologyKey: string;
  /** Of preferred ones. */
  readonly weight: number;
}

export interface HostPort {
  readonly ip: string;
  readonly protocol: string;
  readonly port: number;
}

/** What the scheduler has to know of a pod, worked out once. */
export interface PodInfo {
  readonly pod: Pod;
  readonly key: string;
  readonly priority: number;
  readonly requests: readonly number[];
  /** With what is assumed of containers that ask for nothing. */
  readonly scored: readonly number[];
  readonly ports: readonly HostPort[];
  readonly affinity: readonly AffinityTerm[];
  readonly antiAffinity: readonly AffinityTerm[];
  readonly preferredAffinity: readonly AffinityTerm[];
  readonly preferredAntiAffinity: readonly AffinityTerm[];
}

export function podInfoOf(pod: Pod, names: ResourceNames): PodInfo {
  const { podAffinity, podAntiAffinity } = pod.spec.affinity ?? {};
  const hard = (terms: readonly PodAffinityTerm[] = []) => terms.map((term) => termOf(pod, term, 0));
  type Weighted = readonly { readonly podAffinityTerm: PodAffinityTerm; readonly weight: number }[];
  const soft = (terms: Weighted = []) =>
    terms.map(({ podAffinityTerm, weight }) => termOf(pod, podAffinityTerm, weight));
  return {
    pod,
    key: keyOf(pod),
    priority: pod.spec.priority ?? 0,
    requests: podRequests(pod, names),
    scored: podRequests(pod, names, true),
    ports: hostPorts(pod),
    affinity: hard(podAffinity?.requiredDuringSchedulingIgnoredDuringExecution),
    antiAffinity: hard(podAntiAffinity?.requiredDuringSchedulingIgnoredDuringExecution),
    preferredAffinity: soft(podAffinity?.preferredDuringSchedulingIgnoredDuringExecution),
    preferredAntiAffinity: soft(podAntiAffinity?.preferredDuringSchedulingIgnoredDuringExecution),
  };
}

function termOf(pod: Pod, term: PodAffinityTerm, weight: number): AffinityTerm {
  const named = term.namespaces ?? [];
  const isOwn = named.length === 0 && term.namespaceSelector === undefined;
  const own = pod.metadata.labels ?? {};
  const extra = (keys: readonly string[] | undefined, operator: "in" | "notin") =>
    (keys ?? []).flatMap((key) => (own[key] === undefined ? [] : [{ key, operator, values: [own[key]] }]));
  const selector = requirementsOf(term.labelSelector);
  return {
    selector: selector && [
      ...selector,
      ...extra(term.matchLabelKeys, "in"),
      ...extra(term.mismatchLabelKeys, "notin"),
    ],
    namespaces: new Set(isOwn ? [pod.metadata.namespace ?? ""] : named),
    namespaceSelector: requirementsOf(term.namespaceSelector),
    topologyKey: term.topologyKey,
    weight,
  };
}

function hostPorts({ spec }: Pod): readonly HostPort[] {
  const found: HostPort[] = [];
  for (const { ports = [] } of [...spec.containers, ...(spec.initContainers ?? []).filter(isSidecar)])
    for (const { hostPort = 0, hostIP = "", protocol = "TCP" } of ports)
      if (hostPort > 0) found.push({ ip: hostIP === "" ? "0.0.0.0" : hostIP, protocol, port: hostPort });
  return found;
}

function isSidecar({ restartPolicy }: { readonly restartPolicy?: string }): boolean {
  return restartPolicy === "Always";
}

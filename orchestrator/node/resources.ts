import type { LinuxContainerResources } from "#api/cri/messages.ts";
import type { Container, Pod, ResourceRequirements } from "#api/kube/types/core-pods.ts";
import {
  compareQuantities,
  milliUnits,
  parseQuantity,
  wholeUnits,
} from "#orchestrator/machinery/quantity.ts";
import { isSidecar } from "./pod.ts";

export type QosClass = "Guaranteed" | "Burstable" | "BestEffort";

/** The capacity of the machine, as far as sums need it. */
export interface MachineSize {
  readonly memoryBytes: number;
  readonly cpus: number;
}

const [minShares, maxShares] = [2, 262_144];
const periodUs = 100_000;
const minQuotaUs = 1_000;
const counted = ["cpu", "memory"] as const;

/** @see Kubernetes documentation, Pod Quality of Service Classes */
export function qosOf(pod: Pod): QosClass {
  const all: readonly ResourceRequirements[] =
    pod.spec?.resources !== undefined && hasAmounts(pod.spec.resources)
      ? [pod.spec.resources]
      : [...(pod.spec?.containers ?? []), ...(pod.spec?.initContainers ?? [])].map(
          (container) => container.resources ?? {},
        );
  if (!all.some(hasAmounts)) return "BestEffort";
  return all.every(isGuaranteed) ? "Guaranteed" : "Burstable";
}

function hasAmounts({ requests, limits }: ResourceRequirements): boolean {
  return counted.some((name) => isPositive(requests?.[name]) || isPositive(limits?.[name]));
}

function isGuaranteed({ requests, limits }: ResourceRequirements): boolean {
  return counted.every((name) => {
    const limit = limits?.[name];
    if (limit === undefined || !isPositive(limit)) return false;
    const request = requests?.[name];
    return request === undefined || compareQuantities(parseQuantity(request), parseQuantity(limit)) === 0;
  });
}

function isPositive(text: string | undefined): boolean {
  return text !== undefined && parseQuantity(text).unscaled > 0n;
}

/** What the runtime is to enforce for a container. */
export function containerLimits(
  pod: Pod,
  container: Container,
  machine: MachineSize,
): LinuxContainerResources {
  const { requests = {}, limits = {} } = container.resources ?? {};
  const cpu = requests["cpu"] ?? limits["cpu"];
  const quota = limits["cpu"] === undefined ? 0 : quotaOf(milliUnits(parseQuantity(limits["cpu"])));
  const memory = limits["memory"] === undefined ? 0 : wholeUnits(parseQuantity(limits["memory"]));
  return {
    cpuShares: sharesOf(cpu === undefined ? 0 : milliUnits(parseQuantity(cpu))),
    cpuPeriod: periodUs,
    cpuQuota: quota,
    memoryLimitInBytes: memory,
    oomScoreAdj: oomScoreOf(pod, container, machine.memoryBytes),
  };
}

/** Cgroup shares of thousandths of a processor. */
export function sharesOf(milli: number): number {
  return Math.min(maxShares, Math.max(minShares, Math.floor((milli * 1024) / 1000)));
}

function quotaOf(milli: number): number {
  return milli === 0 ? 0 : Math.max(minQuotaUs, Math.floor((milli * periodUs) / 1000));
}

/** Who goes first when memory runs out. @see Kubernetes documentation, Node out of memory behavior */
export function oomScoreOf(pod: Pod, container: Container, memoryBytes: number): number {
  if ((pod.spec?.priority ?? 0) >= 2_000_000_000) return -997;
  const qos = qosOf(pod);
  if (qos === "Guaranteed") return -997;
  if (qos === "BestEffort") return 1000;
  const score = 1000 - Math.floor((1000 * requestOf(container, "memory")) / memoryBytes);
  if (isSidecar(container)) {
    const least = Math.min(
      ...(pod.spec?.containers ?? []).map(
        (each) => 1000 - Math.floor((1000 * requestOf(each, "memory")) / memoryBytes),
      ),
    );
    return clamp(Math.min(score, least));
  }
  return clamp(score);
}

function clamp(score: number): number {
  if (score < 3) return 3;
  return score === 1000 ? 999 : score;
}

function requestOf(container: Container, name: "cpu" | "memory"): number {
  const text = container.resources?.requests?.[name] ?? container.resources?.limits?.[name];
  if (text === undefined) return 0;
  return name === "cpu" ? milliUnits(parseQuantity(text)) : wholeUnits(parseQuantity(text));
}

/** What a pod's cgroup gets; absent limits are none. */
export interface PodLimits {
  readonly cpuShares: number;
  readonly cpuQuotaUs?: number;
  readonly cpuPeriodUs: number;
  readonly memoryBytes?: number;
}

/**
 * Sums of what the containers ask for, with the pod's overhead. Limits hold only if every container has one.
 *
 * @see Kubernetes enhancement 2371 and the kubelet's pod cgroups
 */
export function podLimits(pod: Pod): PodLimits {
  const qos = qosOf(pod);
  const cpu = effective(pod, "cpu", "requests");
  const shares = qos === "BestEffort" ? minShares : sharesOf(cpu ?? 0);
  const cpuLimit = effective(pod, "cpu", "limits");
  const memory = effective(pod, "memory", "limits");
  return {
    cpuShares: shares,
    cpuPeriodUs: periodUs,
    ...(cpuLimit === undefined || qos === "BestEffort" ? {} : { cpuQuotaUs: quotaOf(cpuLimit) }),
    ...(memory === undefined || qos === "BestEffort" ? {} : { memoryBytes: memory }),
  };
}

/** What a pod asks for at its most demanding moment; undefined when it is a limit that some container does not have. */
export function effective(
  pod: Pod,
  name: "cpu" | "memory",
  which: "requests" | "limits",
): number | undefined {
  const valueOf = name === "cpu" ? milliOf : bytesOf;
  const ofPod = pod.spec?.resources?.[which]?.[name];
  const overhead = pod.spec?.overhead?.[name];
  const extra = overhead === undefined ? 0 : valueOf(overhead);
  if (ofPod !== undefined) return valueOf(ofPod) + extra;
  const amountOf = (container: Container) => {
    const text =
      container.resources?.[which]?.[name] ??
      (which === "requests" ? container.resources?.limits?.[name] : undefined);
    return text === undefined ? undefined : valueOf(text);
  };
  const all = [...(pod.spec?.containers ?? []), ...(pod.spec?.initContainers ?? [])];
  if (which === "limits" && all.some((container) => (amountOf(container) ?? 0) === 0)) return undefined;
  let sidecars = 0;
  let most = 0;
  for (const container of pod.spec?.initContainers ?? []) {
    const own = amountOf(container) ?? 0;
    if (isSidecar(container)) sidecars += own;
    most = Math.max(most, sidecars + (isSidecar(container) ? 0 : own));
  }
  const regular = (pod.spec?.containers ?? []).reduce((sum, each) => sum + (amountOf(each) ?? 0), 0);
  return Math.max(most, regular + sidecars) + extra;
}

function milliOf(text: string): number {
  return milliUnits(parseQuantity(text));
}

function bytesOf(text: string): number {
  return wholeUnits(parseQuantity(text));
}

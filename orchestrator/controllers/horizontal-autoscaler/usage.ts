import type { Pod } from "#api/kube/types/core-pods.ts";
import { milliUnits, parseQuantity } from "#orchestrator/machinery/quantity.ts";
import { timeOf } from "#orchestrator/machinery/time-text.ts";
import { isReady } from "../pods/pod-facts.ts";

/** What a pod's containers use, as metrics.k8s.io has it. */
export interface PodMetrics {
  readonly metadata: { readonly name?: string };
  readonly timestamp: string;
  readonly window: string;
  readonly containers: readonly {
    readonly name: string;
    readonly usage: Readonly<Record<string, string>>;
  }[];
}

export interface ResourceTarget {
  /** `cpu` or `memory`. */
  readonly resource: string;
  /** Of this container alone; absent: of all of a pod's. */
  readonly container?: string;
  /** Percent of what the pods ask for, or thousandths of a unit for each pod. */
  readonly target: { readonly utilization: number } | { readonly averageMilli: number };
}

export interface Recommendation {
  readonly replicas: number;
  /** On average; thousandths of a unit. */
  readonly averageMilli: number;
  readonly utilization?: number;
}

export interface UsageFacts {
  readonly pods: readonly Pod[];
  readonly metrics: readonly PodMetrics[];
  readonly current: number;
  readonly nowMs: number;
  /** So far from the target, as a part of it, nothing is done. */
  readonly tolerance: number;
}

/** As upstream's controller has them. */
const initializationMs = 5 * 60_000;
const initialReadinessMs = 30_000;

type Amounts = Map<string, number>;

/**
 * How many replicas would use as much as the target says. Pods that are not ready, or not measured, are counted so that they make
 * the change smaller.
 *
 * @throws {Error} in the words of upstream's conditions
 * @see Kubernetes, Horizontal Pod Autoscaling: algorithm details
 */
export function recommend(of: ResourceTarget, facts: UsageFacts): Recommendation {
  const { current, tolerance } = facts;
  if (facts.pods.length === 0)
    throw new Error("no pods returned by selector while calculating replica count");
  const { measured, unready, missing } = groups(of, facts);
  if (measured.size === 0)
    throw new Error(`did not receive metrics for targeted pods (pods might be unready)`);
  const requests = "utilization" in of.target ? requestsOf(of, facts.pods) : new Map<string, number>();
  const ratioOf = (amounts: Amounts) => ratio(of, amounts, requests);
  const first = ratioOf(measured);
  const told = {
    averageMilli: first.averageMilli,
    ...(first.utilization !== undefined && { utilization: first.utilization }),
  };
  const isKept = (value: number) => Math.abs(1 - value) <= tolerance;
  const growsWithUnready = unready.length > 0 && first.value > 1;
  if (!growsWithUnready && missing.length === 0)
    return { ...told, replicas: isKept(first.value) ? current : Math.ceil(first.value * measured.size) };
  const supposed = new Map(measured);
  for (const name of missing) supposed.set(name, first.value < 1 ? fullUse(of, requests.get(name) ?? 0) : 0);
  if (growsWithUnready) for (const name of unready) supposed.set(name, 0);
  const next = ratioOf(supposed).value;
  if (isKept(next) || first.value < 1 !== next < 1) return { ...told, replicas: current };
  const replicas = Math.ceil(next * supposed.size);
  const isOtherWay = next < 1 ? replicas > current : replicas < current;
  return { ...told, replicas: isOtherWay ? current : replicas };
}

function fullUse({ target }: ResourceTarget, request: number): number {
  return "utilization" in target ? (request * Math.max(100, target.utilization)) / 100 : target.averageMilli;
}

function ratio({ target }: ResourceTarget, amounts: Amounts, requests: Amounts) {
  const used = [...amounts.values()].reduce((sum, one) => sum + one, 0);
  const averageMilli = Math.floor(used / amounts.size);
  if ("averageMilli" in target) return { value: averageMilli / target.averageMilli, averageMilli };
  const asked = [...amounts.keys()].reduce((sum, name) => sum + (requests.get(name) ?? 0), 0);
  if (asked === 0) throw new Error("no metrics returned matched known pods");
  const utilization = Math.floor((used * 100) / asked);
  return { value: utilization / target.utilization, averageMilli, utilization };
}

function groups(of: ResourceTarget, { pods, metrics, nowMs }: UsageFacts) {
  const measured: Amounts = new Map();
  const [unready, missing]: [string[], string[]] = [[], []];
  for (const pod of pods) {
    const { name = "", deletionTimestamp } = pod.metadata;
    if (deletionTimestamp !== undefined || pod.status?.phase === "Failed") continue;
    const found = metrics.find(({ metadata }) => metadata.name === name);
    const amount = found && amountOf(of, found);
    if (pod.status?.phase === "Pending") unready.push(name);
    else if (found === undefined || amount === undefined) missing.push(name);
    else if (of.resource === "cpu" && isStarting(pod, found, nowMs)) unready.push(name);
    else measured.set(name, amount);
  }
  return { measured, unready, missing };
}

/** A pod that starts uses more of a processor than it will. */
function isStarting(pod: Pod, { timestamp, window }: PodMetrics, nowMs: number): boolean {
  const condition = pod.status?.conditions?.find(({ type }) => type === "Ready");
  const { startTime } = pod.status ?? {};
  if (condition === undefined || startTime === undefined) return true;
  const [started, changed] = [timeOf(startTime), timeOf(condition.lastTransitionTime)];
  if (started + initializationMs > nowMs)
    return !isReady(pod) || timeOf(timestamp) < changed + Number.parseFloat(window) * 1000;
  return !isReady(pod) && started + initialReadinessMs > changed;
}

function amountOf({ resource, container }: ResourceTarget, { containers }: PodMetrics): number | undefined {
  const own = container === undefined ? containers : containers.filter(({ name }) => name === container);
  const amounts = own.map(({ usage }) => usage[resource]);
  if (amounts.length === 0 || amounts.includes(undefined)) return undefined;
  return amounts.reduce((sum, text) => sum + milliUnits(parseQuantity(text ?? "0")), 0);
}

function requestsOf({ resource, container: only }: ResourceTarget, pods: readonly Pod[]): Amounts {
  return new Map(
    pods.map(({ metadata, spec }) => {
      const sidecars = (spec.initContainers ?? []).filter(({ restartPolicy }) => restartPolicy === "Always");
      const all = [...spec.containers, ...sidecars].filter(({ name }) => only === undefined || name === only);
      const amounts = all.map(({ name, resources }) => {
        const text = resources?.requests?.[resource];
        if (text !== undefined) return milliUnits(parseQuantity(String(text)));
        throw new Error(`missing request for ${resource} in container ${name} of Pod ${metadata.name}`);
      });
      return [metadata.name ?? "", amounts.reduce((sum, one) => sum + one, 0)];
    }),
  );
}

import type {
  HorizontalPodAutoscaler,
  HorizontalPodAutoscalerStatus,
  MetricSpec,
  MetricStatus,
  MetricTarget,
} from "#api/kube/types/autoscaling.ts";
import { messageOf } from "#base/fault.ts";
import { keyOf, objectPath } from "#client/kube/kube-resource.ts";
import { horizontalPodAutoscalers, pods } from "#client/kube/resources.ts";
import type { EventRecorder } from "#orchestrator/informers/event-recorder.ts";
import { type Again, runController } from "#orchestrator/informers/run-controller.ts";
import { isSameJson } from "#orchestrator/machinery/json-equal.ts";
import { matchesLabels, parseLabelSelector } from "#orchestrator/machinery/label-selector.ts";
import { milliUnits, parseQuantity } from "#orchestrator/machinery/quantity.ts";
import { timeText } from "#orchestrator/machinery/time-text.ts";
import type { ControllerDeps } from "../controller-deps.ts";
import { resourcesOf } from "../discovery.ts";
import { conditionsWith, type Said } from "./conditions.ts";
import { limitChange, type Past, pastMs } from "./limits.ts";
import {
  type PodMetrics,
  recommend,
  type Recommendation,
  type ResourceTarget,
  type UsageFacts,
} from "./usage.ts";

interface Scale {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: object;
  readonly spec: { readonly replicas?: number };
  readonly status: { readonly replicas: number; readonly selector?: string };
}

interface Working {
  readonly deps: ControllerDeps;
  readonly events: EventRecorder;
  readonly pasts: Map<string, Past>;
}

/** As upstream has it. */
const everyMs = 15_000;
const usualTolerance = 0.1;
const never: Past = { recommendations: [], changes: [] };

/** Scales what autoscalers name by what its pods use; nothing is looked at where there is no autoscaler. */
export async function startHorizontalAutoscaler(deps: ControllerDeps, signal: AbortSignal): Promise<void> {
  const own = deps.informers.of(horizontalPodAutoscalers);
  const podInformer = deps.informers.of(pods);
  const working = {
    deps,
    events: deps.events.recorder("horizontal-pod-autoscaler"),
    pasts: new Map<string, Past>(),
  };
  const controller = {
    name: "horizontal-pod-autoscaler",
    async reconcile(key: string, signal: AbortSignal): Promise<Again | undefined> {
      const found = own.cache.get(key);
      if (found === undefined) {
        working.pasts.delete(key);
        return undefined;
      }
      await reconcile(working, found, signal);
      return { afterMs: everyMs };
    },
  };
  const ready = Promise.all([own, podInformer].map((informer) => informer.synced(signal)));
  const { queue, ended } = runController(deps, controller, signal, { ready });
  own.handle({
    added: (one) => queue.add(keyOf(one)),
    updated(one, before) {
      if (!isSameJson(one.spec, before.spec)) queue.add(keyOf(one));
    },
    deleted: (one) => queue.add(keyOf(one)),
  });
  await ended;
}

async function reconcile(
  working: Working,
  autoscaler: HorizontalPodAutoscaler,
  signal: AbortSignal,
): Promise<void> {
  const { deps, events } = working;
  const said: Said[] = [];
  const say = (type: string, is: boolean, reason: string, message: string) =>
    void said.push([type, is, reason, message]);
  let status: HorizontalPodAutoscalerStatus = {
    ...autoscaler.status,
    desiredReplicas: autoscaler.status?.desiredReplicas ?? 0,
    observedGeneration: autoscaler.metadata.generation ?? 0,
  };
  try {
    const path = await scalePath(deps, autoscaler, signal);
    const scale = await deps.kube.requests.json<Scale>({ method: "GET", path }, signal);
    say(
      "AbleToScale",
      true,
      "SucceededGetScale",
      "the HPA controller was able to get the target's current scale",
    );
    status = { ...status, ...(await rescale(working, autoscaler, { path, scale }, say, signal)) };
  } catch (error) {
    signal.throwIfAborted();
    const message = `the HPA controller was unable to get the target's current scale: ${messageOf(error)}`;
    events.record(autoscaler, "Warning", "FailedGetScale", messageOf(error));
    say("AbleToScale", false, "FailedGetScale", message);
  }
  const conditions = conditionsWith(autoscaler.status?.conditions ?? [], said, deps.timers.now());
  const next = { ...status, conditions };
  if (!isSameJson(next, autoscaler.status ?? {}))
    await deps.kube.of(horizontalPodAutoscalers).updateStatus({ ...autoscaler, status: next }, signal);
}

async function scalePath(
  { kube }: ControllerDeps,
  { metadata, spec: { scaleTargetRef } }: HorizontalPodAutoscaler,
  signal: AbortSignal,
): Promise<string> {
  const { apiVersion = "v1", kind, name } = scaleTargetRef;
  const resources = await resourcesOf(kube, apiVersion, signal);
  const found = resources.find((one) => one.kind === kind);
  if (found === undefined)
    throw new Error(`no matches for kind ${JSON.stringify(kind)} in version ${JSON.stringify(apiVersion)}`);
  return objectPath(found, { namespace: metadata.namespace, name }, "scale");
}

type Say = (type: string, is: boolean, reason: string, message: string) => void;

async function rescale(
  { deps, events, pasts }: Working,
  autoscaler: HorizontalPodAutoscaler,
  { path, scale }: { readonly path: string; readonly scale: Scale },
  say: Say,
  signal: AbortSignal,
): Promise<Partial<HorizontalPodAutoscalerStatus>> {
  const { spec } = autoscaler;
  const [key, nowMs, current] = [keyOf(autoscaler), deps.timers.now(), scale.spec.replicas ?? 0];
  const told = { currentReplicas: scale.status.replicas };
  if (current === 0 && (spec.minReplicas ?? 1) !== 0) {
    say(
      "ScalingActive",
      false,
      "ScalingDisabled",
      "scaling is disabled since the replica count of the target is zero",
    );
    return { ...told, desiredReplicas: 0 };
  }
  const wanted = await measure(deps, autoscaler, scale, say, signal);
  if (wanted === undefined) return { ...told, desiredReplicas: current };
  const past = pasts.get(key) ?? never;
  const { replicas, stabilized, limited } = limitChange(spec, current, wanted.replicas, past, nowMs);
  const isRecent = ({ atMs }: { readonly atMs: number }) => nowMs - atMs < pastMs;
  const changes =
    replicas === current ? past.changes : [...past.changes, { atMs: nowMs, by: replicas - current }];
  pasts.set(key, {
    recommendations: [...past.recommendations, { atMs: nowMs, replicas: wanted.replicas }].filter(isRecent),
    changes: changes.filter(isRecent),
  });
  const { reason, message } = stabilized ?? {
    reason: "ReadyForNewScale",
    message: "recommended size matches current size",
  };
  say("AbleToScale", true, reason, message);
  if (limited === undefined)
    say("ScalingLimited", false, "DesiredWithinRange", "the desired count is within the acceptable range");
  else say("ScalingLimited", true, limited.reason, limited.message);
  const status = { ...told, desiredReplicas: replicas, currentMetrics: wanted.metrics };
  if (replicas === current) return status;
  await deps.kube.requests.json({ method: "PUT", path, body: { ...scale, spec: { replicas } } }, signal);
  say(
    "AbleToScale",
    true,
    "SucceededRescale",
    `the HPA controller was able to update the target scale to ${replicas}`,
  );
  events.record(
    autoscaler,
    "Normal",
    "SuccessfulRescale",
    `New size: ${replicas}; reason: ${limited?.message ?? wanted.reason}`,
  );
  return { ...status, lastScaleTime: timeText(nowMs) };
}

interface Wanted {
  readonly replicas: number;
  readonly reason: string;
  readonly metrics: readonly MetricStatus[];
}

/** The most that any metric asks for; undefined when none could be had, or too few of them to shrink by. */
async function measure(
  deps: ControllerDeps,
  autoscaler: HorizontalPodAutoscaler,
  { spec, status }: Scale,
  say: Say,
  signal: AbortSignal,
): Promise<Wanted | undefined> {
  const current = spec.replicas ?? 0;
  const made: { readonly recommendation: Recommendation; readonly spec: MetricSpec }[] = [];
  let failure: string | undefined;
  const facts = await factsOf(deps, autoscaler, status.selector ?? "", current, signal).catch(
    (error: unknown) => {
      failure = `unable to get metrics for resource: ${messageOf(error)}`;
    },
  );
  for (const metric of facts === undefined ? [] : (autoscaler.spec.metrics ?? []))
    try {
      made.push({ recommendation: recommend(targetOf(metric), facts ?? neverFacts), spec: metric });
    } catch (error) {
      failure ??= messageOf(error);
    }
  const replicas = Math.max(-1, ...made.map(({ recommendation }) => recommendation.replicas));
  if (replicas < 0 || (failure !== undefined && replicas < current)) {
    const message = `the HPA was unable to compute the replica count: ${failure ?? "no metrics"}`;
    say("ScalingActive", false, "FailedGetResourceMetric", message);
    return undefined;
  }
  const most = made.find(({ recommendation }) => recommendation.replicas === replicas)?.spec;
  const name = nameOf(most);
  const text = `the HPA was able to successfully calculate a replica count from ${name}`;
  say("ScalingActive", true, "ValidMetricFound", text);
  const metrics = made.map(({ recommendation, spec: metric }) => statusOf(metric, recommendation));
  const direction = replicas > current ? `${name} above target` : "All metrics below target";
  return { replicas, reason: direction, metrics };
}

const neverFacts: UsageFacts = { pods: [], metrics: [], current: 0, nowMs: 0, tolerance: usualTolerance };

async function factsOf(
  { kube, informers, timers }: ControllerDeps,
  { metadata: { namespace = "" } }: HorizontalPodAutoscaler,
  selector: string,
  current: number,
  signal: AbortSignal,
): Promise<UsageFacts> {
  const path = `/apis/metrics.k8s.io/v1beta1/namespaces/${namespace}/pods`;
  const query = { labelSelector: selector };
  const { items } = await kube.requests.json<{ readonly items: readonly PodMetrics[] }>(
    { method: "GET", path, query },
    signal,
  );
  const labels = parseLabelSelector(selector);
  const own = [...informers.of(pods).cache.inNamespace(namespace)].filter(({ metadata }) =>
    matchesLabels(labels, metadata.labels),
  );
  return { pods: own, metrics: items, current, nowMs: timers.now(), tolerance: usualTolerance };
}

/** @throws {Error} for metrics that no API here has */
function targetOf({ type, resource, containerResource }: MetricSpec): ResourceTarget {
  if (resource !== undefined) return { resource: resource.name, target: amountOf(resource.target) };
  if (containerResource === undefined) throw new Error(`metrics of type ${type} are not supported`);
  const { name, container, target } = containerResource;
  return { resource: name, container, target: amountOf(target) };
}

function amountOf({ averageUtilization, averageValue = "0" }: MetricTarget): ResourceTarget["target"] {
  return averageUtilization === undefined
    ? { averageMilli: milliUnits(parseQuantity(averageValue)) }
    : { utilization: averageUtilization };
}

function nameOf(metric: MetricSpec | undefined): string {
  const { resource, containerResource } = metric ?? {};
  const own = resource ?? containerResource;
  if (own?.target.averageUtilization === undefined) return `${own?.name} resource`;
  const what = resource === undefined ? "container resource" : "resource";
  return `${own.name} ${what} utilization (percentage of request)`;
}

function statusOf(
  { type, resource, containerResource }: MetricSpec,
  { averageMilli, utilization }: Recommendation,
): MetricStatus {
  const own = resource ?? containerResource;
  const averageValue = own?.name === "memory" ? String(Math.floor(averageMilli / 1000)) : `${averageMilli}m`;
  const current = { averageValue, ...(utilization !== undefined && { averageUtilization: utilization }) };
  const name = own?.name ?? "";
  return containerResource === undefined
    ? { type, resource: { name, current } }
    : { type, containerResource: { name, container: containerResource.container, current } };
}

import type { HorizontalPodAutoscaler, HPAScalingRules } from "#api/kube/types/autoscaling.ts";
import type { HorizontalPodAutoscaler as HorizontalPodAutoscalerV1 } from "#api/kube/types/autoscaling-v1.ts";
import type { LimitRange, LimitRangeItem, Namespace, Secret } from "#api/kube/types/core.ts";
import type { FlowSchema, PriorityLevelConfiguration } from "#api/kube/types/flowcontrol.ts";
import type { PriorityClass } from "#api/kube/types/scheduling.ts";
import type { Draft } from "#orchestrator/machinery/resource.ts";
import { edit, type Writable } from "../edit.ts";
import { mergeStringData } from "./check-data.ts";

export function defaultNamespace(object: Draft): void {
  const namespace = edit<Namespace>(object);
  namespace.status ??= {};
  namespace.status.phase ??= "Active";
  const { metadata } = namespace;
  // Without a name it is to be generated: the label follows when the name is there.
  if (metadata.name !== undefined)
    metadata.labels = { ...metadata.labels, "kubernetes.io/metadata.name": metadata.name };
}

export function defaultSecret(object: Draft): void {
  mergeStringData(object);
  edit<Secret>(object).type ??= "Opaque";
}

export function defaultLimitRange(object: Draft): void {
  for (const limit of edit<LimitRange>(object).spec?.limits ?? []) {
    if (limit.type === "Container") defaultLimits(limit);
  }
}

function defaultLimits(limit: Writable<LimitRangeItem>): void {
  const limits = { ...limit.max, ...limit.default };
  const requests = { ...limit.min, ...limits, ...limit.defaultRequest };
  if (Object.keys(limits).length > 0) limit.default = limits;
  if (Object.keys(requests).length > 0) limit.defaultRequest = requests;
}

export function defaultPriorityClass(object: Draft): void {
  edit<PriorityClass>(object).preemptionPolicy ??= "PreemptLowerPriority";
}

const defaultUtilization = 80;

export function defaultAutoscaler(object: Draft): void {
  if (object["apiVersion"] === "autoscaling/v1") {
    edit<HorizontalPodAutoscalerV1>(object).spec.minReplicas ??= 1;
    return;
  }
  const { spec } = edit<HorizontalPodAutoscaler>(object);
  spec.minReplicas ??= 1;
  spec.metrics ??= [
    {
      type: "Resource",
      resource: { name: "cpu", target: { type: "Utilization", averageUtilization: defaultUtilization } },
    },
  ];
  if (spec.behavior === undefined) return;
  spec.behavior.scaleUp = defaultRules(spec.behavior.scaleUp, 0, [
    { type: "Pods", value: 4, periodSeconds: 15 },
    { type: "Percent", value: 100, periodSeconds: 15 },
  ]);
  spec.behavior.scaleDown = defaultRules(spec.behavior.scaleDown, undefined, [
    { type: "Percent", value: 100, periodSeconds: 15 },
  ]);
}

function defaultRules(
  given: Writable<HPAScalingRules> | undefined,
  windowS: number | undefined,
  policies: Writable<NonNullable<HPAScalingRules["policies"]>>,
): Writable<HPAScalingRules> {
  return {
    ...(windowS === undefined ? {} : { stabilizationWindowSeconds: windowS }),
    selectPolicy: "Max",
    policies,
    ...given,
  };
}

const lowestPrecedence = 1000;

export function defaultFlowSchema(object: Draft): void {
  const { spec } = edit<FlowSchema>(object);
  if (spec !== undefined) spec.matchingPrecedence ??= lowestPrecedence;
}

export function defaultPriorityLevel(object: Draft): void {
  const { spec } = edit<PriorityLevelConfiguration>(object);
  if (spec?.exempt !== undefined) {
    spec.exempt.nominalConcurrencyShares ??= 0;
    spec.exempt.lendablePercent ??= 0;
  }
  if (spec?.limited === undefined) return;
  spec.limited.nominalConcurrencyShares ??= 30;
  spec.limited.lendablePercent ??= 0;
  const queuing = spec.limited.limitResponse?.queuing;
  if (queuing === undefined) return;
  queuing.handSize ??= 8;
  queuing.queues ??= 64;
  queuing.queueLengthLimit ??= 50;
}

import type { HorizontalPodAutoscaler, MetricSpec, MetricTarget } from "#api/kube/types/autoscaling.ts";
import { forbidden, invalid, notSupported, required } from "#orchestrator/machinery/field-error.ts";
import { pathSegmentComplaints } from "#orchestrator/machinery/names.ts";
import type { Draft, FieldError } from "#orchestrator/machinery/resource.ts";
import { checkPositiveQuantity, checkRequiredName, type Findings, ownValue } from "../check.ts";
import { view } from "../edit.ts";

const metricTypes = ["ContainerResource", "External", "Object", "Pods", "Resource"];
const sourceOf: Readonly<Record<string, keyof MetricSpec>> = {
  ContainerResource: "containerResource",
  External: "external",
  Object: "object",
  Pods: "pods",
  Resource: "resource",
};

export function autoscalerErrors(object: Draft): readonly FieldError[] {
  const into: Findings = [];
  const { spec } = view<HorizontalPodAutoscaler>(object);
  const { minReplicas, maxReplicas, scaleTargetRef, metrics = [] } = spec;
  if (minReplicas !== undefined && minReplicas < 1)
    into.push(invalid("spec.minReplicas", minReplicas, "must be greater than or equal to 1"));
  if (maxReplicas < 1) into.push(invalid("spec.maxReplicas", maxReplicas, "must be greater than 0"));
  if (minReplicas !== undefined && maxReplicas < minReplicas)
    into.push(invalid("spec.maxReplicas", maxReplicas, "must be greater than or equal to `minReplicas`"));
  checkRequiredName(into, "spec.scaleTargetRef.kind", scaleTargetRef?.kind, pathSegmentComplaints);
  checkRequiredName(into, "spec.scaleTargetRef.name", scaleTargetRef?.name, pathSegmentComplaints);
  if (object["apiVersion"] === "autoscaling/v1") return into;
  for (const [at, metric] of metrics.entries()) checkMetric(into, `spec.metrics[${at}]`, metric);
  return into;
}

function checkMetric(into: Findings, path: string, metric: MetricSpec): void {
  const type = metric.type ?? "";
  if (type === "") return void into.push(required(`${path}.type`, "must specify a metric source type"));
  const name = ownValue(sourceOf, type);
  if (name === undefined) return void into.push(notSupported(`${path}.type`, type, metricTypes));
  const source = metric[name];
  if (source === undefined || typeof source === "string")
    return void into.push(
      required(`${path}.${name}`, "must populate information for the given metric source"),
    );
  for (const other of Object.values(sourceOf))
    if (other !== name && metric[other] !== undefined)
      into.push(forbidden(`${path}.${other}`, "must populate the given metric source only"));
  checkTarget(into, `${path}.${name}.target`, source.target);
}

function checkTarget(into: Findings, path: string, target: MetricTarget | undefined): void {
  const { type = "", averageUtilization, averageValue, value } = target ?? {};
  if (type === "") into.push(required(`${path}.type`, "must specify a metric target type"));
  else if (!["Utilization", "Value", "AverageValue"].includes(type))
    into.push(invalid(`${path}.type`, type, "must be either Utilization, Value, or AverageValue"));
  if (averageUtilization !== undefined && averageUtilization < 1)
    into.push(invalid(`${path}.averageUtilization`, averageUtilization, "must be greater than 0"));
  for (const [name, amount] of Object.entries({ averageValue, value }))
    if (amount !== undefined) checkPositiveQuantity(into, `${path}.${name}`, amount);
}

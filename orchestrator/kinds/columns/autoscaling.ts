import type {
  HorizontalPodAutoscaler,
  MetricSpec,
  MetricStatus,
  MetricTarget,
  MetricValueStatus,
} from "#api/kube/types/autoscaling.ts";
import type { HorizontalPodAutoscaler as HorizontalPodAutoscalerV1 } from "#api/kube/types/autoscaling-v1.ts";
import type { Column } from "#orchestrator/machinery/resource.ts";
import { ageColumn, column, nameColumn } from "./column.ts";

const shownMetrics = 2;

function targets({ spec, status }: HorizontalPodAutoscaler): string {
  const metrics = spec.metrics ?? [];
  if (metrics.length === 0) return "<none>";
  const list = metrics.map((metric, at) => targetOf(metric, status?.currentMetrics?.[at]));
  const text = list.slice(0, shownMetrics).join(", ");
  return list.length > shownMetrics ? `${text} + ${list.length - shownMetrics} more...` : text;
}

function targetOf(metric: MetricSpec, current: MetricStatus | undefined): string {
  switch (metric.type) {
    case "External":
      return averageOrValue(metric.external?.target, current?.external?.current);
    case "Object":
      return averageOrValue(metric.object?.target, current?.object?.current);
    case "Pods":
      return `${current?.pods?.current.averageValue ?? "<unknown>"}/${metric.pods?.target.averageValue ?? ""}`;
    case "Resource":
      return resource(metric.resource?.name, metric.resource?.target, current?.resource?.current);
    case "ContainerResource":
      return resource(
        metric.containerResource?.name,
        metric.containerResource?.target,
        current?.containerResource?.current,
      );
    default:
      return "<unknown type>";
  }
}

function averageOrValue(target: MetricTarget | undefined, current: MetricValueStatus | undefined): string {
  if (target?.averageValue !== undefined)
    return `${current?.averageValue ?? "<unknown>"}/${target.averageValue} (avg)`;
  return `${current?.value ?? "<unknown>"}/${target?.value ?? ""}`;
}

function resource(
  name: string | undefined,
  target: MetricTarget | undefined,
  current: MetricValueStatus | undefined,
): string {
  if (target?.averageValue !== undefined)
    return `${name}: ${current?.averageValue ?? "<unknown>"}/${target.averageValue}`;
  const percent = (value: number | undefined, otherwise: string) =>
    value === undefined ? otherwise : `${value}%`;
  return `${name}: ${percent(current?.averageUtilization, "<unknown>")}/${percent(target?.averageUtilization, "<auto>")}`;
}

type Scaler = HorizontalPodAutoscaler | HorizontalPodAutoscalerV1;

function scalerColumns(targetsOf: (object: Scaler) => string): readonly Column[] {
  return [
    nameColumn,
    column<Scaler>(
      "Reference",
      "string",
      "What it scales.",
      ({ spec }) => `${spec.scaleTargetRef.kind}/${spec.scaleTargetRef.name}`,
    ),
    column<Scaler>("Targets", "string", "What it measures, and what that should be.", targetsOf),
    column<Scaler>("MinPods", "string", "The least number of pods.", ({ spec }) =>
      String(spec.minReplicas ?? "<unset>"),
    ),
    column<Scaler>("MaxPods", "integer", "The greatest number of pods.", ({ spec }) => spec.maxReplicas),
    column<Scaler>(
      "Replicas",
      "integer",
      "How many pods there are.",
      ({ status }) => status?.currentReplicas ?? 0,
    ),
    ageColumn,
  ];
}

export const horizontalPodAutoscalerColumns = scalerColumns((object) =>
  targets(object as HorizontalPodAutoscaler),
);

/** Version 1 knows no metric but the processor. */
export const horizontalPodAutoscalerV1Columns = scalerColumns((object) => {
  const { spec, status } = object as HorizontalPodAutoscalerV1;
  const target = spec.targetCPUUtilizationPercentage;
  if (target === undefined) return "<none>";
  return `cpu: ${status?.currentCPUUtilizationPercentage === undefined ? "<unknown>" : `${status.currentCPUUtilizationPercentage}%`}/${target}%`;
});

import type { Draft, ResourceDefinition, StoredAs } from "#orchestrator/machinery/resource.ts";

/** Definitions of resources that others are kept as: events of both groups are the same, and both versions of autoscalers. */
export function withConversions(definitions: readonly ResourceDefinition[]): readonly ResourceDefinition[] {
  return definitions.map(withNameRule).map((definition) => {
    const storedAs = conversions[`${definition.group}/${definition.version}/${definition.resource}`];
    return storedAs === undefined ? definition : { ...definition, storedAs };
  });
}

/** Roles have names with colons. */
function withNameRule(definition: ResourceDefinition): ResourceDefinition {
  if (definition.group !== "rbac.authorization.k8s.io") return definition;
  return { ...definition, strategy: { nameRule: "path-segment", ...definition.strategy } };
}

/** From events.k8s.io/v1 to core's names. */
const eventFields: Readonly<Record<string, string>> = {
  regarding: "involvedObject",
  note: "message",
  reportingController: "reportingComponent",
  deprecatedSource: "source",
  deprecatedFirstTimestamp: "firstTimestamp",
  deprecatedLastTimestamp: "lastTimestamp",
  deprecatedCount: "count",
};
const coreFields = Object.fromEntries(Object.entries(eventFields).map(([own, core]) => [core, own]));

function renamed(object: Draft, names: Readonly<Record<string, string>>, apiVersion: string): Draft {
  const result: Draft = {};
  for (const [field, value] of Object.entries(object)) result[names[field] ?? field] = value;
  return { ...result, apiVersion };
}

const prefix = "autoscaling.alpha.kubernetes.io/";
/** What v1 has no fields for is in its annotations. */
const annotated = {
  metrics: "metrics",
  behavior: "behavior",
  conditions: "conditions",
  currentMetrics: "current-metrics",
};

interface Metric {
  readonly type?: string;
  readonly resource?: {
    readonly name?: string;
    readonly target?: { readonly type?: string; readonly averageUtilization?: number };
    readonly current?: { readonly averageUtilization?: number };
  };
}

function cpuOf(metrics: readonly Metric[] | undefined, side: "target" | "current"): number | undefined {
  return metrics?.find(isCpu)?.resource?.[side]?.averageUtilization;
}

function isCpu({ type, resource }: Metric): boolean {
  return type === "Resource" && resource?.name === "cpu";
}

/** autoscaling/v2 to v1. */
function toFirst(object: Draft): Draft {
  const { metadata = {}, spec = {}, status = {} } = object as Record<string, Draft>;
  const { metrics, behavior, ...kept } = spec;
  const { currentMetrics, conditions, ...told } = status;
  const annotations: Record<string, string> = {
    ...(metadata["annotations"] as Record<string, string> | undefined),
  };
  const cpu = cpuOf(metrics as Metric[] | undefined, "target");
  const others = ((metrics ?? []) as Metric[]).filter((one) => !(isCpu(one) && cpu !== undefined));
  const note = (name: string, value: unknown) => {
    if (value !== undefined && !(Array.isArray(value) && value.length === 0))
      annotations[prefix + name] = JSON.stringify(value);
  };
  note(annotated.metrics, others);
  note(annotated.behavior, behavior);
  note(annotated.conditions, conditions);
  note(annotated.currentMetrics, currentMetrics);
  const current = cpuOf(currentMetrics as Metric[] | undefined, "current");
  return {
    ...object,
    apiVersion: "autoscaling/v1",
    metadata: { ...metadata, ...(Object.keys(annotations).length > 0 && { annotations }) },
    spec: { ...kept, ...(cpu !== undefined && { targetCPUUtilizationPercentage: cpu }) },
    status: {
      ...told,
      currentReplicas: told["currentReplicas"] ?? 0,
      ...(current !== undefined && { currentCPUUtilizationPercentage: current }),
    },
  };
}

/** autoscaling/v1 to v2. */
function toSecond(object: Draft): Draft {
  const { metadata = {}, spec = {}, status = {} } = object as Record<string, Draft>;
  const { targetCPUUtilizationPercentage: cpu, ...kept } = spec;
  const { currentCPUUtilizationPercentage: _cpu, ...told } = status;
  const annotations = { ...(metadata["annotations"] as Record<string, string> | undefined) };
  const taken = (name: string): unknown => {
    const text = annotations[prefix + name];
    delete annotations[prefix + name];
    try {
      return text === undefined ? undefined : JSON.parse(text);
    } catch {
      return undefined;
    }
  };
  const cpuMetric = {
    type: "Resource",
    resource: { name: "cpu", target: { type: "Utilization", averageUtilization: cpu } },
  };
  const others = taken(annotated.metrics);
  const metrics = [...(Array.isArray(others) ? others : []), ...(cpu === undefined ? [] : [cpuMetric])];
  const behavior = taken(annotated.behavior);
  const conditions = taken(annotated.conditions);
  const currentMetrics = taken(annotated.currentMetrics);
  const { annotations: _old, ...rest } = metadata;
  return {
    ...object,
    apiVersion: "autoscaling/v2",
    metadata: { ...rest, ...(Object.keys(annotations).length > 0 && { annotations }) },
    spec: {
      ...kept,
      ...(metrics.length > 0 && { metrics }),
      ...(behavior !== undefined && { behavior }),
    },
    status: {
      ...told,
      ...(conditions !== undefined && { conditions }),
      ...(currentMetrics !== undefined && { currentMetrics }),
    },
  };
}

const conversions: Readonly<Record<string, StoredAs>> = {
  "events.k8s.io/v1/events": {
    group: "",
    resource: "events",
    decode: (object) => renamed(object, coreFields, "events.k8s.io/v1"),
    encode: (object) => renamed(object, eventFields, "v1"),
  },
  "autoscaling/v1/horizontalpodautoscalers": {
    group: "autoscaling",
    resource: "horizontalpodautoscalers",
    decode: toFirst,
    encode: toSecond,
  },
};

import type { HorizontalPodAutoscalerSpec, HPAScalingRules } from "#api/kube/types/autoscaling.ts";

/** What there has been lately, of one autoscaler. */
export interface Past {
  readonly recommendations: readonly { readonly atMs: number; readonly replicas: number }[];
  /** Changes that were made; positive: up. */
  readonly changes: readonly { readonly atMs: number; readonly by: number }[];
}

export interface Limited {
  readonly replicas: number;
  /** Why it is not what was recommended, in upstream's words. */
  readonly stabilized?: { readonly reason: string; readonly message: string };
  readonly limited?: { readonly reason: string; readonly message: string };
}

const usualUp = {
  stabilizationWindowSeconds: 0,
  selectPolicy: "Max",
  policies: [
    { type: "Pods", value: 4, periodSeconds: 15 },
    { type: "Percent", value: 100, periodSeconds: 15 },
  ],
} as const satisfies HPAScalingRules;
const usualDown = {
  stabilizationWindowSeconds: 300,
  selectPolicy: "Max",
  policies: [{ type: "Percent", value: 100, periodSeconds: 15 }],
} as const satisfies HPAScalingRules;

/** Nothing that is older counts. @see Kubernetes API 1.36, HPAScalingRules: at most an hour, and half of one */
export const pastMs = 3600_000;

/** What becomes of a recommendation: it waits for others to agree, goes no faster than it may, and stays within its bounds. */
export function limitChange(
  spec: HorizontalPodAutoscalerSpec,
  current: number,
  recommended: number,
  past: Past,
  nowMs: number,
): Limited {
  const up = { ...usualUp, ...spec.behavior?.scaleUp };
  const down = { ...usualDown, ...spec.behavior?.scaleDown };
  const steady = stabilized(current, recommended, { up, down }, past, nowMs);
  const why =
    steady === recommended
      ? undefined
      : steady > recommended
        ? {
            reason: "ScaleDownStabilized",
            message:
              "recent recommendations were higher than current one, applying the highest recent recommendation",
          }
        : {
            reason: "ScaleUpStabilized",
            message:
              "recent recommendations were lower than current one, applying the lowest recent recommendation",
          };
  const bounded = within(spec, current, steady, { up, down }, past, nowMs);
  return { ...bounded, ...(why !== undefined && { stabilized: why }) };
}

interface Rules {
  readonly up: HPAScalingRules;
  readonly down: HPAScalingRules;
}

function stabilized(
  current: number,
  recommended: number,
  { up, down }: Rules,
  { recommendations }: Past,
  nowMs: number,
): number {
  const since = ({ stabilizationWindowSeconds = 0 }: HPAScalingRules) =>
    recommendations
      .filter(({ atMs }) => nowMs - atMs < stabilizationWindowSeconds * 1000)
      .map(({ replicas }) => replicas);
  const lowest = Math.min(recommended, ...since(up));
  const highest = Math.max(recommended, ...since(down));
  return Math.min(Math.max(current, lowest), highest);
}

function within(
  { minReplicas = 1, maxReplicas }: HorizontalPodAutoscalerSpec,
  current: number,
  wanted: number,
  { up, down }: Rules,
  past: Past,
  nowMs: number,
): Limited {
  const tooMany = {
    reason: "TooManyReplicas",
    message: "the desired replica count is more than the maximum replica count",
  };
  const tooFew = {
    reason: "TooFewReplicas",
    message: "the desired replica count is less than the minimum replica count",
  };
  if (wanted > current) {
    const most = Math.max(current, speedLimit(up, current, past, nowMs, true));
    const limit = Math.min(most, maxReplicas);
    if (wanted <= limit)
      return wanted < minReplicas ? { replicas: minReplicas, limited: tooFew } : { replicas: wanted };
    const slow = {
      reason: "ScaleUpLimit",
      message: "the desired replica count is increasing faster than the maximum scale rate",
    };
    return { replicas: limit, limited: maxReplicas <= most ? tooMany : slow };
  }
  if (wanted < current) {
    const least = Math.min(current, speedLimit(down, current, past, nowMs, false));
    const limit = Math.max(least, minReplicas);
    if (wanted >= limit)
      return wanted > maxReplicas ? { replicas: maxReplicas, limited: tooMany } : { replicas: wanted };
    const slow = {
      reason: "ScaleDownLimit",
      message: "the desired replica count is decreasing faster than the maximum scale rate",
    };
    return { replicas: limit, limited: minReplicas >= least ? tooFew : slow };
  }
  if (wanted > maxReplicas) return { replicas: maxReplicas, limited: tooMany };
  return wanted < minReplicas ? { replicas: minReplicas, limited: tooFew } : { replicas: wanted };
}

/** How far it may go now, by its policies and what has changed in their periods. */
function speedLimit(
  { policies = [], selectPolicy = "Max" }: HPAScalingRules,
  current: number,
  { changes }: Past,
  nowMs: number,
  isUp: boolean,
): number {
  if (selectPolicy === "Disabled") return current;
  const proposals = policies.map(({ type, value, periodSeconds }) => {
    const changed = changes
      .filter(({ atMs, by }) => nowMs - atMs < periodSeconds * 1000 && by > 0 === isUp)
      .reduce((sum, { by }) => sum + by, 0);
    const before = current - changed;
    const sign = isUp ? 1 : -1;
    if (type === "Pods") return before + sign * value;
    const scaled = before * (1 + (sign * value) / 100);
    return isUp ? Math.ceil(scaled) : Math.floor(scaled);
  });
  // The greatest change: upwards the highest, downwards the lowest.
  return (selectPolicy === "Max") === isUp ? Math.max(...proposals) : Math.min(...proposals);
}

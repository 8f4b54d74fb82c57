import type { HorizontalPodAutoscalerCondition } from "#api/kube/types/autoscaling.ts";
import { timeText } from "#orchestrator/machinery/time-text.ts";

export type Said = readonly [type: string, is: boolean, reason: string, message: string];

/** The conditions with what is to be said now; the last thing said of a type counts. */
export function conditionsWith(
  before: readonly HorizontalPodAutoscalerCondition[],
  said: readonly Said[],
  nowMs: number,
): readonly HorizontalPodAutoscalerCondition[] {
  const all = new Map(before.map((one) => [one.type, one]));
  for (const [type, is, reason, message] of said) {
    const status = is ? "True" : "False";
    const old = before.find((one) => one.type === type);
    const lastTransitionTime =
      old?.status === status && old.lastTransitionTime !== undefined
        ? old.lastTransitionTime
        : timeText(nowMs);
    all.set(type, { type, status, lastTransitionTime, reason, message });
  }
  return [...all.values()];
}

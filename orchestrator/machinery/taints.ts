import type { Taint } from "#api/kube/types/core.ts";
import type { Toleration } from "#api/kube/types/core-pods.ts";

/** Whether the toleration is for the taint. @see Kubernetes, taints and tolerations */
export function tolerates(toleration: Toleration, taint: Taint): boolean {
  const { effect = "", key = "", operator = "Equal", value = "" } = toleration;
  if (effect !== "" && effect !== taint.effect) return false;
  if (key !== "" && key !== taint.key) return false;
  if (operator === "Exists") return true;
  if (key === "") return false;
  if (operator === "Equal") return value === (taint.value ?? "");
  const [own, other] = [Number(taint.value), Number(value)];
  return operator === "Gt" ? own > other : own < other;
}

/** The first taint of these effects that is not tolerated. */
export function untolerated(
  taints: readonly Taint[],
  tolerations: readonly Toleration[],
  effects: readonly Taint["effect"][],
): Taint | undefined {
  return taints.find(
    (taint) => effects.includes(taint.effect) && !tolerations.some((one) => tolerates(one, taint)),
  );
}

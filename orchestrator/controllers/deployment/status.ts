import type { Deployment, DeploymentCondition, DeploymentStatus, ReplicaSet } from "#api/kube/types/apps.ts";
import { timeOf, timeText } from "#orchestrator/machinery/time-text.ts";
import { counts } from "../replica-set/plan.ts";
import { sizeOf, sumOf } from "./sets.ts";
import { maxUnavailableOf } from "./rolling.ts";

type Condition = Omit<DeploymentCondition, "lastUpdateTime" | "lastTransitionTime">;

export function hasDeadline({ spec }: Deployment): boolean {
  const seconds = spec.progressDeadlineSeconds;
  return seconds !== undefined && seconds !== 0x7fff_ffff;
}

export function conditionOf(
  status: DeploymentStatus | undefined,
  type: string,
): DeploymentCondition | undefined {
  return status?.conditions?.find((condition) => condition.type === type);
}

/** The conditions with another one. The same status for the same reason changes nothing. */
export function withCondition(
  conditions: readonly DeploymentCondition[],
  condition: Condition,
  nowMs: number,
  transition?: string,
): readonly DeploymentCondition[] {
  const before = conditions.find(({ type }) => type === condition.type);
  if (before !== undefined && before.status === condition.status && before.reason === condition.reason)
    return conditions;
  return [
    ...conditions.filter(({ type }) => type !== condition.type),
    made(before, condition, nowMs, transition),
  ];
}

function made(
  before: DeploymentCondition | undefined,
  condition: Condition,
  nowMs: number,
  transition?: string,
): DeploymentCondition {
  const now = timeText(nowMs);
  const kept = before?.status === condition.status ? before.lastTransitionTime : undefined;
  return { ...condition, lastUpdateTime: now, lastTransitionTime: transition ?? kept ?? now };
}

/** The numbers of a Deployment's status, and whether enough of it is available. */
export function planNumbers(
  deployment: Deployment,
  newSet: ReplicaSet | undefined,
  all: readonly ReplicaSet[],
  nowMs: number,
): DeploymentStatus {
  const available = sumOf(all, ({ status }) => status?.availableReplicas);
  const isEnough = available >= (deployment.spec.replicas ?? 1) - maxUnavailableOf(deployment);
  const condition: Condition = isEnough
    ? {
        type: "Available",
        status: "True",
        reason: "MinimumReplicasAvailable",
        message: "Deployment has minimum availability.",
      }
    : {
        type: "Available",
        status: "False",
        reason: "MinimumReplicasUnavailable",
        message: "Deployment does not have minimum availability.",
      };
  const { collisionCount, conditions = [] } = deployment.status ?? {};
  return {
    ...(collisionCount === undefined ? {} : { collisionCount }),
    ...counts({
      observedGeneration: deployment.metadata.generation ?? 0,
      replicas: sumOf(all, ({ status }) => status?.replicas),
      updatedReplicas: newSet?.status?.replicas ?? 0,
      readyReplicas: sumOf(all, ({ status }) => status?.readyReplicas),
      availableReplicas: available,
      unavailableReplicas: Math.max(0, sumOf(all, sizeOf) - available),
    }),
    ...(all.every(({ status }) => status?.terminatingReplicas !== undefined) && {
      terminatingReplicas: sumOf(all, ({ status }) => status?.terminatingReplicas),
    }),
    conditions: withCondition(conditions, condition, nowMs),
  };
}

export function isComplete({ spec, metadata }: Deployment, status: DeploymentStatus): boolean {
  const replicas = spec.replicas ?? 1;
  return (
    (status.updatedReplicas ?? 0) === replicas &&
    (status.replicas ?? 0) === replicas &&
    (status.availableReplicas ?? 0) === replicas &&
    (status.observedGeneration ?? 0) >= (metadata.generation ?? 0)
  );
}

function isProgressing(before: DeploymentStatus, next: DeploymentStatus): boolean {
  const oldOf = ({ replicas = 0, updatedReplicas = 0 }: DeploymentStatus) => replicas - updatedReplicas;
  return (
    (next.updatedReplicas ?? 0) > (before.updatedReplicas ?? 0) ||
    oldOf(next) < oldOf(before) ||
    (next.readyReplicas ?? 0) > (before.readyReplicas ?? 0) ||
    (next.availableReplicas ?? 0) > (before.availableReplicas ?? 0)
  );
}

function isLate(deployment: Deployment, nowMs: number): boolean {
  const condition = conditionOf(deployment.status, "Progressing");
  if (condition === undefined || condition.reason === "NewReplicaSetAvailable") return false;
  if (condition.reason === "ProgressDeadlineExceeded") return true;
  const deadlineMs = (deployment.spec.progressDeadlineSeconds ?? 0) * 1000;
  return timeOf(condition.lastUpdateTime) + deadlineMs < nowMs;
}

/** A Deployment's status while it rolls out: its numbers, whether it moves, and what its ReplicaSets fail at. */
export function planRolloutStatus(
  deployment: Deployment,
  newSet: ReplicaSet | undefined,
  all: readonly ReplicaSet[],
  nowMs: number,
): DeploymentStatus {
  const numbers = planNumbers(deployment, newSet, all, nowMs);
  const conditions = withProgress(deployment, newSet, numbers, nowMs);
  const failed = failureOf(newSet, all);
  const others = conditions.filter(({ type }) => type !== "ReplicaFailure");
  if (failed === undefined) return { ...numbers, conditions: others };
  const before = conditions.find(({ type }) => type === "ReplicaFailure");
  const isSame = before?.status === failed.status && before.reason === failed.reason;
  return { ...numbers, conditions: isSame ? conditions : [...others, failed] };
}

function withProgress(
  deployment: Deployment,
  newSet: ReplicaSet | undefined,
  status: DeploymentStatus,
  nowMs: number,
): readonly DeploymentCondition[] {
  const { conditions = [] } = status;
  if (!hasDeadline(deployment)) return conditions.filter(({ type }) => type !== "Progressing");
  const current = conditionOf(deployment.status, "Progressing");
  const isDone = (status.replicas ?? 0) === (status.updatedReplicas ?? 0);
  if (isDone && current?.reason === "NewReplicaSetAvailable") return conditions;
  const subject =
    newSet === undefined
      ? `Deployment "${deployment.metadata.name}"`
      : `ReplicaSet "${newSet.metadata.name}"`;
  const progress = (value: string, reason: string, message: string): Condition => ({
    type: "Progressing",
    status: value,
    reason,
    message: `${subject} ${message}`,
  });
  if (isComplete(deployment, status))
    return withCondition(
      conditions,
      progress("True", "NewReplicaSetAvailable", "has successfully progressed."),
      nowMs,
    );
  if (isProgressing(deployment.status ?? {}, status)) {
    const moved = progress("True", "ReplicaSetUpdated", "is progressing.");
    return [...conditions.filter(({ type }) => type !== "Progressing"), made(current, moved, nowMs)];
  }
  if (isLate(deployment, nowMs))
    return withCondition(
      conditions,
      progress("False", "ProgressDeadlineExceeded", "has timed out progressing."),
      nowMs,
    );
  return conditions;
}

function failureOf(
  newSet: ReplicaSet | undefined,
  all: readonly ReplicaSet[],
): DeploymentCondition | undefined {
  const failed = [...(newSet === undefined ? [] : [newSet]), ...all]
    .flatMap(({ status }) => status?.conditions ?? [])
    .find(({ type }) => type === "ReplicaFailure");
  if (failed === undefined) return undefined;
  const { lastTransitionTime } = failed;
  return { ...failed, ...(lastTransitionTime === undefined ? {} : { lastUpdateTime: lastTransitionTime }) };
}

/** When to look again whether the roll-out is late; undefined when it cannot be. */
export function lateInMs(
  deployment: Deployment,
  status: DeploymentStatus,
  nowMs: number,
): number | undefined {
  const condition = conditionOf(status, "Progressing");
  if (!hasDeadline(deployment) || condition === undefined) return undefined;
  if (isComplete(deployment, status) || condition.reason === "ProgressDeadlineExceeded") return undefined;
  const deadlineMs = (deployment.spec.progressDeadlineSeconds ?? 0) * 1000;
  return Math.max(1000, timeOf(condition.lastUpdateTime) + deadlineMs - nowMs + 1000);
}

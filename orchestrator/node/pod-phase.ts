import type { Container, ContainerStatus, Pod, PodStatus } from "#api/kube/types/core-pods.ts";
import { isSidecar } from "./pod.ts";

export interface StatusLists {
  readonly initContainerStatuses: readonly ContainerStatus[];
  readonly containerStatuses: readonly ContainerStatus[];
}

export type Phase = NonNullable<PodStatus["phase"]>;

interface Counts {
  unknown: number;
  running: number;
  waiting: number;
  stopped: number;
  succeeded: number;
}

/**
 * A pod's phase by what its containers are at.
 *
 * @param isTerminal all of it has been stopped and nothing will be started again
 * @see Kubernetes documentation, Pod Lifecycle
 */
export function phaseOf(pod: Pod, lists: StatusLists, isTerminal: boolean): Phase {
  const init = initPhase(pod, lists);
  if (init === "failed") return "Failed";
  const counts = count(pod.spec?.containers ?? [], lists.containerStatuses);
  const policy = pod.spec?.restartPolicy ?? "Always";
  if (init === "pending" && counts.running === 0 && !(isTerminal && counts.stopped > 0)) {
    return isTerminal && hasBegun(lists) ? "Failed" : "Pending";
  }
  if (counts.waiting > 0) return isTerminal && hasBegun(lists) ? "Failed" : "Pending";
  if (counts.running > 0 && counts.unknown === 0) return "Running";
  if (counts.running === 0 && counts.stopped > 0 && counts.unknown === 0) {
    const allWell = counts.stopped === counts.succeeded;
    if (isTerminal) return allWell ? "Succeeded" : "Failed";
    if (policy === "Always") return "Running";
    if (allWell) return "Succeeded";
    return policy === "Never" ? "Failed" : "Running";
  }
  return "Pending";
}

function hasBegun({ initContainerStatuses, containerStatuses }: StatusLists): boolean {
  return [...initContainerStatuses, ...containerStatuses].some(
    (status) => status.state?.terminated !== undefined,
  );
}

function count(containers: readonly Container[], statuses: readonly ContainerStatus[]): Counts {
  const counts: Counts = { unknown: 0, running: 0, waiting: 0, stopped: 0, succeeded: 0 };
  for (const { name } of containers) {
    const status = statuses.find((each) => each.name === name);
    const ended = status?.state?.terminated;
    if (status?.state?.running !== undefined) counts.running++;
    else if (ended !== undefined) {
      counts.stopped++;
      if (ended.exitCode === 0) counts.succeeded++;
    } else if (status?.state?.waiting !== undefined) {
      if (status.lastState?.terminated === undefined) counts.waiting++;
      else counts.stopped++;
    } else counts.unknown++;
  }
  return counts;
}

function initPhase(pod: Pod, { initContainerStatuses }: StatusLists): "done" | "pending" | "failed" {
  let result: "done" | "pending" = "done";
  for (const container of pod.spec?.initContainers ?? []) {
    const status = initContainerStatuses.find(({ name }) => name === container.name);
    const { running, terminated } = status?.state ?? {};
    if (isSidecar(container)) {
      const wasStarted =
        running !== undefined
          ? (status?.started ?? false)
          : terminated !== undefined || status?.lastState?.terminated !== undefined;
      if (!wasStarted) result = "pending";
      continue;
    }
    if (terminated !== undefined && terminated.exitCode === 0) continue;
    const policy = container.restartPolicy ?? pod.spec?.restartPolicy;
    if (terminated !== undefined && policy === "Never") return "failed";
    result = "pending";
  }
  return result;
}

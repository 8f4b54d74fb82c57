import type { Pod, PodCondition, PodStatus } from "#api/kube/types/core-pods.ts";
import type { Phase, StatusLists } from "./pod-phase.ts";
import { isSidecar } from "./pod.ts";

export interface ConditionInput {
  readonly pod: Pod;
  readonly before: PodStatus;
  readonly phase: Phase;
  readonly lists: StatusLists;
  readonly hasSandbox: boolean;
  /** RFC 3339. */
  readonly now: string;
}

interface Claim {
  readonly status: "True" | "False";
  readonly reason?: string;
  readonly message?: string;
}

/** The conditions that the node agent owns, in upstream's order, then those of others as they are. */
export function conditionsOf(input: ConditionInput): readonly PodCondition[] {
  const { pod, before } = input;
  const containers = containersReady(input);
  const claims: Readonly<Record<string, Claim>> = {
    PodReadyToStartContainers: { status: input.hasSandbox ? "True" : "False" },
    Initialized: initialized(input),
    Ready: ready(input, containers),
    ContainersReady: containers,
    PodScheduled: { status: "True" },
  };
  const known = new Map((before.conditions ?? []).map((condition) => [condition.type, condition]));
  const own = Object.entries(claims).map(([type, claim]) => {
    const last = known.get(type);
    const isSame = last?.status === claim.status && last.lastTransitionTime !== undefined;
    return {
      type,
      ...(pod.metadata.generation === undefined ? {} : { observedGeneration: pod.metadata.generation }),
      ...claim,
      lastProbeTime: null as unknown as string,
      lastTransitionTime: isSame ? (last.lastTransitionTime ?? input.now) : input.now,
    };
  });
  const others = (before.conditions ?? []).filter(({ type }) => !(type in claims));
  return [...own, ...others];
}

function initialized({ pod, phase, lists }: ConditionInput): Claim {
  const init = pod.spec?.initContainers ?? [];
  if (phase === "Succeeded") return { status: "True", reason: "PodCompleted" };
  // Once a regular container has begun, the pod has been initialised.
  if (
    lists.containerStatuses.some(
      ({ state, lastState }) => (state?.running ?? state?.terminated ?? lastState?.terminated) !== undefined,
    )
  )
    return { status: "True" };
  const unknown = init.filter(
    ({ name }) => !lists.initContainerStatuses.some((status) => status.name === name),
  );
  const incomplete = init.filter((container) => {
    const status = lists.initContainerStatuses.find(({ name }) => name === container.name);
    return status !== undefined && !(isSidecar(container) ? (status.started ?? false) : status.ready);
  });
  const parts = [
    ...(unknown.length > 0 ? [`containers with unknown status: ${list(unknown)}`] : []),
    ...(incomplete.length > 0 ? [`containers with incomplete status: ${list(incomplete)}`] : []),
  ];
  if (parts.length === 0) return { status: "True" };
  return { status: "False", reason: "ContainersNotInitialized", message: parts.join(", ") };
}

function containersReady({ pod, phase, lists }: ConditionInput): Claim {
  if (phase === "Failed" || phase === "Succeeded")
    return { status: "False", reason: phase === "Failed" ? "PodFailed" : "PodCompleted" };
  const all = [...(pod.spec?.initContainers ?? []).filter(isSidecar), ...(pod.spec?.containers ?? [])];
  const statuses = [...lists.initContainerStatuses, ...lists.containerStatuses];
  const unready = all.filter(
    ({ name }) => !(statuses.find((status) => status.name === name)?.ready ?? false),
  );
  if (unready.length === 0) return { status: "True" };
  return {
    status: "False",
    reason: "ContainersNotReady",
    message: `containers with unready status: ${list(unready)}`,
  };
}

function ready({ pod, before }: ConditionInput, containers: Claim): Claim {
  if (containers.status === "False") return containers;
  const problems = (pod.spec?.readinessGates ?? []).flatMap(({ conditionType }) => {
    const condition = (pod.status?.conditions ?? before.conditions ?? []).find(
      ({ type }) => type === conditionType,
    );
    if (condition === undefined)
      return [`corresponding condition of pod readiness gate "${conditionType}" does not exist.`];
    return condition.status === "True"
      ? []
      : [`the status of pod readiness gate "${conditionType}" is not "True", but ${condition.status}`];
  });
  if (problems.length === 0) return { status: "True" };
  return { status: "False", reason: "ReadinessGatesNotReady", message: problems.join(", ") };
}

function list(containers: readonly { readonly name: string }[]): string {
  return `[${containers.map(({ name }) => name).join(" ")}]`;
}

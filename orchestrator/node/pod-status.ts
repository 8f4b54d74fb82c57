import type {
  Container,
  ContainerState,
  ContainerStatus,
  Pod,
  PodStatus,
} from "#api/kube/types/core-pods.ts";
import { formatTime } from "#base/time.ts";
import { type ConditionInput, conditionsOf } from "./pod-conditions.ts";
import { phaseOf } from "./pod-phase.ts";
import { shouldRestart } from "./plan-pod.ts";
import { isDeleted, isHostNetwork, isSidecar } from "./pod.ts";
import { qosOf } from "./resources.ts";
import type { RuntimeContainer, RuntimePod } from "./runtime-pod.ts";

/** Why a container could not be started, or is not started yet. */
export interface StartProblem {
  readonly reason: string;
  readonly message: string;
}

export interface StatusInput {
  readonly pod: Pod;
  readonly runtime: RuntimePod;
  /** What was told before. */
  readonly before: PodStatus;
  /** e.g. `containerd`; ids are written `containerd://…`. */
  readonly runtimeName: string;
  readonly problems: ReadonlyMap<string, StartProblem>;
  readonly isReady: (container: Container, running: RuntimeContainer) => boolean;
  readonly isStarted: (container: Container, running: RuntimeContainer) => boolean;
  readonly hostIps: readonly string[];
  /** Set when the pod has ended for a reason of its own, e.g. evicted. */
  readonly verdict?: { readonly reason: string; readonly message: string };
  /** Whether all containers have been stopped for good. */
  readonly isTerminal: boolean;
  readonly terminationMessage: (container: RuntimeContainer) => string | undefined;
  /** RFC 3339. */
  readonly now: string;
}

/** Whole seconds, as the API writes times. */
export function kubeTime(nanoseconds: bigint): string {
  return formatTime(nanoseconds - (nanoseconds % 1_000_000_000n));
}

/** The status that the API is to have of a pod. */
export function statusOf(input: StatusInput): PodStatus {
  const { pod, runtime, before } = input;
  const spec = pod.spec;
  const lists = {
    initContainerStatuses: (spec?.initContainers ?? []).map((each) => containerStatus(input, each, "init")),
    containerStatuses: (spec?.containers ?? [])
      .map((each) => containerStatus(input, each, "regular"))
      .toSorted((a, b) => (a.name < b.name ? -1 : 1)),
    ephemeralContainerStatuses: (spec?.ephemeralContainers ?? []).map((each) =>
      containerStatus(input, each, "ephemeral"),
    ),
  };
  const phase = input.verdict === undefined ? phaseOf(pod, lists, input.isTerminal) : "Failed";
  const kept = before.phase === "Failed" || before.phase === "Succeeded" ? before.phase : phase;
  const conditions: ConditionInput = {
    pod,
    before,
    phase: kept,
    lists,
    now: input.now,
    hasSandbox: hasNetwork(runtime),
  };
  const ips = ipsOf(input);
  const { reason, message } = input.verdict ?? before;
  return {
    ...(pod.metadata.generation === undefined ? {} : { observedGeneration: pod.metadata.generation }),
    phase: kept,
    conditions: conditionsOf(conditions),
    ...(reason === undefined || (input.verdict === undefined && kept !== before.phase) ? {} : { reason }),
    ...(message === undefined || (input.verdict === undefined && kept !== before.phase) ? {} : { message }),
    ...(input.hostIps[0] === undefined
      ? {}
      : { hostIP: input.hostIps[0], hostIPs: input.hostIps.map((ip) => ({ ip })) }),
    ...(ips[0] === undefined ? {} : { podIP: ips[0], podIPs: ips.map((ip) => ({ ip })) }),
    startTime: before.startTime ?? input.now,
    qosClass: before.qosClass ?? qosOf(pod),
    ...(lists.initContainerStatuses.length === 0
      ? {}
      : { initContainerStatuses: lists.initContainerStatuses }),
    containerStatuses: lists.containerStatuses,
    ...(lists.ephemeralContainerStatuses.length === 0
      ? {}
      : { ephemeralContainerStatuses: lists.ephemeralContainerStatuses }),
  };
}

function hasNetwork({ sandboxes }: RuntimePod): boolean {
  const newest = sandboxes[0];
  return newest !== undefined && newest.isReady && (newest.isHostNetwork || newest.ips.length > 0);
}

function ipsOf({ pod, runtime, before, hostIps }: StatusInput): readonly string[] {
  if (isHostNetwork(pod)) return runtime.sandboxes.length > 0 ? hostIps : [];
  const newest = runtime.sandboxes.find((sandbox) => sandbox.ips.length > 0);
  return newest?.ips ?? (before.podIPs ?? []).map(({ ip }) => ip);
}

function containerStatus(
  input: StatusInput,
  spec: Container,
  kind: "init" | "regular" | "ephemeral",
): ContainerStatus {
  const { runtime, pod } = input;
  const all = runtime.containers.filter((container) => container.name === spec.name);
  const [newest, previous] = all;
  const before = [
    ...(input.before.containerStatuses ?? []),
    ...(input.before.initContainerStatuses ?? []),
    ...(input.before.ephemeralContainerStatuses ?? []),
  ].find((status) => status.name === spec.name);
  const known =
    newest === undefined ? unknownStatus(input, spec, before) : knownStatus(input, newest, previous, before);
  const problem = input.problems.get(spec.name);
  const isWaiting =
    problem !== undefined && newest?.state !== "running" && kind !== "ephemeral"
      ? shouldRestart(pod, spec, newest)
      : problem !== undefined && newest === undefined;
  const state = isWaiting && problem !== undefined ? waitingFor(known, problem) : known;
  const isRunning = newest?.state === "running";
  const started = isRunning && input.isStarted(spec, newest);
  return {
    name: spec.name,
    ...state,
    ready: readyOf(input, spec, kind, newest, started),
    ...(kind === "ephemeral" ? {} : { started }),
    ...resourcesOf(spec),
    ...mountsOf(spec),
    ...userOf(newest),
  };
}

function readyOf(
  input: StatusInput,
  spec: Container,
  kind: "init" | "regular" | "ephemeral",
  newest: RuntimeContainer | undefined,
  started: boolean,
): boolean {
  if (kind === "ephemeral") return false;
  if (kind === "init" && !isSidecar(spec)) return newest?.state === "exited" && newest.exitCode === 0;
  return started && newest !== undefined && input.isReady(spec, newest);
}

type StateFields = Pick<
  ContainerStatus,
  "state" | "lastState" | "restartCount" | "image" | "imageID" | "containerID"
>;

function knownStatus(
  input: StatusInput,
  newest: RuntimeContainer,
  previous: RuntimeContainer | undefined,
  before: ContainerStatus | undefined,
): StateFields {
  const lastState =
    previous?.state === "exited"
      ? { terminated: terminated(input, previous) }
      : before?.containerID === idOf(input, newest) || before?.restartCount === newest.attempt
        ? (before?.lastState ?? {})
        : before?.state?.terminated === undefined
          ? {}
          : { terminated: before.state.terminated };
  return {
    state: stateOf(input, newest),
    lastState,
    restartCount: newest.attempt,
    image: newest.image,
    imageID: newest.imageRef,
    containerID: idOf(input, newest),
  };
}

/** Before the runtime has it: waiting, unless it is known to have run before and what ran was taken away. */
function unknownStatus(
  input: StatusInput,
  spec: Container,
  before: ContainerStatus | undefined,
): StateFields {
  const hasInit = (input.pod.spec?.initContainers ?? []).length > 0;
  const waiting = { waiting: { reason: hasInit ? "PodInitializing" : "ContainerCreating" } };
  const last = before?.state?.terminated;
  const wasRunning = before?.state?.running;
  if (before !== undefined && last !== undefined) {
    return {
      state: before.state ?? {},
      lastState: before.lastState ?? {},
      restartCount: before.restartCount,
      image: before.image,
      imageID: before.imageID,
      ...(before.containerID === undefined ? {} : { containerID: before.containerID }),
    };
  }
  if (before !== undefined && wasRunning !== undefined) return lostStatus(input, before, waiting);
  return {
    state: waiting,
    lastState: before?.lastState ?? {},
    restartCount: before?.restartCount ?? 0,
    image: spec.image ?? "",
    imageID: "",
  };
}

/** It ran, and the runtime knows nothing of it any more. */
function lostStatus(input: StatusInput, before: ContainerStatus, waiting: ContainerState): StateFields {
  const terminatedState = {
    terminated: {
      reason: "ContainerStatusUnknown",
      message: isDeleted(input.pod)
        ? "The container could not be located when the pod was deleted.  The container used to be Running"
        : "The container could not be located when the pod was terminated",
      exitCode: 137,
      startedAt: before.state?.running?.startedAt ?? input.now,
      finishedAt: input.now,
    },
  };
  const isOver = input.isTerminal || isDeleted(input.pod);
  return {
    state: isOver ? terminatedState : waiting,
    lastState: isOver ? (before.lastState ?? {}) : terminatedState,
    restartCount: before.restartCount,
    image: before.image,
    imageID: before.imageID,
    ...(before.containerID === undefined ? {} : { containerID: before.containerID }),
  };
}

function waitingFor(status: StateFields, { reason, message }: StartProblem): StateFields {
  const ended = status.state?.terminated;
  return {
    ...status,
    state: { waiting: { reason, ...(message === "" ? {} : { message }) } },
    ...(ended === undefined ? {} : { lastState: { terminated: ended } }),
  };
}

function idOf({ runtimeName }: StatusInput, container: RuntimeContainer): string {
  return `${runtimeName}://${container.id}`;
}

function stateOf(input: StatusInput, container: RuntimeContainer): ContainerState {
  switch (container.state) {
    case "running":
      return { running: { startedAt: kubeTime(container.startedAt) } };
    case "exited":
      return { terminated: terminated(input, container) };
    case "created":
      return { waiting: { reason: "ContainerCreating" } };
    case "unknown":
      return { waiting: {} };
    default:
      return container.state satisfies never;
  }
}

function terminated(
  input: StatusInput,
  container: RuntimeContainer,
): NonNullable<ContainerState["terminated"]> {
  const message = input.terminationMessage(container) ?? container.message;
  const reason =
    container.reason === "" ? (container.exitCode === 0 ? "Completed" : "Error") : container.reason;
  return {
    exitCode: container.exitCode,
    reason,
    ...(message === "" ? {} : { message }),
    startedAt: kubeTime(container.startedAt),
    finishedAt: kubeTime(container.finishedAt),
    containerID: idOf(input, container),
  };
}

function resourcesOf(spec: Container): Partial<ContainerStatus> {
  const { requests, limits } = spec.resources ?? {};
  if (requests === undefined && limits === undefined) return { resources: {} };
  return {
    ...(requests === undefined ? {} : { allocatedResources: requests }),
    resources: {
      ...(limits === undefined ? {} : { limits }),
      ...(requests === undefined ? {} : { requests }),
    },
  };
}

function mountsOf(spec: Container): Partial<ContainerStatus> {
  const mounts = spec.volumeMounts ?? [];
  if (mounts.length === 0) return {};
  return {
    volumeMounts: mounts.map((mount) => ({
      name: mount.name,
      mountPath: mount.mountPath,
      ...(mount.readOnly === true
        ? {
            readOnly: true,
            recursiveReadOnly: mount.recursiveReadOnly === "Enabled" ? "Enabled" : "Disabled",
          }
        : {}),
    })),
  };
}

function userOf(container: RuntimeContainer | undefined): Partial<ContainerStatus> {
  return container?.user === undefined ? {} : { user: { linux: container.user } };
}

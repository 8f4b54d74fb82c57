import type { ContainerStatus, Pod } from "#api/kube/types/core-pods.ts";
import type { Column } from "#orchestrator/machinery/resource.ts";
import { ageColumn, column, nameColumn, wide } from "./column.ts";
import { timeSince } from "#orchestrator/machinery/human-duration.ts";

/** What a pod's row says of it. */
interface Summary {
  readonly ready: number;
  readonly total: number;
  readonly status: string;
  readonly restarts: number;
  readonly lastRestart: string;
}

const summaries = new WeakMap<Pod, Summary>();

/** Three columns need it. */
function summaryOf(pod: Pod): Summary {
  let summary = summaries.get(pod);
  if (summary === undefined) summaries.set(pod, (summary = summarize(pod)));
  return summary;
}

interface Tally {
  ready: number;
  restarts: number;
  lastRestart: string;
  status: string;
}

function summarize(pod: Pod): Summary {
  const sidecars = new Set(
    (pod.spec.initContainers ?? [])
      .filter((each) => each.restartPolicy === "Always")
      .map((each) => each.name),
  );
  const init: Tally = { ready: 0, restarts: 0, lastRestart: "", status: phaseOf(pod) };
  const sidecar: Tally = { ready: 0, restarts: 0, lastRestart: "", status: "" };
  const isInitializing = tallyInit(pod, sidecars, init, sidecar);
  const hasInitialized = conditionOf(pod, "Initialized")?.status === "True";
  const tally = !isInitializing || hasInitialized ? tallyMain(pod, init, sidecar) : init;
  return {
    ...tally,
    total: (pod.spec.containers?.length ?? 0) + sidecars.size,
    status: deletionStatus(pod) ?? tally.status,
  };
}

function phaseOf(pod: Pod): string {
  if (conditionOf(pod, "PodScheduled")?.reason === "SchedulingGated") return "SchedulingGated";
  const { phase = "", reason = "" } = pod.status ?? {};
  return reason === "" ? phase : reason;
}

function conditionOf(pod: Pod, type: string) {
  return pod.status?.conditions?.find((condition) => condition.type === type);
}

function deletionStatus(pod: Pod): string | undefined {
  if (pod.metadata.deletionTimestamp === undefined) return undefined;
  if (pod.status?.reason === "NodeLost") return "Unknown";
  const phase = pod.status?.phase;
  return phase === "Succeeded" || phase === "Failed" ? undefined : "Terminating";
}

function count(tally: Tally, container: ContainerStatus): void {
  tally.restarts += container.restartCount;
  const finished = container.lastState?.terminated?.finishedAt ?? "";
  if (finished > tally.lastRestart) tally.lastRestart = finished;
}

/** Whether an init container is not done yet. */
function tallyInit(pod: Pod, sidecars: ReadonlySet<string>, init: Tally, sidecar: Tally): boolean {
  for (const [at, container] of (pod.status?.initContainerStatuses ?? []).entries()) {
    const isSidecar = sidecars.has(container.name);
    count(init, container);
    if (isSidecar) count(sidecar, container);
    if (container.state?.terminated?.exitCode === 0) continue;
    if (isSidecar && container.started === true) {
      if (container.ready) init.ready++;
      continue;
    }
    init.status = initStatus(container) ?? `Init:${at}/${pod.spec.initContainers?.length ?? 0}`;
    return true;
  }
  return false;
}

function initStatus({ state }: ContainerStatus): string | undefined {
  if (state?.terminated !== undefined) return `Init:${exitText(state.terminated)}`;
  const reason = state?.waiting?.reason ?? "";
  return reason === "" || reason === "PodInitializing" ? undefined : `Init:${reason}`;
}

function exitText(end: {
  readonly reason?: string;
  readonly signal?: number;
  readonly exitCode: number;
}): string {
  if (end.reason !== undefined && end.reason !== "") return end.reason;
  return (end.signal ?? 0) === 0 ? `ExitCode:${end.exitCode}` : `Signal:${end.signal}`;
}

function tallyMain(pod: Pod, init: Tally, sidecar: Tally): Tally {
  const { restarts, lastRestart } = sidecar;
  const tally: Tally = { ready: init.ready, restarts, lastRestart, status: init.status };
  let isRunning = false;
  for (const container of (pod.status?.containerStatuses ?? []).toReversed()) {
    count(tally, container);
    const { waiting, terminated, running } = container.state ?? {};
    if ((waiting?.reason ?? "") !== "") tally.status = waiting?.reason ?? "";
    else if (terminated !== undefined) tally.status = exitText(terminated);
    else if (container.ready && running !== undefined) {
      isRunning = true;
      tally.ready++;
    }
  }
  if (tally.status !== "Completed" || !isRunning) return tally;
  return { ...tally, status: conditionOf(pod, "Ready")?.status === "True" ? "Running" : "NotReady" };
}

function restartsOf(pod: Pod, now: Date): string {
  const { restarts, lastRestart } = summaryOf(pod);
  if (restarts === 0 || lastRestart === "") return String(restarts);
  return `${restarts} (${timeSince(lastRestart, now)} ago)`;
}

function readinessGates(pod: Pod): string {
  const gates = pod.spec.readinessGates ?? [];
  if (gates.length === 0) return "<none>";
  const met = gates.filter((gate) => conditionOf(pod, gate.conditionType)?.status === "True");
  return `${met.length}/${gates.length}`;
}

const orNone = (text: string | undefined) => (text === undefined || text === "" ? "<none>" : text);

export const podColumns: readonly Column[] = [
  nameColumn,
  column<Pod>(
    "Ready",
    "string",
    "The aggregate readiness state of this pod for accepting traffic.",
    (pod) => {
      const { ready, total } = summaryOf(pod);
      return `${ready}/${total}`;
    },
  ),
  column<Pod>(
    "Status",
    "string",
    "The aggregate status of the containers in this pod.",
    (pod) => summaryOf(pod).status,
  ),
  column<Pod>(
    "Restarts",
    "string",
    "The number of times the containers in this pod have been restarted and when the last container in this pod has restarted.",
    restartsOf,
  ),
  ageColumn,
  wide<Pod>("IP", "The address that is allocated to the pod.", (pod) =>
    orNone(pod.status?.podIPs?.[0]?.ip ?? pod.status?.podIP),
  ),
  wide<Pod>("Node", "The node that the pod runs on.", (pod) => orNone(pod.spec.nodeName)),
  wide<Pod>("Nominated Node", "The node that is being made free for the pod.", (pod) =>
    orNone(pod.status?.nominatedNodeName),
  ),
  wide<Pod>("Readiness Gates", "How many of the pod's readiness gates are met.", readinessGates),
];

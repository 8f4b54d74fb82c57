import type { Container, Pod } from "#api/kube/types/core-pods.ts";
import { hashOf } from "./labels.ts";
import { isDeleted, isHostNetwork, isSidecar } from "./pod.ts";
import { latestOf, type RuntimeContainer, type RuntimePod } from "./runtime-pod.ts";

/** What probes have found, by container id. Absent: no such probe, or no result yet. */
export interface ProbeVerdicts {
  liveness(containerId: string): "success" | "failure" | "unknown" | undefined;
  startup(containerId: string): "success" | "failure" | "unknown" | undefined;
}

export type KillReason = "failed-liveness" | "failed-startup" | "changed" | "unknown-state";

export interface ContainerKill {
  readonly container: RuntimeContainer;
  readonly message: string;
  readonly reason: KillReason;
}

/** What is to be done so that the runtime has what the pod wants. Everything in it may be repeated. */
export interface PodPlan {
  /** Everything of the pod is to be stopped: its sandbox is no more of use, or its containers are done. */
  readonly killPod: boolean;
  readonly createSandbox: boolean;
  readonly attempt: number;
  /** The sandbox to go on with. */
  readonly sandboxId?: string;
  readonly kill: readonly ContainerKill[];
  readonly startInit: readonly Container[];
  readonly start: readonly Container[];
  readonly startEphemeral: readonly Container[];
}

const nothing: PodPlan = {
  killPod: false,
  createSandbox: false,
  attempt: 0,
  kill: [],
  startInit: [],
  start: [],
  startEphemeral: [],
};

/** Decides what to do with a pod that is to run. */
export function planPod(pod: Pod, runtime: RuntimePod, probes: ProbeVerdicts): PodPlan {
  const sandbox = judgeSandbox(pod, runtime);
  if (sandbox.isChanged) return planNewSandbox(pod, runtime, sandbox);
  const startEphemeral = (pod.spec?.ephemeralContainers ?? []).filter(
    (container) => latestOf(runtime, container.name) === undefined,
  );
  const init = planInit(pod, runtime, probes);
  const base = { ...nothing, attempt: sandbox.attempt, ...withId(sandbox.id), startEphemeral };
  if (init.hasFailed) return { ...base, killPod: true, startEphemeral: [] };
  if (!init.isDone) return { ...base, kill: init.kill, startInit: init.start };
  const regular = planRegular(pod, runtime, probes);
  if (regular.keep === 0 && regular.start.length === 0) {
    return { ...base, killPod: true, startEphemeral: [] };
  }
  return {
    ...base,
    kill: [...init.kill, ...regular.kill],
    startInit: init.start,
    start: regular.start,
  };
}

function withId(id: string | undefined): { readonly sandboxId?: string } {
  return id === undefined ? {} : { sandboxId: id };
}

interface SandboxVerdict {
  readonly isChanged: boolean;
  readonly attempt: number;
  readonly id?: string;
}

function judgeSandbox(pod: Pod, { sandboxes }: RuntimePod): SandboxVerdict {
  const newest = sandboxes[0];
  if (newest === undefined) return { isChanged: true, attempt: 0 };
  const next = { isChanged: true, attempt: newest.attempt + 1, id: newest.id };
  if (sandboxes.filter((sandbox) => sandbox.isReady).length > 1 || !newest.isReady) return next;
  if (newest.isHostNetwork !== isHostNetwork(pod)) return { ...next, id: newest.id };
  if (!isHostNetwork(pod) && newest.ips.length === 0) return next;
  return { isChanged: false, attempt: newest.attempt, id: newest.id };
}

function planNewSandbox(pod: Pod, runtime: RuntimePod, { attempt }: SandboxVerdict): PodPlan {
  const plan = { ...nothing, killPod: true, attempt };
  if (isDeleted(pod)) return plan;
  const neverAgain = pod.spec?.restartPolicy === "Never" && attempt > 0 && runtime.containers.length > 0;
  if (neverAgain) return plan;
  const start = (pod.spec?.containers ?? []).filter((container) => {
    const last = latestOf(runtime, container.name);
    return last?.state !== "exited" || wantsRestart(pod, container, last);
  });
  if (start.length === 0) return plan; // all that had to run has run
  const init = pod.spec?.initContainers ?? [];
  const first = init[0];
  return {
    ...plan,
    createSandbox: true,
    ...(first === undefined ? { start } : { startInit: [first] }),
  };
}

interface InitPlan {
  readonly isDone: boolean;
  readonly hasFailed: boolean;
  readonly start: readonly Container[];
  readonly kill: readonly ContainerKill[];
}

/** Init containers run one after the other to their end, but for sidecars, which only have to have started. */
function planInit(pod: Pod, runtime: RuntimePod, probes: ProbeVerdicts): InitPlan {
  const all = pod.spec?.initContainers ?? [];
  if (all.length === 0) return { isDone: true, hasFailed: false, start: [], kill: [] };
  const ofSandbox = ofNewestSandbox(runtime);
  const hasBegunRegular = (pod.spec?.containers ?? []).some(
    (container) => ofSandbox(container.name) !== undefined,
  );
  const start: Container[] = [];
  const kill: ContainerKill[] = [];
  let isDone = true;
  for (const container of all) {
    const step = isSidecar(container)
      ? sidecarStep(container, ofSandbox(container.name), probes)
      : initStep(pod, container, ofSandbox(container.name), hasBegunRegular);
    if (step.kill !== undefined) kill.push(step.kill);
    if (step.start) start.push(container);
    if (step.fails) return { isDone: false, hasFailed: true, start: [], kill: [] };
    if (step.letsNext || hasBegunRegular) continue;
    isDone = false;
    break;
  }
  return { isDone: hasBegunRegular || isDone, hasFailed: false, start, kill };
}

interface InitStep {
  readonly letsNext: boolean;
  readonly start?: boolean;
  readonly fails?: boolean;
  readonly kill?: ContainerKill | undefined;
}

function initStep(
  pod: Pod,
  container: Container,
  last: RuntimeContainer | undefined,
  hasBegunRegular: boolean,
): InitStep {
  if (hasBegunRegular) return { letsNext: true };
  if (last === undefined || last.state === "created") return { letsNext: false, start: true };
  if (last.state === "running") return { letsNext: false };
  if (last.state === "unknown") return { letsNext: false, start: true, kill: unknownState(container, last) };
  if (last.exitCode === 0) return { letsNext: true };
  if (restartPolicyOf(pod, container) === "Never" && !rulesRestart(container, last))
    return { letsNext: false, fails: true };
  return { letsNext: false, start: true };
}

function sidecarStep(
  container: Container,
  last: RuntimeContainer | undefined,
  probes: ProbeVerdicts,
): InitStep {
  if (last === undefined || last.state === "exited" || last.state === "created")
    return { letsNext: false, start: true };
  const kill = last.state === "unknown" ? unknownState(container, last) : verdictOn(container, last, probes);
  if (kill !== undefined) return { letsNext: false, start: true, kill: restarted(kill) };
  const isStarted = container.startupProbe === undefined || probes.startup(last.id) === "success";
  return { letsNext: isStarted };
}

interface RegularPlan {
  readonly keep: number;
  readonly start: readonly Container[];
  readonly kill: readonly ContainerKill[];
}

function planRegular(pod: Pod, runtime: RuntimePod, probes: ProbeVerdicts): RegularPlan {
  const start: Container[] = [];
  const kill: ContainerKill[] = [];
  let keep = 0;
  for (const container of pod.spec?.containers ?? []) {
    const last = latestOf(runtime, container.name);
    if (last?.state !== "running") {
      if (!shouldRestart(pod, container, last)) continue;
      if (last?.state === "unknown") kill.push(unknownState(container, last));
      start.push(container);
      continue;
    }
    const verdict = verdictOn(container, last, probes);
    if (verdict === undefined) {
      keep++;
      continue;
    }
    const comesBack = verdict.reason === "changed" || restartPolicyOf(pod, container) !== "Never";
    kill.push(comesBack ? restarted(verdict) : verdict);
    if (comesBack) start.push(container);
    else keep++; // until it has ended: its end is what the pod's phase is made of
  }
  return { keep, start, kill };
}

/** With a new sandbox, init containers run anew. */
function ofNewestSandbox(runtime: RuntimePod): (name: string) => RuntimeContainer | undefined {
  const sandbox = runtime.sandboxes[0]?.id;
  return (name) => {
    const last = latestOf(runtime, name);
    return last?.sandboxId === sandbox ? last : undefined;
  };
}

function verdictOn(
  container: Container,
  running: RuntimeContainer,
  probes: ProbeVerdicts,
): ContainerKill | undefined {
  if (running.hash !== "" && running.hash !== hashOf(container))
    return {
      container: running,
      reason: "changed",
      message: `Container ${container.name} definition changed`,
    };
  if (probes.liveness(running.id) === "failure")
    return {
      container: running,
      reason: "failed-liveness",
      message: `Container ${container.name} failed liveness probe`,
    };
  if (probes.startup(running.id) === "failure")
    return {
      container: running,
      reason: "failed-startup",
      message: `Container ${container.name} failed startup probe`,
    };
  return undefined;
}

function unknownState(container: Container, last: RuntimeContainer): ContainerKill {
  return {
    container: last,
    reason: "unknown-state",
    message: `Container is in unknown state, try killing it before restart: ${container.name}`,
  };
}

function restarted(kill: ContainerKill): ContainerKill {
  return { ...kill, message: `${kill.message}, will be restarted` };
}

/** Whether a container that does not run is to run again. */
export function shouldRestart(pod: Pod, container: Container, last: RuntimeContainer | undefined): boolean {
  if (isDeleted(pod)) return false;
  if (last === undefined) return true;
  if (last.state === "running") return false;
  if (last.state === "unknown" || last.state === "created") return true;
  return wantsRestart(pod, container, last);
}

function wantsRestart(pod: Pod, container: Container, last: RuntimeContainer): boolean {
  if (rulesRestart(container, last)) return true;
  const policy = restartPolicyOf(pod, container);
  return policy === "Always" || (policy === "OnFailure" && last.exitCode !== 0);
}

function restartPolicyOf(pod: Pod, container: Container): string {
  return container.restartPolicy ?? pod.spec?.restartPolicy ?? "Always";
}

function rulesRestart(container: Container, { exitCode }: RuntimeContainer): boolean {
  return (container.restartPolicyRules ?? []).some(({ action, exitCodes }) => {
    if (action !== "Restart" || exitCodes === undefined) return false;
    return (exitCodes.values ?? []).includes(exitCode) === (exitCodes.operator === "In");
  });
}

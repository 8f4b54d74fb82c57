import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import type { PodSandboxConfig } from "#api/cri/messages.ts";
import type { Pod, PodStatus } from "#api/kube/types/core-pods.ts";
import { isFault, messageOf } from "#base/fault.ts";
import type { Log } from "#base/log.ts";
import type { Timers } from "#base/timers.ts";
import type { CgroupLayout } from "#host/cgroup/layout.ts";
import { timeText } from "#orchestrator/machinery/time-text.ts";
import { admissionProblem } from "./admit-pod.ts";
import { ContainerStarts, type ReadySandbox } from "./container-starts.ts";
import { latestFirst, removableContainers } from "./dead-containers.ts";
import type { PressureType } from "./eviction/thresholds.ts";
import { tellPod } from "./node-deps.ts";
import { ensurePodCgroup, removePodCgroup, widenPodCgroup } from "./pod-cgroups.ts";
import { hostNetworkHostsFile, hostsFile } from "./pod-hosts.ts";
import { statusOf } from "./pod-status.ts";
import type { PodVerdict } from "./pod-worker.ts";
import { findContainer, isHostNetwork, isStatic, nameOf, namespaceOf, uidOf } from "./pod.ts";
import { type ContainerKill, planPod, type PodPlan } from "./plan-pod.ts";
import type { ContainerProbes, Probed } from "./probes/container-probes.ts";
import type { RuntimeReader } from "./read-runtime.ts";
import { planResize } from "./resize-pod.ts";
import { runtimeHandlerOf } from "./runtime-class.ts";
import { isAlive, type RuntimePod } from "./runtime-pod.ts";
import { sandboxConfig } from "./sandbox-config.ts";
import type { StartDeps } from "./start-container.ts";
import type { StatusWriter } from "./status-writer.ts";
import { stopContainer, stopPod } from "./stop-container.ts";
import { terminationMessage } from "./termination-message.ts";
import { unlessGone } from "./unless-gone.ts";
import type { MountedVolume, PodVolumes } from "./volumes/pod-volumes.ts";

export interface ActionDeps extends StartDeps {
  readonly reader: RuntimeReader;
  readonly volumes: PodVolumes;
  readonly probes: ContainerProbes;
  readonly statuses: StatusWriter;
  readonly runtimeName: string;
  readonly cgroup: { readonly layout: CgroupLayout; readonly root: string };
  /** The pod that the API knows: the pod itself, or the mirror of one from a file. */
  readonly target: (pod: Pod) => Pod | undefined;
  /** Of the pods that run here beside it. */
  readonly others: (pod: Pod) => readonly Pod[];
  /** What the node has too little of. */
  readonly pressures: () => ReadonlySet<PressureType>;
  readonly release: (pod: Pod) => void;
  /** When a token of the pod has to be asked for again; milliseconds since 1970. */
  readonly refreshAt: (pod: Pod) => number | undefined;
}

export interface SyncResult {
  readonly againMs?: number;
  /** The pod's containers are done, or something ends it. */
  readonly ends?: "completed" | PodVerdict;
}

/** What is done for one pod, step by step. Every step may be repeated. */
export class PodActions {
  readonly log: Log;
  readonly timers: Timers;
  readonly #deps: ActionDeps;
  readonly #starts: ContainerStarts;
  readonly #admitted = new Set<string>();

  constructor(deps: ActionDeps) {
    this.#deps = deps;
    this.log = deps.log;
    this.timers = deps.timers;
    this.#starts = new ContainerStarts(deps);
  }

  /** Brings the runtime to what the pod wants, and tells the API how it is. */
  async sync(pod: Pod, signal: AbortSignal): Promise<SyncResult> {
    const { phase, reason = "", message = "" } = this.#before(pod);
    if (phase === "Failed" && reason !== "") return { ends: { reason, message } };
    if (phase === "Failed" || phase === "Succeeded") return { ends: "completed" };
    const runtime = await this.#read(pod, signal);
    const rejected = this.#admit(pod, runtime);
    if (rejected !== undefined) return { ends: rejected };
    const late = this.#deadline(pod);
    if (late !== undefined && late <= 0) {
      const text = "Pod was active on the node longer than the specified deadline";
      tellPod(this.#deps, pod, undefined, "Normal", "DeadlineExceeded", text);
      return { ends: { reason: "DeadlineExceeded", message: text } };
    }
    this.#keepProbing(pod, runtime);
    const status = this.#tell(pod, runtime, false);
    if (status.phase === "Failed" || status.phase === "Succeeded") return { ends: "completed" };
    const { hasActed, againMs } = await this.#execute(pod, runtime, signal);
    if (hasActed) {
      const after = await this.#read(pod, signal);
      this.#keepProbing(pod, after);
      const told = this.#tell(pod, after, false);
      await this.#removeDead(after, signal);
      if (told.phase === "Failed" || told.phase === "Succeeded") return { ends: "completed" };
    }
    return soonest([againMs, late, this.#refresh(pod)]);
  }

  /** Stops everything of the pod. Resolves when nothing runs, and that has been told. */
  async end(pod: Pod, graceMs: number, verdict: PodVerdict | undefined, signal: AbortSignal): Promise<void> {
    const runtime = await this.#read(pod, signal);
    this.#deps.probes.keep(uidOf(pod), []);
    if (isAlive(runtime)) {
      this.#tell(pod, runtime, false, verdict);
      await stopPod(this.#deps, pod, runtime, graceMs, signal);
    }
    const after = await this.#read(pod, signal);
    this.#starts.forgetProblems(uidOf(pod));
    this.#tell(pod, after, true, verdict);
  }

  /** Gives back what the pod had of the machine, but for its containers' remains and their logs. */
  async clean(pod: Pod, signal: AbortSignal): Promise<void> {
    const runtime = await this.#read(pod, signal);
    for (const sandbox of runtime.sandboxes)
      await unlessGone(this.#deps.cri.runtime.stopPodSandbox({ podSandboxId: sandbox.id }, signal));
    this.#deps.volumes.remove(uidOf(pod));
    removePodCgroup(this.#deps.cgroup.layout, pod, this.#deps.cgroup.root);
  }

  /** The API has the pod, or the mirror of one from a file, like this. */
  observe(target: Pod): void {
    this.#deps.statuses.observe(target);
  }

  /** Lets the API remove a pod that is to be deleted. */
  finish(pod: Pod): void {
    const target = this.#deps.target(pod);
    if (target !== undefined && !isStatic(pod)) this.#deps.statuses.finish(target);
  }

  /** Removes what is left: containers, sandboxes, logs, and all memory of it. */
  async forget(pod: Pod, signal: AbortSignal): Promise<void> {
    const uid = uidOf(pod);
    const runtime = await this.#read(pod, signal);
    for (const { id } of runtime.containers) {
      await unlessGone(this.#deps.cri.runtime.removeContainer({ containerId: id }, signal));
      this.#deps.reader.forget(id);
    }
    for (const { id } of runtime.sandboxes)
      await unlessGone(this.#deps.cri.runtime.removePodSandbox({ podSandboxId: id }, signal));
    rmSync(this.#deps.folders.podLogs(uid, namespaceOf(pod), nameOf(pod)), { recursive: true, force: true });
    this.#deps.release(pod);
    this.#deps.puller.forget(uid);
    this.#starts.forget(uid);
    this.#deps.statuses.forget(this.#deps.target(pod)?.metadata.uid ?? uid);
    this.#admitted.delete(uid);
  }

  #read(pod: Pod, signal: AbortSignal): Promise<RuntimePod> {
    return this.#deps.reader.pod(uidOf(pod), nameOf(pod), namespaceOf(pod), signal);
  }

  #before(pod: Pod): PodStatus {
    const target = this.#deps.target(pod);
    return (
      (target === undefined ? undefined : this.#deps.statuses.find(uidOf(target))) ?? target?.status ?? {}
    );
  }

  /** A pod that has begun is never turned away. */
  #admit(pod: Pod, runtime: RuntimePod): PodVerdict | undefined {
    const uid = uidOf(pod);
    if (this.#admitted.has(uid)) return undefined;
    const problem =
      runtime.sandboxes.length > 0
        ? undefined
        : admissionProblem(pod, this.#deps.others(pod), this.#deps.allowedSysctls, this.#deps.pressures());
    if (problem === undefined) this.#admitted.add(uid);
    else tellPod(this.#deps, pod, undefined, "Warning", problem.reason, problem.message);
    return problem;
  }

  /** Milliseconds that the pod may still run; undefined: for ever. */
  #deadline(pod: Pod): number | undefined {
    const seconds = pod.spec?.activeDeadlineSeconds;
    const start = this.#before(pod).startTime;
    if (seconds === undefined || start === undefined) return undefined;
    return Date.parse(start) + seconds * 1000 - this.timers.now();
  }

  #refresh(pod: Pod): number | undefined {
    const at = this.#deps.refreshAt(pod);
    return at === undefined ? undefined : Math.max(1000, at - this.timers.now());
  }

  #keepProbing(pod: Pod, runtime: RuntimePod): void {
    const podIp = runtime.sandboxes[0]?.ips[0] ?? this.#deps.hostIps[0] ?? "";
    const running = runtime.containers.filter(({ state }) => state === "running");
    const probed: readonly Probed[] = running.flatMap((container) => {
      const spec = findContainer(pod, container.name);
      return spec === undefined || spec.kind === "ephemeral"
        ? []
        : [{ pod, container: spec.spec, running: container, podIp }];
    });
    this.#deps.probes.keep(uidOf(pod), probed, this.#before(pod));
  }

  #tell(pod: Pod, runtime: RuntimePod, isTerminal: boolean, verdict?: PodVerdict): PodStatus {
    const { probes, runtimeName, hostIps, statuses } = this.#deps;
    const target = this.#deps.target(pod);
    const before = this.#before(pod);
    const conditions = [
      ...(before.conditions ?? []),
      ...(target?.status?.conditions ?? []).filter(
        ({ type }) => !before.conditions?.some((own) => own.type === type),
      ),
    ];
    const status = statusOf({
      pod,
      runtime,
      before: { ...before, conditions },
      runtimeName,
      problems: this.#starts.problemsOf(uidOf(pod)),
      isReady: (container, running) => probes.isReady(container, running),
      isStarted: (container, running) => probes.isStarted(container, running),
      hostIps,
      ...(verdict === undefined ? {} : { verdict }),
      isTerminal,
      terminationMessage,
      now: timeText(this.timers.now()),
    });
    if (target !== undefined) statuses.set(target, status);
    return status;
  }

  async #execute(pod: Pod, runtime: RuntimePod, signal: AbortSignal): Promise<Execution> {
    const plan = planPod(pod, runtime, this.#deps.probes);
    const isIdle =
      plan.start.length + plan.startInit.length + plan.startEphemeral.length + plan.kill.length === 0;
    if (isIdle && !plan.killPod && !plan.createSandbox) {
      await this.#deps.volumes.ensure(pod, signal);
      return { hasActed: await this.#resize(pod, runtime, signal) };
    }
    let current = runtime;
    if (plan.killPod && isAlive(runtime)) {
      if (plan.createSandbox && runtime.sandboxes.length > 0)
        tellPod(
          this.#deps,
          pod,
          undefined,
          "Normal",
          "SandboxChanged",
          "Pod sandbox changed, it will be killed and re-created.",
        );
      await stopPod(this.#deps, pod, runtime, (pod.spec?.terminationGracePeriodSeconds ?? 30) * 1000, signal);
      current = await this.#read(pod, signal);
    }
    await Promise.all(plan.kill.map((kill) => this.#kill(pod, runtime, kill, signal)));
    if (plan.killPod && !plan.createSandbox) return { hasActed: true };
    const volumes = await this.#prepare(pod, signal);
    const sandbox = await this.#sandbox(pod, plan, current, signal);
    const containers = [...plan.startEphemeral, ...plan.startInit, ...plan.start];
    const againMs = await this.#starts.run({ pod, sandbox, volumes }, containers, signal);
    return { hasActed: true, againMs };
  }

  /**
   * The pod's cgroup becomes what is the larger first, so that its containers fit whichever way they change.
   *
   * @returns whether any of them had to
   */
  async #resize(pod: Pod, runtime: RuntimePod, signal: AbortSignal): Promise<boolean> {
    const { cri, cgroup, machine } = this.#deps;
    const resizes = planResize(pod, runtime, machine);
    if (resizes.length === 0) return false;
    widenPodCgroup(cgroup.layout, pod, cgroup.root);
    for (const { container, running, limits, restarts } of resizes) {
      if (restarts) {
        const message = `Container ${container.name} resize requires restart`;
        await this.#kill(pod, runtime, { container: running, message, reason: "changed" }, signal);
      } else await cri.runtime.updateContainerResources({ containerId: running.id, linux: limits }, signal);
    }
    ensurePodCgroup(cgroup.layout, pod, cgroup.root);
    return true;
  }

  async #prepare(pod: Pod, signal: AbortSignal): Promise<ReadonlyMap<string, MountedVolume>> {
    mkdirSync(this.#deps.folders.pod(uidOf(pod)), { recursive: true, mode: 0o750 });
    try {
      return await this.#deps.volumes.ensure(pod, signal);
    } catch (error) {
      if (isFault(error)) tellPod(this.#deps, pod, undefined, "Warning", "FailedMount", error.message);
      throw error;
    }
  }

  async #kill(
    pod: Pod,
    runtime: RuntimePod,
    { container, message, reason }: ContainerKill,
    signal: AbortSignal,
  ): Promise<void> {
    const spec = findContainer(pod, container.name)?.spec;
    const probe =
      reason === "failed-liveness"
        ? spec?.livenessProbe
        : reason === "failed-startup"
          ? spec?.startupProbe
          : undefined;
    const graceS = probe?.terminationGracePeriodSeconds ?? pod.spec?.terminationGracePeriodSeconds ?? 30;
    const podIp = runtime.sandboxes[0]?.ips[0] ?? "";
    await stopContainer(this.#deps, { pod, container, podIp, message, graceMs: graceS * 1000 }, signal);
  }

  async #sandbox(pod: Pod, plan: PodPlan, runtime: RuntimePod, signal: AbortSignal): Promise<ReadySandbox> {
    const config = this.#sandboxConfig(pod, plan.attempt);
    if (!plan.createSandbox) return this.#ready(pod, plan.sandboxId ?? "", config, runtime);
    mkdirSync(config.logDirectory ?? "", { recursive: true, mode: 0o755 });
    try {
      const runtimeHandler = await runtimeHandlerOf(this.#deps.kube, pod, signal);
      const answer = await this.#deps.cri.runtime.runPodSandbox({ config, runtimeHandler }, signal);
      return this.#ready(pod, answer.podSandboxId, config, await this.#read(pod, signal));
    } catch (error) {
      signal.throwIfAborted();
      const message = `Failed to create pod sandbox: ${messageOf(error)}`;
      tellPod(this.#deps, pod, undefined, "Warning", "FailedCreatePodSandBox", message);
      throw error;
    }
  }

  #sandboxConfig(pod: Pod, attempt: number): PodSandboxConfig {
    const { folders, cgroup, clusterDns, clusterDomain, resolver, hostname } = this.#deps;
    return sandboxConfig({
      pod,
      attempt,
      clusterDns,
      clusterDomain,
      host: resolver(),
      hostname,
      logDirectory: folders.podLogs(uidOf(pod), namespaceOf(pod), nameOf(pod)),
      cgroupParent: ensurePodCgroup(cgroup.layout, pod, cgroup.root),
      seccompRoot: folders.seccomp,
    });
  }

  #ready(pod: Pod, id: string, config: PodSandboxConfig, runtime: RuntimePod): ReadySandbox {
    const ips = isHostNetwork(pod)
      ? this.#deps.hostIps
      : (runtime.sandboxes.find((each) => each.id === id)?.ips ?? []);
    const file = this.#deps.folders.hostsFile(uidOf(pod));
    const text = isHostNetwork(pod)
      ? hostNetworkHostsFile(pod, existsSync("/etc/hosts") ? readFileSync("/etc/hosts", "utf8") : "")
      : hostsFile(pod, ips, this.#deps.clusterDomain);
    // In place: containers that run see the same file.
    if (!existsSync(file) || readFileSync(file, "utf8") !== text) writeFileSync(file, text, { mode: 0o644 });
    this.#tell(pod, runtime, false);
    return { id, config, ips, runtime };
  }

  /** Of each container the one before the newest is kept, for its log and how it ended. */
  async #removeDead(runtime: RuntimePod, signal: AbortSignal): Promise<void> {
    for (const { id, logPath } of removableContainers(latestFirst(runtime))) {
      await unlessGone(this.#deps.cri.runtime.removeContainer({ containerId: id }, signal));
      this.#deps.reader.forget(id);
      if (logPath !== "") rmSync(logPath, { force: true });
    }
    const used = new Set(runtime.containers.map(({ sandboxId }) => sandboxId));
    for (const { id, isReady } of runtime.sandboxes.slice(1))
      if (!isReady && !used.has(id))
        await unlessGone(this.#deps.cri.runtime.removePodSandbox({ podSandboxId: id }, signal));
  }
}

interface Execution {
  /** The runtime may have something else of the pod now. */
  readonly hasActed: boolean;
  /** After how long to look again. */
  readonly againMs?: number | undefined;
}

function soonest(waits: readonly (number | undefined)[]): SyncResult {
  const known = waits.filter((wait) => wait !== undefined);
  return known.length === 0 ? {} : { againMs: Math.max(10, Math.min(...known)) };
}

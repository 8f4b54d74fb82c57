import type { PodSandboxConfig } from "#api/cri/messages.ts";
import type { Container, Pod } from "#api/kube/types/core-pods.ts";
import type { Secret } from "#api/kube/types/core.ts";
import { Backoff } from "./backoff.ts";
import { hashOf } from "./labels.ts";
import { tellPod } from "./node-deps.ts";
import type { StartProblem } from "./pod-status.ts";
import { formatPod, uidOf } from "./pod.ts";
import { latestOf, type RuntimePod } from "./runtime-pod.ts";
import { type StartDeps, startContainer, StartFailure } from "./start-container.ts";
import type { MountedVolume } from "./volumes/pod-volumes.ts";

export interface ReadySandbox {
  readonly id: string;
  readonly config: PodSandboxConfig;
  readonly ips: readonly string[];
  readonly runtime: RuntimePod;
}

/** Where a pod's containers are started. */
export interface StartPlace {
  readonly pod: Pod;
  readonly sandbox: ReadySandbox;
  readonly volumes: ReadonlyMap<string, MountedVolume>;
}

const [initialMs, longestMs] = [10_000, 300_000];
/** What a container is missing may come without anybody telling. */
const startRetryMs = 10_000;

/** Starts the containers of pods: those that end again and again later and later. Remembers why one does not start. */
export class ContainerStarts {
  readonly #deps: StartDeps;
  readonly #backoff: Backoff;
  /** By pod and container. */
  readonly #problems = new Map<string, Map<string, StartProblem>>();

  constructor(deps: StartDeps) {
    this.#deps = deps;
    this.#backoff = new Backoff(initialMs, longestMs, () => deps.timers.now());
  }

  /** Why containers of the pod do not start, by their names. */
  problemsOf(podUid: string): ReadonlyMap<string, StartProblem> {
    return this.#problems.get(podUid) ?? new Map<string, StartProblem>();
  }

  forgetProblems(podUid: string): void {
    this.#problems.delete(podUid);
  }

  forget(podUid: string): void {
    this.#backoff.forget(`${podUid}/`);
    this.forgetProblems(podUid);
  }

  /** Starts them one after the other. @returns after how long to look again */
  async run(
    place: StartPlace,
    containers: readonly Container[],
    signal: AbortSignal,
  ): Promise<number | undefined> {
    const waits: (number | undefined)[] = [];
    const secrets = await this.#pullSecrets(place.pod, signal);
    for (const container of containers) waits.push(await this.#start(place, container, secrets, signal));
    return waits.reduce<number | undefined>(
      (least, wait) => (wait === undefined ? least : Math.min(least ?? wait, wait)),
      undefined,
    );
  }

  /** @returns after how long to try again */
  async #start(
    { pod, sandbox, volumes }: StartPlace,
    container: Container,
    secrets: readonly Secret[],
    signal: AbortSignal,
  ): Promise<number | undefined> {
    const key = `${uidOf(pod)}/${container.name}/${hashOf(container)}`;
    const last = sandbox.runtime.containers.find(
      (each) => each.name === container.name && each.state === "exited",
    );
    if (last !== undefined) {
      const sinceMs = Number(last.finishedAt / 1_000_000n);
      const leftMs = this.#backoff.remainingMs(key, sinceMs);
      if (leftMs > 0) return this.#crashLoop(pod, container, this.#backoff.delayMs(key), leftMs);
      this.#backoff.next(key, sinceMs);
    }
    try {
      const targetName =
        "targetContainerName" in container ? String(container.targetContainerName) : undefined;
      const targetId = targetName === undefined ? undefined : latestOf(sandbox.runtime, targetName)?.id;
      const request = {
        pod,
        container,
        runtime: sandbox.runtime,
        sandboxId: sandbox.id,
        sandbox: sandbox.config,
        podIps: sandbox.ips,
        volumes,
        secrets,
      };
      await startContainer(
        this.#deps,
        { ...request, ...(targetId === undefined ? {} : { targetId }) },
        signal,
      );
      this.#problems.get(uidOf(pod))?.delete(container.name);
      return undefined;
    } catch (error) {
      if (!(error instanceof StartFailure)) throw error;
      this.#setProblem(pod, container.name, { reason: error.reason, message: error.message });
      return Math.max(this.#deps.puller.remainingMs(uidOf(pod), container.image ?? ""), startRetryMs);
    }
  }

  #crashLoop(pod: Pod, container: Container, delayMs: number, leftMs: number): number {
    const delay = goDuration(delayMs);
    const message = `back-off ${delay} restarting failed container=${container.name} pod=${formatPod(pod)}`;
    tellPod(
      this.#deps,
      pod,
      container.name,
      "Warning",
      "BackOff",
      `Back-off restarting failed container ${container.name} in pod ${formatPod(pod)}`,
    );
    this.#setProblem(pod, container.name, { reason: "CrashLoopBackOff", message });
    return leftMs;
  }

  #setProblem(pod: Pod, name: string, problem: StartProblem): void {
    const known = this.#problems.get(uidOf(pod));
    if (known === undefined) this.#problems.set(uidOf(pod), new Map([[name, problem]]));
    else known.set(name, problem);
  }

  async #pullSecrets(pod: Pod, signal: AbortSignal): Promise<readonly Secret[]> {
    const found: Secret[] = [];
    for (const { name = "" } of pod.spec?.imagePullSecrets ?? []) {
      const secret = await this.#deps.sources.secret(pod, name, signal);
      if (secret !== undefined) found.push(secret);
      else
        tellPod(
          this.#deps,
          pod,
          undefined,
          "Warning",
          "FailedToRetrieveImagePullSecret",
          `Unable to retrieve some image pull secrets (${name}); attempting to pull the image may not succeed.`,
        );
    }
    return found;
  }
}

/** e.g. `10s`, `1m20s`. @see Go's time.Duration */
function goDuration(ms: number): string {
  const minutes = Math.floor(ms / 60_000);
  const rest = `${(ms % 60_000) / 1000}s`;
  return minutes === 0 ? rest : `${minutes}m${rest}`;
}

import { join } from "node:path";
import type { ContainerConfig, ContainerStatus, PodSandboxConfig } from "#api/cri/messages.ts";
import { containerState } from "#api/cri/messages.ts";
import { type CriClient, criClient } from "#rpc/cri-client.ts";
import { loadBusybox } from "./busybox-image.ts";
import { EngineUnderTest } from "./engine.ts";

let serial = 0;

/** A real engine's pods, driven through the socket of its CRI. Disposing of it disposes of the engine. */
export class PodsUnderTest implements AsyncDisposable {
  readonly engine: EngineUnderTest;
  readonly #client: CriClient;

  static async start(flags: readonly string[] = []): Promise<PodsUnderTest> {
    const engine = await EngineUnderTest.start(undefined, undefined, flags);
    await loadBusybox(engine);
    return new PodsUnderTest(engine);
  }

  private constructor(engine: EngineUnderTest) {
    this.engine = engine;
    this.#client = criClient(join(engine.run, "cri.sock"));
  }

  get runtime(): CriClient["runtime"] {
    return this.#client.runtime;
  }

  get images(): CriClient["images"] {
    return this.#client.images;
  }

  /** Where logs of pods are. */
  get logs(): string {
    return join(this.engine.run, "../logs");
  }

  config(more: PodSandboxConfig = {}): PodSandboxConfig {
    const name = `pod${serial++}`;
    return {
      metadata: { name, uid: `${name}-uid`, namespace: "default", attempt: 0 },
      hostname: name,
      logDirectory: join(this.logs, name),
      linux: { securityContext: { namespaceOptions: { pid: 1 } } },
      ...more,
    };
  }

  async run(signal: AbortSignal, more: PodSandboxConfig = {}): Promise<string> {
    return (await this.runtime.runPodSandbox({ config: this.config(more) }, signal)).podSandboxId;
  }

  /** Makes and starts a container that runs the shell's words. */
  async start(pod: string, script: string, signal: AbortSignal, more: ContainerConfig = {}): Promise<string> {
    const id = await this.create(pod, script, signal, more);
    await this.runtime.startContainer({ containerId: id }, signal);
    return id;
  }

  async create(
    pod: string,
    script: string,
    signal: AbortSignal,
    more: ContainerConfig = {},
  ): Promise<string> {
    const name = `c${serial++}`;
    const config: ContainerConfig = {
      metadata: { name },
      image: { image: "test" },
      command: ["sh", "-c", script],
      logPath: `${name}.log`,
      ...more,
    };
    const request = { podSandboxId: pod, config, sandboxConfig: {} };
    return (await this.runtime.createContainer(request, signal)).containerId;
  }

  async status(id: string, signal: AbortSignal): Promise<ContainerStatus> {
    return (await this.runtime.containerStatus({ containerId: id }, signal)).status ?? {};
  }

  /** Its status once it has ended. */
  async ended(id: string, signal: AbortSignal): Promise<ContainerStatus> {
    const stop = new AbortController();
    const events = this.runtime.getContainerEvents({}, AbortSignal.any([signal, stop.signal]));
    const next = events.next();
    // What ends between the two is seen by the second look.
    for (let event = next; ; event = events.next()) {
      const status = await this.status(id, signal);
      if (status.state === containerState.CONTAINER_EXITED) {
        stop.abort();
        event.catch(() => {});
        return status;
      }
      await event;
    }
  }

  /** What the shell's words write. */
  async sh(id: string, script: string, signal: AbortSignal): Promise<string> {
    const request = { containerId: id, cmd: ["sh", "-c", script], timeout: 10 };
    const { stdout, stderr, exitCode } = await this.runtime.execSync(request, signal);
    if (exitCode !== 0)
      throw new Error(`${script}: exit code ${exitCode}: ${Buffer.from(stderr).toString()}`);
    return Buffer.from(stdout).toString().trim();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const signal = AbortSignal.timeout(20_000);
    const { items } = await this.runtime.listPodSandbox({}, signal);
    for (const { id = "" } of items) await this.runtime.removePodSandbox({ podSandboxId: id }, signal);
    await this.#client[Symbol.asyncDispose]();
    await this.engine[Symbol.asyncDispose]();
  }
}

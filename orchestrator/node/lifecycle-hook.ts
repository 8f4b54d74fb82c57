import type { Container, LifecycleHandler } from "#api/kube/types/core-pods.ts";
import { Fault } from "#base/fault.ts";
import { sleep, type Timers } from "#base/timers.ts";
import type { CriClient } from "#rpc/cri-client.ts";
import { httpGet } from "./probes/http-check.ts";
import { httpTarget } from "./probes/probe-check.ts";

export interface HookInput {
  readonly cri: CriClient;
  readonly timers: Timers;
  readonly container: Container;
  readonly containerId: string;
  readonly podIp: string;
}

const httpTimeoutMs = 30_000;

/** Runs what a container wants to have run after its start or before its end. @throws {Error} when it fails */
export async function runHook(input: HookInput, hook: LifecycleHandler, signal: AbortSignal): Promise<void> {
  const { cri, timers, containerId, podIp } = input;
  if (hook.exec !== undefined) {
    const cmd = [...(hook.exec.command ?? [])];
    const { exitCode, stdout, stderr } = await cri.runtime.execSync({ containerId, cmd, timeout: 0 }, signal);
    if (exitCode === 0) return;
    const output = Buffer.concat([stdout, stderr]).toString().slice(0, 1024);
    throw new Fault("precondition", `command '${cmd.join(" ")}' exited with ${exitCode}: ${output}`);
  }
  if (hook.sleep !== undefined) return await sleep(timers, hook.sleep.seconds * 1000, signal);
  if (hook.httpGet !== undefined) {
    const { status } = await httpGet(httpTarget({ ...input, podIp }, hook.httpGet), httpTimeoutMs, signal);
    if (status >= 400) throw new Fault("precondition", `HTTP hook failed with statuscode: ${status}`);
  }
}

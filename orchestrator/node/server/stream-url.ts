import { containerState, podSandboxState } from "#api/cri/messages.ts";
import { Fault } from "#base/fault.ts";
import { labelOf } from "../labels.ts";
import type { NodeDeps } from "../node-deps.ts";
import type { NodeRequest } from "./node-request.ts";

type Streaming = Extract<NodeRequest, { kind: "exec" | "attach" | "port-forward" }>;

/** Where the runtime serves the streams that are asked for. @throws {Fault} `not-found` */
export async function streamUrl(
  { cri }: Pick<NodeDeps, "cri">,
  asked: Streaming,
  signal: AbortSignal,
): Promise<URL> {
  const labels = [
    [labelOf.podName, asked.pod],
    [labelOf.podNamespace, asked.namespace],
  ] as const;
  if (asked.kind === "port-forward") {
    const filter = { labelSelector: new Map(labels), state: { state: podSandboxState.SANDBOX_READY } };
    const { items } = await cri.runtime.listPodSandbox({ filter }, signal);
    const [sandbox] = items.toSorted((a, b) => Number((b.createdAt ?? 0n) - (a.createdAt ?? 0n)));
    if (sandbox?.id === undefined)
      throw new Fault("not-found", `pod not found ("${asked.pod}_${asked.namespace}")`);
    const { url } = await cri.runtime.portForward({ podSandboxId: sandbox.id, port: asked.ports }, signal);
    return new URL(url);
  }
  const filter = {
    labelSelector: new Map([...labels, [labelOf.containerName, asked.container] as const]),
    state: { state: containerState.CONTAINER_RUNNING },
  };
  const { containers } = await cri.runtime.listContainers({ filter }, signal);
  const [container] = containers;
  if (container?.id === undefined) throw new Fault("not-found", `container not found ("${asked.container}")`);
  const { stdin, stdout, stderr, tty, command } = asked;
  const streams = { containerId: container.id, stdin, stdout, stderr: stderr && !tty, tty };
  const { url } =
    asked.kind === "attach"
      ? await cri.runtime.attach(streams, signal)
      : await cri.runtime.exec({ ...streams, cmd: command }, signal);
  return new URL(url);
}

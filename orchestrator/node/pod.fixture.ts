import type { Container, Pod, PodSpec } from "#api/kube/types/core-pods.ts";
import { hashOf } from "./labels.ts";
import type { RuntimeContainer, RuntimePod, RuntimeSandbox } from "./runtime-pod.ts";

/** Objects for tests: what they do not name is as usual. */
export function aContainer(name: string, more: Partial<Container> = {}): Container {
  return { name, image: "image", ...more };
}

export function aPod(spec: Partial<PodSpec>, more: Partial<Pod> = {}): Pod {
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name: "pod", namespace: "default", uid: "u1", generation: 1 },
    spec: { containers: [aContainer("main")], ...spec },
    ...more,
  };
}

export function aSandbox(more: Partial<RuntimeSandbox> = {}): RuntimeSandbox {
  return {
    id: "s0",
    attempt: 0,
    isReady: true,
    createdAt: 1n,
    isHostNetwork: false,
    ips: ["10.0.0.2"],
    ...more,
  };
}

export function aRunning(name: string, more: Partial<RuntimeContainer> = {}): RuntimeContainer {
  return {
    id: `${name}-id`,
    name,
    sandboxId: "s0",
    attempt: 0,
    state: "running",
    createdAt: 1n,
    startedAt: 1_000_000_000n,
    finishedAt: 0n,
    exitCode: 0,
    reason: "",
    message: "",
    image: "image",
    imageRef: "sha256:0",
    hash: hashOf(aContainer(name)),
    logPath: "",
    labels: {},
    annotations: {},
    ...more,
  };
}

export function anExited(
  name: string,
  exitCode: number,
  more: Partial<RuntimeContainer> = {},
): RuntimeContainer {
  return aRunning(name, { state: "exited", exitCode, finishedAt: 2_000_000_000n, ...more });
}

export function aRuntime(
  containers: readonly RuntimeContainer[],
  sandboxes: readonly RuntimeSandbox[] = [aSandbox()],
): RuntimePod {
  return { uid: "u1", name: "pod", namespace: "default", sandboxes, containers };
}

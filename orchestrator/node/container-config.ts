import { type ContainerConfig, type Mount, signal as signals } from "#api/cri/messages.ts";
import type { Container, EphemeralContainer, Pod } from "#api/kube/types/core-pods.ts";
import { expandVariables } from "./expand.ts";
import { annotationOf, hashOf, labelOf } from "./labels.ts";
import { gracePeriodOf, nameOf, namespaceOf, uidOf } from "./pod.ts";
import { containerLimits, type MachineSize } from "./resources.ts";
import { type SecurityInput, securityOf } from "./security-context.ts";

export interface ContainerInput extends SecurityInput {
  readonly container: Container | EphemeralContainer;
  readonly attempt: number;
  readonly variables: ReadonlyMap<string, string>;
  readonly mounts: readonly Mount[];
  /** As the runtime names the image. */
  readonly imageRef: string;
  readonly machine: MachineSize;
}

/** What the runtime is told of a container. */
export function containerConfig(input: ContainerInput): ContainerConfig {
  const { pod, container, variables } = input;
  const expand = (texts: readonly string[] | undefined) =>
    (texts ?? []).map((text) => expandVariables(text, variables));
  return {
    metadata: { name: container.name, attempt: input.attempt },
    image: { image: input.imageRef, userSpecifiedImage: container.image ?? "" },
    command: expand(container.command),
    args: expand(container.args),
    workingDir: container.workingDir ?? "",
    envs: [...variables].map(([key, value]) => ({ key, value: new TextEncoder().encode(value) })),
    mounts: input.mounts,
    labels: new Map(Object.entries(containerLabels(pod, container))),
    annotations: new Map(Object.entries(containerAnnotations(pod, container, input.attempt))),
    logPath: logPathOf(container.name, input.attempt),
    stdin: container.stdin ?? false,
    stdinOnce: container.stdinOnce ?? false,
    tty: container.tty ?? false,
    linux: { resources: containerLimits(pod, container, input.machine), securityContext: securityOf(input) },
    ...stopSignalOf(container),
  };
}

/** Below the pod's folder of logs. */
export function logPathOf(name: string, attempt: number): string {
  return `${name}/${attempt}.log`;
}

function containerLabels(pod: Pod, container: Container): Readonly<Record<string, string>> {
  return {
    [labelOf.containerName]: container.name,
    [labelOf.podName]: nameOf(pod),
    [labelOf.podNamespace]: namespaceOf(pod),
    [labelOf.podUid]: uidOf(pod),
  };
}

function containerAnnotations(
  pod: Pod,
  container: Container,
  attempt: number,
): Readonly<Record<string, string>> {
  const preStop = container.lifecycle?.preStop;
  return {
    [annotationOf.hash]: hashOf(container),
    [annotationOf.restartCount]: String(attempt),
    [annotationOf.terminationMessagePath]: container.terminationMessagePath ?? "/dev/termination-log",
    [annotationOf.terminationMessagePolicy]: container.terminationMessagePolicy ?? "File",
    [annotationOf.gracePeriod]: String(gracePeriodOf(pod)),
    ...(preStop === undefined ? {} : { [annotationOf.preStop]: JSON.stringify(preStop) }),
  };
}

function stopSignalOf(container: Container): Partial<ContainerConfig> {
  const name = container.lifecycle?.stopSignal;
  if (name === undefined) return {};
  const key = `SIGNAL_${name.replace("+", "PLUS").replace("-", "MINUS")}`;
  return key in signals ? { stopSignal: signals[key as keyof typeof signals] } : {};
}

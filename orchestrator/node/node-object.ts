import { readFileSync } from "node:fs";
import type { Node, NodeCondition, NodeStatus } from "#api/kube/types/core.ts";
import type { CriClient } from "#rpc/cri-client.ts";
import type { PressureType } from "./eviction/thresholds.ts";
import type { MachineSize } from "./resources.ts";

export interface NodeFacts {
  readonly nodeName: string;
  readonly hostname: string;
  readonly hostIps: readonly string[];
  readonly machine: MachineSize;
  readonly diskBytes: number;
  readonly architecture: string;
  readonly kernelVersion: string;
  readonly osImage: string;
  readonly serverPort: number;
  readonly kubeletVersion: string;
  readonly maxPods: number;
}

const reportedImages = 50;

/** What a node says of itself when it comes into the cluster. */
export function newNode(facts: NodeFacts): Node {
  return {
    apiVersion: "v1",
    kind: "Node",
    metadata: {
      name: facts.nodeName,
      labels: nodeLabels(facts),
      annotations: { "volumes.kubernetes.io/controller-managed-attach-detach": "true" },
    },
    spec: {},
  };
}

/** Labels that the agent keeps as they should be. */
export function nodeLabels({ hostname, architecture }: NodeFacts): Readonly<Record<string, string>> {
  return {
    "beta.kubernetes.io/arch": architecture,
    "beta.kubernetes.io/os": "linux",
    "kubernetes.io/arch": architecture,
    "kubernetes.io/os": "linux",
    "kubernetes.io/hostname": hostname,
  };
}

export interface StatusReport {
  readonly facts: NodeFacts;
  readonly before: NodeStatus;
  readonly runtime: { readonly name: string; readonly version: string };
  /** What keeps the node from taking pods; undefined: nothing. */
  readonly problem: string | undefined;
  readonly pressures: ReadonlySet<PressureType>;
  readonly images: NonNullable<NodeStatus["images"]>;
  /** RFC 3339. */
  readonly now: string;
}

/** The node's status. Resources that others have written into it stay. */
export function nodeStatus(report: StatusReport): NodeStatus {
  const { facts, before, runtime, images } = report;
  const own = {
    cpu: String(facts.machine.cpus),
    "ephemeral-storage": `${Math.floor(facts.diskBytes / 1024)}Ki`,
    "hugepages-1Gi": "0",
    "hugepages-2Mi": "0",
    memory: `${Math.floor(facts.machine.memoryBytes / 1024)}Ki`,
    pods: String(facts.maxPods),
  };
  const evictionBytes = 100 * 1024 * 1024;
  const allocatable = {
    ...own,
    "ephemeral-storage": String(Math.floor(facts.diskBytes * 0.9)),
    memory: `${Math.floor((facts.machine.memoryBytes - evictionBytes) / 1024)}Ki`,
  };
  return {
    addresses: [
      ...facts.hostIps.map((address) => ({ type: "InternalIP", address })),
      { type: "Hostname", address: facts.hostname },
    ],
    capacity: { ...before.capacity, ...own },
    allocatable: { ...before.capacity, ...before.allocatable, ...allocatable },
    conditions: conditions(report),
    daemonEndpoints: { kubeletEndpoint: { Port: facts.serverPort } },
    nodeInfo: {
      architecture: facts.architecture,
      bootID: readId("/proc/sys/kernel/random/boot_id"),
      containerRuntimeVersion: `${runtime.name}://${runtime.version}`,
      kernelVersion: facts.kernelVersion,
      kubeProxyVersion: "",
      kubeletVersion: facts.kubeletVersion,
      machineID: readId("/etc/machine-id"),
      operatingSystem: "linux",
      osImage: facts.osImage,
      systemUUID: readId("/sys/class/dmi/id/product_uuid"),
    },
    images,
  };
}

/** Of each pressure how it is called, and what is said of it and of its absence. */
const pressureTexts: Readonly<Record<PressureType, readonly [string, string, string, string]>> = {
  MemoryPressure: [
    "KubeletHasInsufficientMemory",
    "kubelet has insufficient memory available",
    "KubeletHasSufficientMemory",
    "kubelet has sufficient memory available",
  ],
  DiskPressure: [
    "KubeletHasDiskPressure",
    "kubelet has disk pressure",
    "KubeletHasNoDiskPressure",
    "kubelet has no disk pressure",
  ],
  PIDPressure: [
    "KubeletHasInsufficientPID",
    "kubelet has insufficient PID available",
    "KubeletHasSufficientPID",
    "kubelet has sufficient PID available",
  ],
};

function conditions({ before, problem, pressures, now }: StatusReport): readonly NodeCondition[] {
  const pressure = (type: PressureType): NodeCondition => {
    const [isPressed, pressed, isWell, well] = pressureTexts[type];
    if (pressures.has(type)) return { type, status: "True", reason: isPressed, message: pressed };
    return { type, status: "False", reason: isWell, message: well };
  };
  const own: readonly NodeCondition[] = [
    pressure("MemoryPressure"),
    pressure("DiskPressure"),
    pressure("PIDPressure"),
    problem === undefined
      ? { type: "Ready", status: "True", reason: "KubeletReady", message: "kubelet is posting ready status" }
      : { type: "Ready", status: "False", reason: "KubeletNotReady", message: problem },
  ];
  return own.map((condition) => {
    const last = before.conditions?.find(({ type }) => type === condition.type);
    const isSame = last?.status === condition.status;
    return {
      ...condition,
      lastHeartbeatTime: now,
      lastTransitionTime: isSame ? (last.lastTransitionTime ?? now) : now,
    };
  });
}

function readId(path: string): string {
  try {
    return readFileSync(path, "latin1").trim();
  } catch {
    return "";
  }
}

/** The images that are here, the largest first. */
export async function reportImages(
  cri: CriClient,
  signal: AbortSignal,
): Promise<NonNullable<NodeStatus["images"]>> {
  const { images } = await cri.images.listImages({}, signal);
  return images
    .map(({ repoTags = [], repoDigests = [], size = 0n }) => ({
      names: [...repoDigests, ...repoTags].slice(0, 5),
      sizeBytes: Number(size),
    }))
    .filter(({ names }) => names.length > 0)
    .toSorted((a, b) => b.sizeBytes - a.sizeBytes)
    .slice(0, reportedImages);
}

/** Why the runtime cannot run pods, if so. */
export async function runtimeProblem(cri: CriClient, signal: AbortSignal): Promise<string | undefined> {
  const { status } = await cri.runtime.status({}, signal);
  const bad = (status?.conditions ?? []).filter(({ status: holds }) => holds !== true);
  if (bad.length === 0) return undefined;
  return bad
    .map(
      ({ type, reason, message }) =>
        `container runtime ${type === "NetworkReady" ? "network" : "status check"} not ready: ${type}=false reason:${reason} message:${message}`,
    )
    .join(", ");
}

import type { PortMap } from "#api/docker/container.ts";
import type { IdRange } from "#base/id-range.ts";
import type { Endpoint } from "#engine/network/networks.ts";

/** Whose namespace of a kind the pod's containers are in: the pod's, each its own, or the host's. */
export interface PodModes {
  readonly network: "pod" | "host";
  readonly pid: "pod" | "container" | "host";
  readonly ipc: "pod" | "host";
}

/** What makes a pod sandbox. Plain data. */
export interface SandboxSpec {
  readonly name: string;
  readonly uid: string;
  readonly namespace: string;
  readonly attempt: number;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  readonly runtimeHandler: string;
  readonly hostname: string;
  /** Where logs of its containers are; absolute or empty. */
  readonly logDirectory: string;
  readonly dns: {
    readonly servers: readonly string[];
    readonly searches: readonly string[];
    readonly options: readonly string[];
  };
  /** Port of the pod → places on the host. */
  readonly ports: PortMap;
  readonly cgroupParent: string;
  readonly modes: PodModes;
  readonly sysctls: Readonly<Record<string, string>>;
  readonly isPrivileged: boolean;
  /** Of its user namespace; absent: the host's. */
  readonly idRange?: IdRange;
  /** The request in the form of its API, for those who want all of it. */
  readonly shown: string;
}

/**
 * A pod sandbox as it is kept. `new` ones are being made: what a kill leaves of one is removed by the next start. `stopped` ones have
 * nothing in the kernel.
 */
export interface SandboxRecord {
  readonly id: string;
  readonly spec: SandboxSpec;
  /** Nanoseconds since 1970. */
  readonly createdAt: string;
  readonly state: "new" | "ready" | "stopped";
  /** Of the process that holds its namespaces; 0 unless ready. */
  readonly pid: number;
  /** Pid 1 of its process namespace; 0 where there is none. */
  readonly initPid: number;
  /** While ready. */
  readonly endpoints: readonly Endpoint[];
}

/** By which a pod's sandbox is unique. */
export function sandboxName({ name, namespace, uid, attempt }: SandboxSpec): string {
  return `${name}_${namespace}_${uid}_${attempt}`;
}

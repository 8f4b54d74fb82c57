/** What the container runtime has of a pod. Times are nanoseconds since 1970; 0 where there is none. */
export interface RuntimePod {
  readonly uid: string;
  readonly name: string;
  readonly namespace: string;
  /** The newest first. */
  readonly sandboxes: readonly RuntimeSandbox[];
  /** Of all sandboxes, the newest first. */
  readonly containers: readonly RuntimeContainer[];
}

export interface RuntimeSandbox {
  readonly id: string;
  readonly attempt: number;
  readonly isReady: boolean;
  readonly createdAt: bigint;
  readonly isHostNetwork: boolean;
  readonly ips: readonly string[];
}

export interface RuntimeContainer {
  readonly id: string;
  readonly name: string;
  readonly sandboxId: string;
  readonly attempt: number;
  readonly state: "created" | "running" | "exited" | "unknown";
  readonly createdAt: bigint;
  readonly startedAt: bigint;
  readonly finishedAt: bigint;
  readonly exitCode: number;
  readonly reason: string;
  readonly message: string;
  readonly image: string;
  readonly imageRef: string;
  /** Of the spec it was made from. @see hashOf in labels.ts */
  readonly hash: string;
  readonly logPath: string;
  /** On this machine. */
  readonly terminationLog?: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  readonly user?: {
    readonly uid: number;
    readonly gid: number;
    readonly supplementalGroups: readonly number[];
  };
  readonly limits?: RuntimeLimits;
}

/** What the runtime says is in force. */
export interface RuntimeLimits {
  readonly cpuShares: number;
  /** Microseconds in a tenth of a second; 0: none. */
  readonly cpuQuota: number;
  /** Bytes; 0: none. */
  readonly memory: number;
}

/** The newest container of the name. */
export function latestOf(pod: RuntimePod, name: string): RuntimeContainer | undefined {
  return pod.containers.find((container) => container.name === name);
}

/** Whether anything of it still runs, or may. */
export function isAlive(pod: RuntimePod): boolean {
  return (
    pod.sandboxes.some((sandbox) => sandbox.isReady) ||
    pod.containers.some((container) => container.state === "running" || container.state === "unknown")
  );
}

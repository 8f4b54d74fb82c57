/** What a check looks at. Everything is read once, before the first check. */
export interface SecurityFacts {
  readonly root: string;
  readonly run: string;
  /** Files that run as the engine. */
  readonly programs: readonly string[];
  readonly engine: EngineFacts;
  readonly containers: readonly ContainerFacts[];
  readonly images: readonly ImageFacts[];
  /** First processes of containers that run. */
  readonly processes: ReadonlyMap<number, ProcessFacts>;
  /** Of this very process. */
  readonly host: ProcessFacts;
  /** Of paths that are there. Modes are their last four octal digits. */
  readonly files: ReadonlyMap<string, FileFacts>;
}

export interface EngineFacts {
  readonly securityOptions: readonly string[];
  readonly authorizationPlugins: readonly string[];
  readonly liveRestore: boolean;
  readonly isExperimental: boolean;
  readonly isSwarm: boolean;
  readonly storageDriver: string;
  readonly loggingDriver: string;
  readonly insecureRegistries: readonly string[];
  readonly warnings: readonly string[];
  /** Of the default bridge. */
  readonly connectsBridge: boolean;
  /** Addresses by TCP on which the engine answered a plain request. */
  readonly plainAddresses: readonly string[];
  readonly hasProxyProcess: boolean;
  /** Names of those that the engine's process has open. */
  readonly abstractSockets: readonly string[];
  /** Overlays of the engine's containers that the host's mount table shows. */
  readonly visibleMounts: number;
  readonly certificates: readonly string[];
  readonly keys: readonly string[];
}

/** @see proc_pid_status(5) and namespaces(7) */
export interface ProcessFacts {
  /** 2 for a filter. */
  readonly seccomp: number;
  readonly bounding: bigint;
  readonly inheritable: bigint;
  readonly ambient: bigint;
  readonly namespaces: Readonly<Record<string, string>>;
  /** Of its cgroup: a number, or `max`. */
  readonly pidsMax: string;
}

export interface FileFacts {
  readonly uid: number;
  readonly gid: number;
  readonly mode: number;
}

/** @see Docker Engine API v1.51, GET /containers/{id}/json; the fields that are used here */
export interface ContainerFacts {
  readonly Name: string;
  readonly AppArmorProfile?: string;
  readonly Config: {
    readonly User?: string;
    readonly Healthcheck?: object | null;
    readonly Env?: readonly string[] | null;
  };
  readonly State: { readonly Pid: number };
  readonly Mounts?: readonly {
    readonly Source?: string;
    readonly RW?: boolean;
    readonly Propagation?: string;
  }[];
  readonly HostConfig: {
    readonly Privileged?: boolean;
    readonly CapAdd?: readonly string[] | null;
    readonly SecurityOpt?: readonly string[] | null;
    readonly NetworkMode?: string;
    readonly PidMode?: string;
    readonly IpcMode?: string;
    readonly UTSMode?: string;
    readonly UsernsMode?: string;
    readonly CgroupnsMode?: string;
    readonly CgroupParent?: string;
    readonly Memory?: number;
    readonly CpuShares?: number;
    readonly NanoCpus?: number;
    readonly PidsLimit?: number | null;
    readonly ReadonlyRootfs?: boolean;
    readonly RestartPolicy?: { readonly Name?: string; readonly MaximumRetryCount?: number };
    readonly Devices?: readonly object[] | null;
    readonly DeviceCgroupRules?: readonly string[] | null;
    readonly PortBindings?: Readonly<
      Record<string, readonly { readonly HostIp?: string; readonly HostPort?: string }[] | null>
    > | null;
    readonly MaskedPaths?: readonly string[] | null;
    readonly OomKillDisable?: boolean | null;
    readonly OomScoreAdj?: number;
    readonly Sysctls?: Readonly<Record<string, string>> | null;
    readonly LogConfig?: { readonly Type?: string };
  };
}

/** @see Docker Engine API v1.51, GET /images/{name}/json; the fields that are used here */
export interface ImageFacts {
  readonly Id: string;
  readonly RepoTags?: readonly string[] | null;
  readonly Config?: {
    readonly User?: string;
    readonly Healthcheck?: object | null;
    readonly Env?: readonly string[] | null;
  } | null;
}

/** One question, numbered as the section of the CIS Docker Benchmark that asks something like it. */
export interface Check {
  readonly id: string;
  readonly title: string;
  /** What is wrong, a line each; nothing when all is well. */
  find(facts: SecurityFacts): readonly string[];
  /** Whether there is anything to ask about; by default there is. */
  readonly applies?: (facts: SecurityFacts) => boolean;
}

export interface Finding {
  readonly id: string;
  readonly title: string;
  readonly result: "pass" | "warn" | "none";
  readonly details: readonly string[];
}

/** Asks every question. */
export function runChecks(checks: readonly Check[], facts: SecurityFacts): readonly Finding[] {
  return checks.map((check) => {
    const { id, title } = check;
    if (check.applies?.(facts) === false) return { id, title, result: "none", details: [] };
    const details = check.find(facts);
    return { id, title, result: details.length === 0 ? "pass" : "warn", details };
  });
}

/** `text` when something holds, for checks that are one sentence. */
export function when(holds: boolean, text: string): readonly string[] {
  return holds ? [text] : [];
}

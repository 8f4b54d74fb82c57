/** What the host allows, read once at start. */
export interface HostFacts {
  /** Names as in the OCI spec, `CAP_CHOWN` …, that the daemon's bounding set has. */
  readonly capabilities: readonly string[];
  /** Hard limits by OCI name, e.g. `RLIMIT_NOFILE`; `Infinity` for none. */
  readonly hardLimits: Readonly<Record<string, number>>;
  readonly canRaiseLimits: boolean;
  readonly kernel: { readonly major: number; readonly minor: number };
  readonly architecture: "amd64" | "arm64";
  readonly cpus: number;
  /** Bytes. */
  readonly memory: number;
  readonly cgroup: CgroupLayout;
  readonly hasSeccomp: boolean;
  readonly hasAppArmor: boolean;
  /** Possible CPUs that have a thermal_throttle folder, for the masked paths. */
  readonly throttledCpus: readonly number[];
}

/** Which controllers live where. The one place that knows is host/cgroup. */
export type CgroupLayout =
  | { readonly kind: "v2"; readonly controllers: readonly string[] }
  | {
      readonly kind: "v1" | "hybrid";
      /** v1 controller → mount point. */
      readonly controllers: Readonly<Record<string, string>>;
      /** The v2 mount beside them, in a hybrid. */
      readonly unified?: string;
    };

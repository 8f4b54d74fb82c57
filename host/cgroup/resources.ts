/** Limits and rules of one container. @see OCI runtime-spec v1.2, config-linux.md#control-groups */
export interface CgroupResources {
  readonly devices: readonly DeviceRule[];
  readonly memory?: MemoryResources;
  readonly cpu?: CpuResources;
  /** -1: none. */
  readonly pids?: { readonly limit: number };
  readonly blockIO?: BlockIoResources;
}

/** Without type all devices; without major or minor all of them. */
export interface DeviceRule {
  readonly allow: boolean;
  readonly type?: "a" | "b" | "c";
  readonly major?: number;
  readonly minor?: number;
  /** Of `rwm`. */
  readonly access: string;
}

/** Bytes; -1 for no limit. */
export interface MemoryResources {
  readonly limit?: number;
  readonly reservation?: number;
  /** Memory and swap together. */
  readonly swap?: number;
  readonly swappiness?: number;
  readonly disableOOMKiller?: boolean;
}

/** Microseconds. */
export interface CpuResources {
  readonly shares?: number;
  readonly quota?: number;
  readonly period?: number;
  readonly realtimeRuntime?: number;
  readonly realtimePeriod?: number;
  readonly cpus?: string;
  readonly mems?: string;
}

export interface BlockIoResources {
  readonly weight?: number;
  readonly weightDevice?: readonly {
    readonly major: number;
    readonly minor: number;
    readonly weight: number;
  }[];
  readonly throttleReadBpsDevice?: readonly ThrottleRule[];
  readonly throttleWriteBpsDevice?: readonly ThrottleRule[];
  readonly throttleReadIOPSDevice?: readonly ThrottleRule[];
  readonly throttleWriteIOPSDevice?: readonly ThrottleRule[];
}

export interface ThrottleRule {
  readonly major: number;
  readonly minor: number;
  /** Bytes or operations a second. */
  readonly rate: number;
}

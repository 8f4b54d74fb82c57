import type { ContainerConfig, ExecConfig, HostConfig } from "#api/docker/container.ts";
import type { IdRange } from "#base/id-range.ts";
import type { HostFacts } from "#host/facts.ts";
import type { ResolvedMount } from "#engine/volumes/volumes.ts";
import type { HostDevices } from "./host-devices.ts";
import type { Dialect } from "./runtimes.ts";

/** Everything that decides a container's OCI config. Plain data: the same input gives the same spec, byte for byte. */
export interface SpecInput {
  readonly id: string;
  readonly config: ContainerConfig;
  readonly hostConfig: HostConfig;
  readonly args: readonly string[];
  readonly user: ResolvedUser;
  /** Where the root file system will be mounted when the runtime starts. */
  readonly rootPath: string;
  readonly mounts: readonly ResolvedMount[];
  /** Files of the engine's own that are bound to `/etc/hosts`, `/etc/hostname` and `/etc/resolv.conf` unless a mount covers them. */
  readonly etc: { readonly hosts: string; readonly hostname: string; readonly resolvConf: string };
  /** `path`: e.g. `/proc/self/fd/9`; `new`: a private one without interfaces; `host`. */
  readonly network: { readonly kind: "path"; readonly path: string } | { readonly kind: "new" | "host" };
  /** Namespaces of another container or process, for `container:` modes. */
  readonly joined: {
    readonly ipc?: string;
    readonly pid?: string;
    readonly uts?: string;
    /** Folder on the tmpfs that is /dev/shm where it is shared: with the owner of a `shareable` one as with who joins it. */
    readonly shm?: string;
  };
  /** Bind-mounted as `/sbin/docker-init` with `--init`. */
  readonly initPath: string;
  /** Relative to each hierarchy's root, e.g. `/gantry/<id>`. */
  readonly cgroupPath: string;
  /** Where the runtime's mount namespace has the host's `/sys/fs/cgroup`, on v1 and hybrid machines. */
  readonly cgroupHostBase: string;
  /** Of its user namespace, which is entered through `/proc/self/fd/12`; absent without one. */
  readonly idRange?: IdRange;
  readonly devices: HostDevices;
  /** Of the runtime that is to read it; absent: crun. */
  readonly dialect?: Dialect;
  readonly host: HostFacts;
  /** By default as Docker's profile has it. */
  readonly allowsSocketcall?: boolean;
}

/** A user as the image's passwd and group files resolve it. */
export interface ResolvedUser {
  readonly uid: number;
  readonly gid: number;
  readonly additionalGids: readonly number[];
  /** `/` when passwd does not say. */
  readonly home: string;
}

/** @see OCI runtime-spec v1.2, config.md; the parts that Gantry writes */
export interface RuntimeSpec {
  readonly ociVersion: string;
  readonly process: ProcessSpec;
  readonly root: { readonly path: string; readonly readonly: boolean };
  readonly hostname?: string;
  readonly domainname?: string;
  readonly mounts: readonly {
    readonly destination: string;
    readonly type: string;
    readonly source: string;
    readonly options: readonly string[];
  }[];
  readonly annotations: Readonly<Record<string, string>>;
  readonly linux: object;
}

export interface ProcessSpec {
  readonly terminal: boolean;
  readonly consoleSize?: { readonly height: number; readonly width: number };
  readonly user: {
    readonly uid: number;
    readonly gid: number;
    readonly additionalGids: readonly number[];
    readonly umask?: number;
  };
  readonly args: readonly string[];
  readonly env: readonly string[];
  readonly cwd: string;
  readonly capabilities?: {
    readonly bounding: readonly string[];
    readonly permitted: readonly string[];
    readonly effective: readonly string[];
    readonly inheritable: readonly string[];
    readonly ambient: readonly string[];
  };
  readonly rlimits: readonly { readonly type: string; readonly soft: number; readonly hard: number }[];
  readonly noNewPrivileges: boolean;
  readonly oomScoreAdj?: number;
  readonly apparmorProfile?: string;
}

/**
 * engine/runtime/spec.ts implements these two, purely:
 *
 *   planSpec(input: SpecInput): { spec: RuntimeSpec; warnings: readonly string[] }
 *   planExec(container: ProcessSpec, config: ContainerConfig, hostConfig: HostConfig, exec: ExecConfig, user: ResolvedUser, host: HostFacts): ProcessSpec
 *
 * engine/runtime/users.ts:
 *
 *   resolveUser(user: string, groupAdd: readonly string[], layerFolders: readonly string[]): Promise<ResolvedUser>
 *
 * where layerFolders are absolute, top first, as the overlay stacks them.
 */
export type PlanExec = (
  container: ProcessSpec,
  config: ContainerConfig,
  hostConfig: HostConfig,
  exec: ExecConfig,
  user: ResolvedUser,
  host: HostFacts,
) => ProcessSpec;

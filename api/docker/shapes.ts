import type { CreateBody, EndpointSettings, ExecConfig } from "./container.ts";
import { decodeShape, type Shape } from "./decode.ts";

// The bodies that clients send. @see Docker Engine API v1.51, definitions of the same names

const strings: Shape = { list: "string" };
const labels: Shape = { map: "string" };
const throttles: Shape = {
  list: { struct: "ThrottleDevice", fields: { Path: "string", Rate: "integer" }, always: ["Path", "Rate"] },
};

const healthConfig: Shape = {
  struct: "HealthConfig",
  fields: {
    Test: strings,
    Interval: "integer",
    Timeout: "integer",
    Retries: "integer",
    StartPeriod: "integer",
    StartInterval: "integer",
  },
};

const mount: Shape = {
  struct: "Mount",
  always: ["Type", "Target"],
  fields: {
    Type: "string",
    Source: "string",
    Target: "string",
    ReadOnly: "boolean",
    Consistency: "string",
    BindOptions: {
      struct: "BindOptions",
      fields: {
        Propagation: "string",
        NonRecursive: "boolean",
        CreateMountpoint: "boolean",
        ReadOnlyNonRecursive: "boolean",
        ReadOnlyForceRecursive: "boolean",
      },
    },
    VolumeOptions: {
      struct: "VolumeOptions",
      fields: {
        NoCopy: "boolean",
        Labels: labels,
        Subpath: "string",
        DriverConfig: { struct: "Driver", fields: { Name: "string", Options: labels } },
      },
    },
    ImageOptions: { struct: "ImageOptions", fields: { Subpath: "string" } },
    TmpfsOptions: {
      struct: "TmpfsOptions",
      fields: { SizeBytes: "integer", Mode: "integer", Options: { list: strings } },
    },
  },
};

const endpointSettings: Shape = {
  struct: "EndpointSettings",
  fields: {
    IPAMConfig: {
      struct: "EndpointIPAMConfig",
      fields: { IPv4Address: "string", IPv6Address: "string", LinkLocalIPs: strings },
    },
    Links: strings,
    Aliases: strings,
    MacAddress: "string",
    DriverOpts: labels,
    GwPriority: "integer",
    NetworkID: "string",
    EndpointID: "string",
    Gateway: "string",
    IPAddress: "string",
    IPPrefixLen: "integer",
    IPv6Gateway: "string",
    GlobalIPv6Address: "string",
    GlobalIPv6PrefixLen: "integer",
    DNSNames: strings,
  },
};

const hostConfig: Shape = {
  struct: "HostConfig",
  fields: {
    Binds: strings,
    ContainerIDFile: "string",
    LogConfig: {
      struct: "LogConfig",
      fields: { Type: "string", Config: labels },
      always: ["Type", "Config"],
    },
    NetworkMode: "string",
    PortBindings: {
      map: {
        list: {
          struct: "PortBinding",
          fields: { HostIp: "string", HostPort: "string" },
          always: ["HostIp", "HostPort"],
        },
      },
    },
    RestartPolicy: {
      struct: "RestartPolicy",
      fields: { Name: "string", MaximumRetryCount: "integer" },
      always: ["Name", "MaximumRetryCount"],
    },
    AutoRemove: "boolean",
    VolumeDriver: "string",
    VolumesFrom: strings,
    ConsoleSize: { list: "integer" },
    Annotations: labels,
    CapAdd: "command",
    CapDrop: "command",
    CgroupnsMode: "string",
    Dns: strings,
    DnsOptions: strings,
    DnsSearch: strings,
    ExtraHosts: strings,
    GroupAdd: strings,
    IpcMode: "string",
    Cgroup: "string",
    Links: strings,
    OomScoreAdj: "integer",
    PidMode: "string",
    Privileged: "boolean",
    PublishAllPorts: "boolean",
    ReadonlyRootfs: "boolean",
    SecurityOpt: strings,
    StorageOpt: labels,
    Tmpfs: labels,
    UTSMode: "string",
    UsernsMode: "string",
    ShmSize: "integer",
    Sysctls: labels,
    Runtime: "string",
    Isolation: "string",
    CpuShares: "integer",
    Memory: "integer",
    NanoCpus: "integer",
    CgroupParent: "string",
    BlkioWeight: "integer",
    BlkioWeightDevice: {
      list: {
        struct: "WeightDevice",
        fields: { Path: "string", Weight: "integer" },
        always: ["Path", "Weight"],
      },
    },
    BlkioDeviceReadBps: throttles,
    BlkioDeviceWriteBps: throttles,
    BlkioDeviceReadIOps: throttles,
    BlkioDeviceWriteIOps: throttles,
    CpuPeriod: "integer",
    CpuQuota: "integer",
    CpuRealtimePeriod: "integer",
    CpuRealtimeRuntime: "integer",
    CpusetCpus: "string",
    CpusetMems: "string",
    Devices: {
      list: {
        struct: "DeviceMapping",
        fields: { PathOnHost: "string", PathInContainer: "string", CgroupPermissions: "string" },
        always: ["PathOnHost", "PathInContainer", "CgroupPermissions"],
      },
    },
    DeviceCgroupRules: strings,
    DeviceRequests: {
      list: {
        struct: "DeviceRequest",
        fields: {
          Driver: "string",
          Count: "integer",
          DeviceIDs: strings,
          Capabilities: { list: strings },
          Options: labels,
        },
      },
    },
    MemoryReservation: "integer",
    MemorySwap: "integer",
    MemorySwappiness: "integer",
    OomKillDisable: "boolean",
    PidsLimit: "integer",
    Ulimits: {
      list: {
        struct: "Ulimit",
        fields: { Name: "string", Soft: "integer", Hard: "integer" },
        always: ["Name", "Soft", "Hard"],
      },
    },
    CpuCount: "integer",
    CpuPercent: "integer",
    IOMaximumIOps: "integer",
    IOMaximumBandwidth: "integer",
    Mounts: { list: mount },
    MaskedPaths: strings,
    ReadonlyPaths: strings,
    Init: "boolean",
  },
};

const createBody: Shape = {
  struct: "",
  fields: {
    Hostname: "string",
    Domainname: "string",
    User: "string",
    AttachStdin: "boolean",
    AttachStdout: "boolean",
    AttachStderr: "boolean",
    ExposedPorts: { map: "empty" },
    Tty: "boolean",
    OpenStdin: "boolean",
    StdinOnce: "boolean",
    Env: strings,
    Cmd: "command",
    Healthcheck: healthConfig,
    ArgsEscaped: "boolean",
    Image: "string",
    Volumes: { map: "empty" },
    WorkingDir: "string",
    Entrypoint: "command",
    NetworkDisabled: "boolean",
    MacAddress: "string",
    OnBuild: strings,
    Labels: labels,
    StopSignal: "string",
    StopTimeout: "integer",
    Shell: "command",
    HostConfig: hostConfig,
    NetworkingConfig: {
      struct: "NetworkingConfig",
      fields: { EndpointsConfig: { map: endpointSettings } },
    },
  },
};

const execConfig: Shape = {
  struct: "ExecCreateRequest",
  fields: {
    User: "string",
    Privileged: "boolean",
    Tty: "boolean",
    ConsoleSize: { list: "integer" },
    AttachStdin: "boolean",
    AttachStderr: "boolean",
    AttachStdout: "boolean",
    DetachKeys: "string",
    Env: strings,
    WorkingDir: "string",
    Cmd: { list: "string" },
  },
};

const execStart: Shape = {
  struct: "ExecStartRequest",
  fields: { Detach: "boolean", Tty: "boolean", ConsoleSize: { list: "integer" } },
};

const updateBody: Shape = { struct: "UpdateConfig", fields: hostConfig.fields };

const networkCreate: Shape = {
  struct: "CreateRequest",
  fields: {
    Name: "string",
    CheckDuplicate: "boolean",
    Driver: "string",
    Scope: "string",
    Internal: "boolean",
    Attachable: "boolean",
    Ingress: "boolean",
    ConfigOnly: "boolean",
    ConfigFrom: { struct: "ConfigReference", fields: { Network: "string" } },
    IPAM: {
      struct: "IPAM",
      fields: {
        Driver: "string",
        Options: labels,
        Config: {
          list: {
            struct: "IPAMConfig",
            fields: { Subnet: "string", IPRange: "string", Gateway: "string", AuxiliaryAddresses: labels },
          },
        },
      },
    },
    EnableIPv4: "boolean",
    EnableIPv6: "boolean",
    Options: labels,
    Labels: labels,
  },
};

const networkConnect: Shape = {
  struct: "ConnectRequest",
  fields: { Container: "string", EndpointConfig: endpointSettings },
};

const networkDisconnect: Shape = {
  struct: "DisconnectRequest",
  fields: { Container: "string", Force: "boolean" },
};

const volumeCreate: Shape = {
  struct: "CreateOptions",
  fields: {
    Name: "string",
    Driver: "string",
    DriverOpts: labels,
    Labels: labels,
    ClusterVolumeSpec: "any",
  },
};

const authConfig: Shape = {
  struct: "AuthConfig",
  fields: {
    username: "string",
    password: "string",
    auth: "string",
    email: "string",
    serveraddress: "string",
    identitytoken: "string",
    registrytoken: "string",
  },
};

export interface ExecStartBody {
  readonly Detach?: boolean;
  readonly Tty?: boolean;
  readonly ConsoleSize?: readonly number[];
}
export interface NetworkCreateBody {
  readonly Name?: string;
  readonly Driver?: string;
  readonly Scope?: string;
  readonly Internal?: boolean;
  readonly Attachable?: boolean;
  readonly Ingress?: boolean;
  readonly ConfigOnly?: boolean;
  readonly ConfigFrom?: { readonly Network?: string };
  readonly IPAM?: {
    readonly Driver?: string;
    readonly Options?: Readonly<Record<string, string>>;
    readonly Config?: readonly {
      readonly Subnet?: string;
      readonly IPRange?: string;
      readonly Gateway?: string;
      readonly AuxiliaryAddresses?: Readonly<Record<string, string>>;
    }[];
  };
  readonly EnableIPv4?: boolean;
  readonly EnableIPv6?: boolean;
  readonly Options?: Readonly<Record<string, string>>;
  readonly Labels?: Readonly<Record<string, string>>;
}
export interface NetworkConnectBody {
  readonly Container?: string;
  readonly EndpointConfig?: Partial<EndpointSettings>;
}
export interface NetworkDisconnectBody {
  readonly Container?: string;
  readonly Force?: boolean;
}
export interface VolumeCreateBody {
  readonly Name?: string;
  readonly Driver?: string;
  readonly DriverOpts?: Readonly<Record<string, string>>;
  readonly Labels?: Readonly<Record<string, string>>;
  readonly ClusterVolumeSpec?: unknown;
}
export interface AuthConfig {
  readonly username?: string;
  readonly password?: string;
  readonly serveraddress?: string;
  readonly identitytoken?: string;
  readonly registrytoken?: string;
}
/** Limits, restart policy: the part of HostConfig that `POST /containers/{id}/update` may change. */
export type UpdateBody = NonNullable<CreateBody["HostConfig"]>;

/**
 * Decoders of request bodies: from parsed JSON to data that has the type, whatever the client sent.
 *
 * Each throws {Fault} `invalid` with the text of Docker's decoder.
 */
export const decodeBody = {
  create: (value: unknown) => decodeShape(createBody, value) as CreateBody,
  exec: (value: unknown) => decodeShape(execConfig, value) as ExecConfig,
  execStart: (value: unknown) => decodeShape(execStart, value) as ExecStartBody,
  update: (value: unknown) => decodeShape(updateBody, value) as UpdateBody,
  networkCreate: (value: unknown) => decodeShape(networkCreate, value) as NetworkCreateBody,
  networkConnect: (value: unknown) => decodeShape(networkConnect, value) as NetworkConnectBody,
  networkDisconnect: (value: unknown) => decodeShape(networkDisconnect, value) as NetworkDisconnectBody,
  volumeCreate: (value: unknown) => decodeShape(volumeCreate, value) as VolumeCreateBody,
  auth: (value: unknown) => decodeShape(authConfig, value) as AuthConfig,
};

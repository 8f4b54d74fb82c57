import type { EndpointSettings, PortMap } from "#api/docker/container.ts";
import type { NetworkCreateBody } from "#api/docker/shapes.ts";
import type { Handle } from "#engine/supervise/kernel-helper.ts";

/** One network that a container is to be in. */
export interface WantedNetwork {
  /** Name or ID. */
  readonly ref: string;
  /** The request's `EndpointsConfig` for that network, where given. */
  readonly settings: Partial<EndpointSettings>;
}

/** What a container asks of the network when it starts. */
export interface EndpointRequest {
  readonly containerId: string;
  /** Without the slash. */
  readonly containerName: string;
  readonly hostname: string;
  /** In the order of its interfaces. None: a namespace with nothing but its loopback. */
  readonly networks: readonly WantedNetwork[];
  /** It lives in another container's namespace: none is made. */
  readonly isJoining?: boolean;
  readonly portBindings: PortMap;
  readonly exposedPorts: readonly string[];
  readonly publishAll: boolean;
  /** `HostConfig.Dns`: whom the embedded server of a user-defined network asks on. */
  readonly dns?: readonly string[];
  /** The user namespace that the network namespace is to belong to; the host's without one. */
  readonly owner?: Handle | string;
}

/** A container's place in a network, kept in its record while it runs. Plain data. */
export interface Endpoint {
  readonly networkId: string;
  readonly networkName: string;
  readonly endpointId: string;
  /** Empty for host and none, and where the network has no IPv4. */
  readonly address: string;
  readonly prefixLength: number;
  readonly gateway: string;
  readonly mac: string;
  /** IPv6, where the network has it. */
  readonly address6?: string;
  readonly prefixLength6?: number;
  readonly gateway6?: string;
  /** Host's end of its veth pair. */
  readonly hostInterface?: string;
  /** Inside; absent: `eth0`. */
  readonly interfaceName?: string;
  readonly aliases: readonly string[];
  /** Everything that DNS answers for it, the container's name first. */
  readonly dnsNames: readonly string[];
  /** `container:alias`: names that only this container has for others of the network. */
  readonly links?: readonly string[];
  /** Whom the embedded server asks on, where not the host's own servers. */
  readonly dns?: readonly string[];
  /** Decides which network the default routes lead through. */
  readonly gwPriority?: number;
  /** As `NetworkSettings.Ports` shows it: `{"80/tcp": [{HostIp, HostPort}], "81/tcp": null}`. */
  readonly ports: PortMap;
  /** The ports were bound after the container's start: its shim does not hold them. */
  readonly hasLatePorts?: boolean;
}

/** A container's endpoints with the kernel objects behind them, ready for the shim. */
export interface Sandbox {
  readonly endpoints: readonly Endpoint[];
  /** Undefined for host mode. */
  readonly netns?: Handle;
  /** Bound ports that the shim is to hold while the container lives. */
  readonly portHandles: readonly Handle[];
}

/** What containers need of networks. */
export interface Networks {
  /**
   * @throws {Fault} `not-found` when there is no such network; `invalid` for port syntax and settings that the network cannot
   * grant. Called at create: nothing is taken yet.
   */
  check(request: EndpointRequest): void;
  /**
   * Takes addresses, a namespace and the host ports, and forwards them.
   *
   * @throws {Fault} `exhausted` when addresses run out or, with Docker's text, when a port is taken. Nothing stays taken then.
   */
  acquire(request: EndpointRequest, signal: AbortSignal): Promise<Sandbox>;
  /** Gives back addresses, names and forwards. Handles that the shim did not take are released. Repeating it is fine. */
  release(containerId: string): Promise<void>;
  /**
   * Joins a running container, whose namespace is at the path, to one more network. Resolves with all its endpoints; nothing
   * has changed when it throws.
   *
   * @throws {Fault} `not-found`; `invalid`, `forbidden` with Docker's texts for what it cannot join; `exhausted`
   */
  connect(request: EndpointRequest, wanted: WantedNetwork, netnsPath: string): Promise<readonly Endpoint[]>;
  /**
   * Takes a running container out of a network. Resolves with the endpoints that are left.
   *
   * @throws {Fault} `not-found` when there is no such network, `forbidden` when the container is not in it
   */
  disconnect(request: EndpointRequest, networkRef: string, netnsPath: string): Promise<readonly Endpoint[]>;
  /** The record of a network. @throws {Fault} `not-found`, `invalid` when ambiguous */
  get(ref: string): NetworkRecord;
  /**
   * At start, for each container that outlived the daemon: takes its addresses and ports again before anybody else can.
   * `netnsPath`, `/proc/PID/ns/net`, is what name resolution in a user-defined network needs to go on. One that `wasRewired`
   * when the daemon ended gets the interfaces and default routes that its endpoints say when all is settled.
   */
  adopt(containerId: string, endpoints: readonly Endpoint[], netnsPath?: string, wasRewired?: boolean): void;
  /**
   * After the last adopt, and whenever somebody else changed the kernel's rules or bridges: makes them what the endpoints say,
   * all at once.
   */
  settle(): Promise<void>;
  /** Renames in DNS. Returns what is to be kept in the container's record, undefined while it does not run. */
  rename(containerId: string, name: string): readonly Endpoint[] | undefined;
  /** Lines for the container's `/etc/resolv.conf`. */
  resolvConf(
    endpoints: readonly Endpoint[],
    options: {
      readonly dns: readonly string[];
      readonly search: readonly string[];
      readonly options: readonly string[];
    },
  ): string;
  /** What `host-gateway` stands for: the host's address on the default bridge. */
  readonly hostGateway: string;
}

/** A network as it is kept: plain data, one JSON row. */
export interface NetworkRecord {
  readonly id: string;
  readonly name: string;
  /** RFC 3339. */
  readonly created: string;
  readonly driver: "bridge" | "macvlan" | "host" | "null";
  /** Of the bridge in the kernel; empty without one. */
  readonly bridge: string;
  readonly isInternal: boolean;
  readonly isAttachable: boolean;
  /** Absent: it has. */
  readonly hasIPv4?: false;
  readonly hasIPv6: boolean;
  /** The creator chose it, so containers may choose their addresses. */
  readonly hasChosenSubnet: boolean;
  readonly hasChosenSubnet6?: boolean;
  /** Settings for other networks to be made from, and nothing else. */
  readonly isConfigOnly?: boolean;
  /** Name of the network that its settings came from. */
  readonly configFrom?: string;
  /** What the creator called it, where that is not `local`. */
  readonly scope?: string;
  readonly options: Readonly<Record<string, string>>;
  readonly labels: Readonly<Record<string, string>>;
  readonly ipam: {
    readonly driver: string;
    readonly options: Readonly<Record<string, string>> | null;
    /** As the API shows it. The first of each family is what addresses come from. */
    readonly config: readonly IpamConfig[];
  };
}

export interface IpamConfig {
  readonly Subnet: string;
  readonly IPRange?: string;
  readonly Gateway?: string;
  readonly AuxiliaryAddresses?: Readonly<Record<string, string>>;
}

/** Who is in a network. */
export interface Member {
  readonly containerId: string;
  readonly endpoint: Endpoint;
}

/** What the API needs of networks. */
export interface NetworkManagement {
  /** The predefined ones first. */
  list(): readonly NetworkRecord[];
  /** By full ID, by name, or by an unambiguous beginning of an ID. @throws {Fault} `not-found`, `invalid` when ambiguous */
  get(ref: string): NetworkRecord;
  members(networkId: string): readonly Member[];
  /**
   * The network exists, in the kernel too, when it resolves.
   *
   * @throws {Fault} `invalid`, `forbidden` for predefined names and overlapping subnets, `already-exists`, `exhausted` when there
   * are no more default subnets
   */
  create(body: NetworkCreateBody, signal: AbortSignal): Promise<NetworkRecord>;
  /** @throws {Fault} `not-found`, `forbidden` for predefined networks and those in use */
  remove(ref: string): Promise<void>;
  /** Removes the unused user-defined ones that `matches` picks; returns their names. */
  prune(matches: (network: NetworkRecord) => boolean): Promise<readonly string[]>;
}

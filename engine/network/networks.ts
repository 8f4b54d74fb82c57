import type { EndpointSettings, PortMap } from "#api/docker/container.ts";
import type { Handle } from "#engine/supervise/kernel-helper.ts";

/** What a container asks of the network when it starts. */
export interface EndpointRequest {
  readonly containerId: string;
  /** Without the slash. */
  readonly containerName: string;
  readonly hostname: string;
  /** `HostConfig.NetworkMode`: `bridge`, `default`, `host`, `none`, or the name or ID of a network; `container:` is the caller's. */
  readonly mode: string;
  /** The request's `EndpointsConfig` for that network, where given. */
  readonly settings?: Partial<EndpointSettings>;
  readonly portBindings: PortMap;
  readonly exposedPorts: readonly string[];
  readonly publishAll: boolean;
}

/** A container's place in a network, kept in its record while it runs. Plain data. */
export interface Endpoint {
  readonly networkId: string;
  readonly networkName: string;
  readonly endpointId: string;
  /** Empty for host and none. */
  readonly address: string;
  readonly prefixLength: number;
  readonly gateway: string;
  readonly mac: string;
  readonly aliases: readonly string[];
  /** Everything that DNS answers for it. */
  readonly dnsNames: readonly string[];
  /** As `NetworkSettings.Ports` shows it: `{"80/tcp": [{HostIp, HostPort}], "81/tcp": null}`. */
  readonly ports: PortMap;
}

/** An endpoint with the kernel objects behind it, ready for the shim. */
export interface Sandbox {
  readonly endpoint: Endpoint;
  /** Undefined for host mode. */
  readonly netns?: Handle;
  /** Bound ports that the shim is to hold while the container lives. */
  readonly portHandles: readonly Handle[];
}

/** What containers need of networks. */
export interface Networks {
  /** @throws {Fault} `not-found` when there is no such network; `invalid` for port syntax. Called at create: nothing is taken yet. */
  check(request: EndpointRequest): void;
  /**
   * Takes an address, a namespace and the host ports, and forwards them.
   *
   * @throws {Fault} `exhausted` when addresses run out or, with Docker's text, when a port is taken. Nothing stays taken then.
   */
  acquire(request: EndpointRequest, signal: AbortSignal): Promise<Sandbox>;
  /** Gives back address, names and forwards. Handles that the shim did not take are released. Repeating it is fine. */
  release(containerId: string): Promise<void>;
  /** At start, for each container that outlived the daemon: takes its address and ports again before anybody else can. */
  adopt(containerId: string, endpoint: Endpoint): void;
  /** After the last adopt: makes the kernel's rules what the adopted endpoints say, all at once. */
  settle(): Promise<void>;
  /** Renames in DNS. */
  rename(containerId: string, name: string): void;
  /** Lines for the container's `/etc/resolv.conf`. */
  resolvConf(
    endpoint: Endpoint,
    options: {
      readonly dns: readonly string[];
      readonly search: readonly string[];
      readonly options: readonly string[];
    },
  ): string;
}

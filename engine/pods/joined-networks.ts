import { Fault } from "#base/fault.ts";
import type {
  Endpoint,
  EndpointRequest,
  NetworkRecord,
  Networks,
  Sandbox,
} from "#engine/network/networks.ts";
import type { ResolverOptions } from "#engine/network/resolv-conf.ts";

/** To the containers of pods networks are their pod's: they take nothing of them and leave nothing behind. */
export class JoinedNetworks implements Networks {
  readonly #deps: {
    /** Of the pod that the container is in. */
    readonly endpointsOf: (containerId: string) => readonly Endpoint[];
    readonly pods: () => Networks;
  };

  constructor(deps: {
    readonly endpointsOf: (containerId: string) => readonly Endpoint[];
    readonly pods: () => Networks;
  }) {
    this.#deps = deps;
  }

  async acquire({ containerId }: EndpointRequest): Promise<Sandbox> {
    return { endpoints: this.#deps.endpointsOf(containerId), portHandles: [] };
  }

  /** What a pod was given is all there is; a pod that was given nothing has what the host has. */
  resolvConf(endpoints: readonly Endpoint[], options: ResolverOptions): string {
    const { dns, search, options: flags } = options;
    if (dns.length + search.length + flags.length === 0)
      return this.#deps.pods().resolvConf(endpoints, options);
    return [
      ...(search.length === 0 ? [] : [`search ${search.join(" ")}`]),
      ...dns.map((server) => `nameserver ${server}`),
      ...(flags.length === 0 ? [] : [`options ${flags.join(" ")}`]),
      "",
    ].join("\n");
  }

  get hostGateway(): string {
    return this.#deps.pods().hostGateway;
  }

  get(ref: string): NetworkRecord {
    return this.#deps.pods().get(ref);
  }

  check(): void {}
  async release(): Promise<void> {}
  adopt(): void {}
  async settle(): Promise<void> {}
  rename(): undefined {}

  connect(): Promise<readonly Endpoint[]> {
    return Promise.reject(fixed());
  }

  disconnect(): Promise<readonly Endpoint[]> {
    return Promise.reject(fixed());
  }
}

function fixed(): Fault {
  return new Fault("forbidden", "containers of pods are in their pod's network");
}

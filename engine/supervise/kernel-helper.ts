/** A kernel object (network namespace or bound socket) that the spawner process holds for the daemon. */
export type Handle = number & { readonly __handle: true };

/** An interface of a container. What is empty is left out. */
export interface InterfaceRequest {
  /** One end of a veth pair, or an interface of its own on the parent's wire; the number is the kernel's of its mode. */
  readonly kind: "veth" | `macvlan:${number}` | `ipvlan:${number}`;
  /** The bridge that the host's end of the veth pair joins, or the parent. */
  readonly master: string;
  /** Name of the host's end of a veth pair, at most 15 bytes. */
  readonly hostName: string;
  /** Name inside, e.g. `eth0`. */
  readonly name: string;
  /** `02:42:…` */
  readonly mac: string;
  /** 0 is the parent's. */
  readonly mtu: number;
  readonly address: string;
  readonly prefixLength: number;
  /** Becomes the default route. */
  readonly gateway: string;
  /** Without one the interface has no IPv6 at all. */
  readonly address6: string;
  readonly prefixLength6: number;
  readonly gateway6: string;
}

/** A network namespace: one that the spawner holds, or a path that leads to one for as long as the request takes. */
export type NetnsRef = Handle | string;

/**
 * What the network needs of the spawner, the native process that owns kernel objects. Everything it holds disappears with it:
 * when the daemon dies, unused sandboxes and ports are gone without anybody cleaning up. Handles that were given to a started
 * container live as long as its shim or, for the namespace, its processes.
 */
export interface KernelHelper {
  /**
   * A new network namespace with `lo` up and, where asked for, one interface with addresses and default routes. It belongs to
   * the user namespace `owner`, one that is held or the path of another one, else to the host's.
   */
  createSandbox(request: InterfaceRequest | undefined, owner?: Handle | string): Promise<Handle>;
  /** One more interface. Nothing of it is left when this throws. */
  attachInterface(netns: NetnsRef, request: InterfaceRequest): Promise<void>;
  /** Takes the interface away, with the host's end of a veth pair. */
  detachInterface(netns: NetnsRef, name: string): Promise<void>;
  /** The namespace's default routes, in place of those it has; an empty gateway leaves none. */
  setDefaultRoutes(netns: NetnsRef, gateway: string, gateway6: string): Promise<void>;
  /** Writes a sysctl inside; `key` is its path below `/proc/sys/net/`. */
  setSetting(netns: NetnsRef, key: string, value: string): Promise<void>;
  /** One more address of an interface inside. */
  addAddress(netns: NetnsRef, name: string, address: string, prefix: number): Promise<void>;
  /**
   * Binds a host port so that nobody else can take it. Port 0 takes a free one.
   *
   * @throws {Fault} `exhausted` with the kernel's reason when it is taken
   */
  bindPort(port: {
    readonly protocol: "tcp" | "udp" | "sctp";
    readonly address: string;
    readonly port: number;
  }): Promise<{ readonly handle: Handle; readonly port: number }>;
  /** UDP flows whose answers come from the address, or whose questions went to the port, are looked up in the rules again. */
  forgetFlows(flows: { readonly address: string } | { readonly port: number }): Promise<void>;
  /** False once the spawner that held it has died, with everything it held. */
  isHeld(handle: Handle): boolean;
  /** A path through which other processes can open it, e.g. to enter the namespace. */
  pathOf(handle: Handle): string;
  /** Lets go of a handle. Does nothing for one that was given to a container or let go before: no handle is ever used again. */
  release(handle: Handle): Promise<void>;
}

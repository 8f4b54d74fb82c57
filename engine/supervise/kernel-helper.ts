/** A kernel object (network namespace or bound socket) that the spawner process holds for the daemon. */
export type Handle = number & { readonly __handle: true };

export interface SandboxRequest {
  /** Bridge that the host's end of the veth pair joins. */
  readonly bridge: string;
  /** Name of the host's end, at most 15 bytes. */
  readonly hostName: string;
  /** Name inside, e.g. `eth0`. */
  readonly name: string;
  /** IPv4 address inside. */
  readonly address: string;
  readonly prefixLength: number;
  readonly gateway: string;
  /** `02:42:…` */
  readonly mac: string;
  readonly mtu: number;
}

/**
 * What the network needs of the spawner, the native process that owns kernel objects. Everything it holds disappears with it:
 * when the daemon dies, unused sandboxes and ports are gone without anybody cleaning up. Handles that were given to a started
 * container live as long as its shim or, for the namespace, its processes.
 */
export interface KernelHelper {
  /**
   * A new network namespace with `lo` up and, where asked for, one end of a veth pair with address and default route. It
   * belongs to the user namespace `owner`, one that is held or the path of another one, else to the host's.
   */
  createSandbox(request: SandboxRequest | undefined, owner?: Handle | string): Promise<Handle>;
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
  /** False once the spawner that held it has died, with everything it held. */
  isHeld(handle: Handle): boolean;
  /** A path through which other processes can open it, e.g. to enter the namespace. */
  pathOf(handle: Handle): string;
  /** Lets go of a handle. Does nothing for one that was given to a container or let go before: no handle is ever used again. */
  release(handle: Handle): Promise<void>;
}

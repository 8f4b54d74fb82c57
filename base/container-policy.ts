/** What a daemon adds to the wishes of those who make containers. */
export interface ContainerPolicy {
  /** For containers that do not say whether their programs may gain privileges. */
  readonly noNewPrivileges: boolean;
  /** Processes, for containers without a limit; undefined for none. */
  readonly pidsLimit: number | undefined;
  /** Whether containers on the default bridge reach each other. */
  readonly connectsBridge: boolean;
  /** Whether 32-bit programs may make sockets by `socketcall`, whose families no filter can see. */
  readonly allowsSocketcall: boolean;
  /** What steps of builds may be given: `network.host`, `security.insecure`. */
  readonly buildEntitlements: readonly string[];
  /** Whether containers that do not say have a cgroup namespace of their own on machines with cgroups v1 as well. */
  readonly hidesCgroups: boolean;
  /** What comes of requests that open a way out of a container. */
  readonly sideDoors: SideDoors;
}

export type SideDoors = "allow" | "warn" | "deny";

/** As Docker's daemon does it by itself. */
export const usualPolicy: ContainerPolicy = {
  noNewPrivileges: false,
  pidsLimit: undefined,
  connectsBridge: true,
  allowsSocketcall: true,
  buildEntitlements: ["network.host"],
  hidesCgroups: false,
  sideDoors: "allow",
};

/** Everything that few containers miss. */
export const hardenedPolicy: ContainerPolicy = {
  noNewPrivileges: true,
  pidsLimit: 2048,
  connectsBridge: false,
  allowsSocketcall: false,
  buildEntitlements: [],
  hidesCgroups: true,
  sideDoors: "warn",
};

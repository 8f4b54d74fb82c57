import { Fault, isFault } from "#base/fault.ts";
import type { ContainerRecord } from "./record.ts";
import type { ContainerRegistry } from "./registry.ts";

const titles = { ipc: "IPC", pid: "PID", net: "network" } as const;

/**
 * Path of the namespace that a mode `container:X` joins; undefined for other modes.
 *
 * @throws {Fault} `not-found`, `conflict`, `invalid` with Docker's texts for a container that is not there, does not run, or
 *   does not share
 */
export function joinedNamespace(
  registry: Pick<ContainerRegistry, "get">,
  mode: string,
  kind: "ipc" | "pid" | "net",
): string | undefined {
  if (!mode.startsWith("container:")) return undefined;
  const other = donor(registry, mode.slice("container:".length), kind);
  const { pid, status } = other.state;
  if (pid === 0 && kind === "net")
    throw new Fault(
      "conflict",
      `cannot join network namespace of a non running container: container ${other.name} is ${status}`,
    );
  const refuse = (fault: "conflict" | "invalid", reason: string) =>
    new Fault(fault, `failed to join ${titles[kind]} namespace: container ${other.id}${reason}`);
  if (pid === 0) throw refuse("conflict", " is not running");
  const { IpcMode } = other.hostConfig;
  if (kind === "ipc" && IpcMode !== "shareable" && IpcMode !== "host")
    throw refuse("invalid", ": non-shareable IPC (hint: use IpcMode:shareable for the donor container)");
  return `/proc/${pid}/ns/${kind}`;
}

function donor(registry: Pick<ContainerRegistry, "get">, ref: string, kind: string): ContainerRecord {
  try {
    return registry.get(ref);
  } catch (error) {
    if (kind !== "net" || !isFault(error)) throw error;
    throw new Fault(error.kind, `joining network namespace of container: ${error.message}`);
  }
}

/** Where the namespaces are that a container joins; those of its own are absent. */
export function joinedNamespaces(registry: Pick<ContainerRegistry, "get">, { hostConfig }: ContainerRecord) {
  const { IpcMode, PidMode, NetworkMode } = hostConfig;
  const found = {
    ipc: joinedNamespace(registry, IpcMode, "ipc"),
    pid: joinedNamespace(registry, PidMode, "pid"),
    network: joinedNamespace(registry, NetworkMode, "net"),
  };
  return Object.fromEntries(Object.entries(found).filter(([, path]) => path !== undefined));
}

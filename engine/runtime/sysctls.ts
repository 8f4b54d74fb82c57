import { Fault } from "#base/fault.ts";

/** Which namespaces are the container's own: only what belongs to one of them may be set. */
export interface OwnNamespaces {
  readonly ipc: boolean;
  readonly network: boolean;
  readonly uts: boolean;
}

const ipcSysctls = new Set([
  "kernel.msgmax",
  "kernel.msgmnb",
  "kernel.msgmni",
  "kernel.sem",
  "kernel.shmall",
  "kernel.shmmax",
  "kernel.shmmni",
  "kernel.shm_rmid_forced",
]);

const namePattern = /^[A-Za-z0-9_][A-Za-z0-9_-]*(?:[./][A-Za-z0-9_][A-Za-z0-9_-]*)+$/;

/**
 * Checks the sysctls of a container and returns them with dots between their parts.
 *
 * @throws {Fault} `invalid` for one that is not the container's own, as the runtime would say
 */
export function planSysctls(
  asked: Readonly<Record<string, string>>,
  own: OwnNamespaces,
): Readonly<Record<string, string>> {
  const planned: Record<string, string> = {};
  for (const [given, value] of Object.entries(asked)) {
    if (!namePattern.test(given)) throw new Fault("invalid", `sysctl '${given}=${value}' is not allowed`);
    const name = withDots(given);
    checkSysctl(name, own);
    planned[name] = value;
  }
  return planned;
}

/** The first separator decides which of the two ways of writing it is: `net/ipv4/conf/eth0.1/forwarding`. */
function withDots(name: string): string {
  return name.search(/[./]/) === name.indexOf("/") ? name.replaceAll("/", ".") : name;
}

function checkSysctl(name: string, own: OwnNamespaces): void {
  const quoted = JSON.stringify(name);
  if (ipcSysctls.has(name) || name.startsWith("fs.mqueue.")) {
    if (own.ipc) return;
    throw new Fault("invalid", `sysctl ${quoted} is not allowed in the hosts ipc namespace`);
  }
  if (name.startsWith("net.")) {
    if (own.network) return;
    throw new Fault("invalid", `sysctl ${quoted} not allowed in host network namespace`);
  }
  if (name === "kernel.domainname" && own.uts) return;
  if (name === "kernel.hostname") {
    throw new Fault(
      "invalid",
      `sysctl ${quoted} is not allowed as it conflicts with the OCI "hostname" field`,
    );
  }
  throw new Fault("invalid", `sysctl ${quoted} is not in a separate kernel namespace`);
}

import type { SandboxRecord } from "./sandbox-record.ts";

/**
 * A network of its own lets everybody in it ping, and listen on any port, as in Docker's containers. To other pods it is always the host
 * that leads, whatever it says of shorter ways: there are none.
 */
const networkSysctls = {
  "net.ipv4.conf.all.accept_redirects": "0",
  "net.ipv4.conf.eth0.accept_redirects": "0",
  "net.ipv4.ip_unprivileged_port_start": "0",
  "net.ipv4.ping_group_range": "0 2147483647",
};

/** What the process that holds a pod's namespaces is told. @see docs/formats/shim-protocol.md */
export function podArguments({ id, spec }: SandboxRecord, socket: string): readonly string[] {
  const { modes, hostname, sysctls, idRange } = spec;
  // Groups that a user namespace does not have make the kernel refuse the range.
  const mapped = idRange === undefined ? {} : { "net.ipv4.ping_group_range": `0 ${idRange.size - 1}` };
  const all = modes.network === "pod" ? { ...networkSysctls, ...mapped, ...sysctls } : sysctls;
  return [
    id,
    `socket=${socket}`,
    ...(modes.network === "pod" ? [`hostname=${hostname}`] : []),
    `ipc=${Number(modes.ipc === "pod")}`,
    `pids=${Number(modes.pid === "pod")}`,
    ...Object.entries(all).map(([key, value]) => `sysctl=${key}=${value}`),
  ];
}

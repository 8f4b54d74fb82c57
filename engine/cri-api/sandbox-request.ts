import { isAbsolute } from "node:path";
import type { PortMap } from "#api/docker/container.ts";
import {
  type NamespaceOption,
  namespaceMode,
  type PodSandboxConfig,
  podSandboxConfig,
  type PortMapping,
  protocol,
} from "#api/cri/messages.ts";
import { Fault } from "#base/fault.ts";
import type { IdRange } from "#base/id-range.ts";
import type { PodModes, SandboxSpec } from "#engine/pods/sandbox-record.ts";
import { parseCgroupParent } from "#engine/runtime/cgroup-parents.ts";
import { planSysctls } from "#engine/runtime/sysctls.ts";
import { nameOf, recordOf } from "./values.ts";

/**
 * What RunPodSandbox asks for.
 *
 * @param hostName the host's own
 * @throws {Fault} `invalid` for what makes no sense
 */
export function sandboxSpec(config: PodSandboxConfig, runtimeHandler: string, hostName: string): SandboxSpec {
  const { metadata, linux, dnsConfig, portMappings = [], hostname = "" } = config;
  if (metadata === undefined) throw new Fault("invalid", "sandbox config must include metadata");
  const { name = "", uid = "", namespace = "", attempt = 0 } = metadata;
  const { namespaceOptions = {}, privileged = false } = linux?.securityContext ?? {};
  const { logDirectory = "" } = config;
  if (logDirectory !== "" && !isAbsolute(logDirectory))
    throw new Fault("invalid", `log directory ${JSON.stringify(logDirectory)} is no absolute path`);
  const { cgroupParent = "" } = linux ?? {};
  if (cgroupParent !== "") parseCgroupParent(cgroupParent);
  const modes = modesOf(namespaceOptions);
  const idRange = rangeOf(namespaceOptions);
  return {
    name,
    uid,
    namespace,
    attempt,
    labels: recordOf(config.labels),
    annotations: recordOf(config.annotations),
    runtimeHandler,
    hostname: modes.network === "host" || hostname === "" ? hostName : hostname,
    logDirectory,
    dns: {
      servers: dnsConfig?.servers ?? [],
      searches: dnsConfig?.searches ?? [],
      options: dnsConfig?.options ?? [],
    },
    ports: portsOf(portMappings),
    cgroupParent,
    modes,
    sysctls: planSysctls(recordOf(linux?.sysctls), {
      network: modes.network === "pod",
      ipc: modes.ipc === "pod",
      uts: modes.network === "pod",
    }),
    isPrivileged: privileged,
    ...(idRange !== undefined && { idRange }),
    shown: Buffer.from(podSandboxConfig.encode(config)).toString("base64"),
  };
}

function modesOf({ network = 0, pid = 0, ipc = 0 }: NamespaceOption): PodModes {
  const { NODE, CONTAINER, TARGET } = namespaceMode;
  if (pid === TARGET) throw new Fault("invalid", "invalid namespace option: a pod has no target");
  return {
    network: network === NODE ? "host" : "pod",
    pid: pid === NODE ? "host" : pid === CONTAINER ? "container" : "pod",
    ipc: ipc === NODE ? "host" : "pod",
  };
}

function rangeOf({ usernsOptions }: NamespaceOption): IdRange | undefined {
  if (usernsOptions === undefined || usernsOptions.mode === namespaceMode.NODE) return undefined;
  if ((usernsOptions.mode ?? 0) !== namespaceMode.POD)
    throw new Fault("invalid", "unsupported user namespace mode");
  const [uids, ...moreUids] = usernsOptions.uids ?? [];
  const [gids, ...moreGids] = usernsOptions.gids ?? [];
  if (uids === undefined || gids === undefined || moreUids.length + moreGids.length > 0)
    throw new Fault("invalid", "user namespaces need exactly one mapping of users and one of groups");
  const isSame = uids.hostId === gids.hostId && uids.length === gids.length;
  if (!isSame || (uids.containerId ?? 0) !== 0 || (gids.containerId ?? 0) !== 0 || (uids.length ?? 0) === 0)
    throw new Fault("invalid", "user namespaces need the same mapping from 0 on for users and groups");
  return { base: uids.hostId ?? 0, size: uids.length ?? 0 };
}

function portsOf(mappings: readonly PortMapping[]): PortMap {
  const ports: Record<string, { HostIp: string; HostPort: string }[]> = {};
  for (const { protocol: kind, containerPort = 0, hostPort = 0, hostIp = "" } of mappings) {
    if (hostPort === 0) continue;
    const key = `${containerPort}/${nameOf(protocol, kind).toLowerCase()}`;
    (ports[key] ??= []).push({ HostIp: hostIp, HostPort: String(hostPort) });
  }
  return ports;
}

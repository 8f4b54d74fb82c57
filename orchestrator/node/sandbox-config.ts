import { type PodSandboxConfig, protocol } from "#api/cri/messages.ts";
import type { Pod } from "#api/kube/types/core-pods.ts";
import { podLabels } from "./labels.ts";
import { type DnsInput, dnsOf } from "./pod-dns.ts";
import { kernelHostname } from "./pod-hosts.ts";
import { isHostNetwork, nameOf, namespaceOf, uidOf } from "./pod.ts";
import { effective, sharesOf } from "./resources.ts";
import { sandboxSecurityOf } from "./security-context.ts";

export interface SandboxInput extends Omit<DnsInput, "pod"> {
  readonly pod: Pod;
  readonly attempt: number;
  readonly logDirectory: string;
  readonly cgroupParent: string;
  readonly hostname: string;
  readonly seccompRoot: string;
}

/** What the runtime is told of a pod. */
export function sandboxConfig(input: SandboxInput): PodSandboxConfig {
  const { pod } = input;
  const memory = effective(pod, "memory", "limits");
  const quota = effective(pod, "cpu", "limits");
  const sysctls = (pod.spec?.securityContext?.sysctls ?? []).map(
    ({ name, value }) => [name.replaceAll("/", "."), value] as const,
  );
  return {
    metadata: { name: nameOf(pod), uid: uidOf(pod), namespace: namespaceOf(pod), attempt: input.attempt },
    hostname: isHostNetwork(pod) ? input.hostname : kernelHostname(pod, input.clusterDomain),
    logDirectory: input.logDirectory,
    dnsConfig: dnsOf(input),
    portMappings: isHostNetwork(pod) ? [] : portMappings(pod),
    labels: new Map(Object.entries(podLabels(pod))),
    annotations: new Map(Object.entries(pod.metadata.annotations ?? {})),
    linux: {
      cgroupParent: input.cgroupParent,
      securityContext: sandboxSecurityOf(pod, input.seccompRoot),
      sysctls: new Map(sysctls),
      resources: {
        cpuShares: sharesOf(effective(pod, "cpu", "requests") ?? 0),
        cpuPeriod: 100_000,
        ...(quota === undefined ? {} : { cpuQuota: quota * 100 }),
        ...(memory === undefined ? {} : { memoryLimitInBytes: memory }),
      },
    },
  };
}

function portMappings(pod: Pod): PodSandboxConfig["portMappings"] & object {
  const containers = [...(pod.spec?.containers ?? []), ...(pod.spec?.initContainers ?? [])];
  return containers.flatMap(({ ports = [] }) =>
    ports.map((port) => ({
      protocol: protocol[port.protocol ?? "TCP"],
      containerPort: port.containerPort,
      hostPort: port.hostPort ?? 0,
      hostIp: port.hostIP ?? "",
    })),
  );
}

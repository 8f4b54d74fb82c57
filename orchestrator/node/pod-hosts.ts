import type { Pod } from "#api/kube/types/core-pods.ts";
import { nameOf, namespaceOf } from "./pod.ts";

const longestHostname = 63;

/** What the pod's containers see as their host name, and the domain that goes with it. */
export function hostnameOf(
  pod: Pod,
  clusterDomain: string,
): { readonly hostname: string; readonly domain: string } {
  const override = pod.spec?.hostnameOverride;
  if (override !== undefined && override !== "") return { hostname: override, domain: "" };
  const named = pod.spec?.hostname;
  const hostname = named !== undefined && named !== "" ? named : shortened(nameOf(pod));
  const subdomain = pod.spec?.subdomain ?? "";
  const domain = subdomain === "" ? "" : `${subdomain}.${namespaceOf(pod)}.svc.${clusterDomain}`;
  return { hostname, domain };
}

/** What the kernel is told: the name alone, or with its domain. */
export function kernelHostname(pod: Pod, clusterDomain: string): string {
  const { hostname, domain } = hostnameOf(pod, clusterDomain);
  const isFull = pod.spec?.setHostnameAsFQDN === true && domain !== "";
  return isFull ? `${hostname}.${domain}` : hostname;
}

function shortened(name: string): string {
  return name.length <= longestHostname ? name : name.slice(0, longestHostname).replace(/[-.]+$/, "");
}

/** The hosts file of a pod with a network of its own. */
export function hostsFile(pod: Pod, ips: readonly string[], clusterDomain: string): string {
  const { hostname, domain } = hostnameOf(pod, clusterDomain);
  const own = ips.map((ip) =>
    domain === "" ? `${ip}\t${hostname}\n` : `${ip}\t${hostname}.${domain}\t${hostname}\n`,
  );
  return `# Kubernetes-managed hosts file.
127.0.0.1\tlocalhost
::1\tlocalhost ip6-localhost ip6-loopback
fe00::0\tip6-localnet
fe00::0\tip6-mcastprefix
fe00::1\tip6-allnodes
fe00::2\tip6-allrouters
${own.join("")}${aliases(pod)}`;
}

/** The machine's own, for pods that share its network. */
export function hostNetworkHostsFile(pod: Pod, own: string): string {
  return `# Kubernetes-managed hosts file (host network).\n${own}${aliases(pod)}`;
}

function aliases(pod: Pod): string {
  const entries = pod.spec?.hostAliases ?? [];
  if (entries.length === 0) return "";
  const lines = entries.map(({ ip, hostnames = [] }) => `${ip}\t${hostnames.join("\t")}\n`);
  return `\n# Entries added by HostAliases.\n${lines.join("")}`;
}

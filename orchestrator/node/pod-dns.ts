import type { DnsConfig } from "#api/cri/messages.ts";
import type { Pod } from "#api/kube/types/core-pods.ts";
import { isHostNetwork, namespaceOf } from "./pod.ts";

/** A resolv.conf taken apart. */
export interface Resolver {
  readonly servers: readonly string[];
  readonly searches: readonly string[];
  readonly options: readonly string[];
}

/** @see man 5 resolv.conf */
export function parseResolver(text: string): Resolver {
  const servers: string[] = [];
  let searches: readonly string[] = [];
  let options: readonly string[] = [];
  for (const line of text.split("\n")) {
    const [word, ...values] = line.trim().split(/\s+/);
    if (word === "nameserver" && values[0] !== undefined) servers.push(values[0]);
    if (word === "search")
      searches = values.map((value) => (value === "." ? value : value.replace(/\.$/, "")));
    if (word === "options") options = values;
  }
  return { servers, searches, options };
}

export interface DnsInput {
  readonly pod: Pod;
  readonly clusterDns: readonly string[];
  readonly clusterDomain: string;
  readonly host: Resolver;
}

const mostServers = 3;
const mostSearches = 32;
const longestSearchLine = 2048;

/** How the pod's containers resolve names. @see Kubernetes documentation, DNS for Services and Pods */
export function dnsOf(input: DnsInput): DnsConfig {
  const { pod } = input;
  const base = byPolicy(input);
  const own = pod.spec?.dnsConfig;
  const servers = unique([...base.servers, ...(own?.nameservers ?? [])]);
  const searches = unique([...base.searches, ...(own?.searches ?? [])]);
  const options = mergedOptions(base.options, own?.options ?? []);
  return {
    servers: servers.slice(0, mostServers),
    searches: fitting(searches),
    options,
  };
}

function byPolicy({ pod, clusterDns, clusterDomain, host }: DnsInput): Resolver {
  const policy = pod.spec?.dnsPolicy ?? "ClusterFirst";
  if (policy === "None") return { servers: [], searches: [], options: [] };
  const isCluster =
    policy === "ClusterFirstWithHostNet" || (policy === "ClusterFirst" && !isHostNetwork(pod));
  if (!isCluster || clusterDns.length === 0) {
    return host.servers.length > 0 ? host : { ...host, servers: ["127.0.0.1"] };
  }
  const domains = [`${namespaceOf(pod)}.svc.${clusterDomain}`, `svc.${clusterDomain}`, clusterDomain];
  return { servers: clusterDns, searches: unique([...domains, ...host.searches]), options: ["ndots:5"] };
}

function mergedOptions(
  base: readonly string[],
  own: readonly { readonly name?: string; readonly value?: string }[],
): readonly string[] {
  const merged = new Map(base.map((option) => splitOption(option)));
  for (const { name = "", value } of own) if (name !== "") merged.set(name, value);
  return [...merged].map(([name, value]) =>
    value === undefined || value === "" ? name : `${name}:${value}`,
  );
}

function splitOption(option: string): readonly [string, string | undefined] {
  const colon = option.indexOf(":");
  return colon < 0 ? [option, undefined] : [option.slice(0, colon), option.slice(colon + 1)];
}

function unique(values: readonly string[]): readonly string[] {
  return [...new Set(values.filter((value) => value !== ""))];
}

function fitting(searches: readonly string[]): readonly string[] {
  const kept = searches.slice(0, mostSearches);
  while (kept.join(" ").length > longestSearchLine) kept.pop();
  return kept;
}

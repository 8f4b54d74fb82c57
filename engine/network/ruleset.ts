import type { PortMap } from "#api/docker/container.ts";

/** What the rules have to know about a network. */
export interface NetworkRules {
  readonly bridge: string;
  /** `address/prefix` */
  readonly subnet: string;
  readonly isInternal: boolean;
  /** Containers of the network may talk to one another. */
  readonly isConnected: boolean;
  readonly isMasqueraded: boolean;
}

/** A container's published ports. */
export interface Forwards {
  readonly address: string;
  readonly ports: PortMap;
}

/**
 * The whole ruleset as one transaction that replaces what the table holds. Networks and ports are elements of sets and maps, so
 * that what changes later is one element and the rules a packet passes do not grow with the number of containers:
 *
 * - nothing from outside may name 127.0.0.0/8, though our bridges route it (CVE-2020-8558);
 * - a connection to a host's address and a published port goes to the container, from outside, from the host itself (by
 *   127.0.0.1 too) and from containers (to themselves as well);
 * - packets between networks are dropped unless they are for a published port, as are packets from elsewhere that name a
 *   container's address themselves; internal networks have no way in or out at all.
 *
 * Where bridged frames pass the IP hooks (br_netfilter) the kernel turns a connection to a published port of the same bridge round
 * without routing it, and the last hook does not know where it came from; so it is the source's address that tells there.
 *
 * Only tables of our own, and only packets of our own bridges: others' firewalls stay as they are, and what they drop stays
 * dropped.
 */
export function planRuleset(
  table: string,
  networks: readonly NetworkRules[],
  forwards: readonly Forwards[],
): string {
  const set = (name: string, type: string, elements: readonly string[]) =>
    `  ${name} { type ${type}; ${elements.length === 0 ? "" : `elements = { ${elements.join(", ")} }; `}}\n`;
  const elements = setsOf(networks);
  const { one, any } = mapsOf(forwards);
  return `table ip ${table} { }
delete table ip ${table}
table ip ${table} {
${set("set bridges", "ifname", elements.bridges)}${set("set internal", "ifname", elements.internal)}\
${set("set subnets", "ipv4_addr; flags interval", elements.subnets)}\
${set("set masqueraded", "ifname", elements.masqueraded)}${set("set within", "ifname . ifname", elements.within)}\
${set("set connected", "ifname . ifname", elements.connected)}\
${set("map published_at", "ipv4_addr . inet_proto . inet_service : ipv4_addr . inet_service", one)}\
${set("map published", "inet_proto . inet_service : ipv4_addr . inet_service", any)}\
  chain guard {
    type filter hook prerouting priority -300; policy accept;
    iifname != "lo" ip daddr 127.0.0.0/8 drop
    iifname @bridges ip saddr 127.0.0.0/8 drop
  }
  chain publish {
    dnat ip to ip daddr . meta l4proto . th dport map @published_at
    dnat ip to meta l4proto . th dport map @published
  }
  chain prerouting {
    type nat hook prerouting priority -100; policy accept;
    fib daddr type local jump publish
  }
  chain output {
    type nat hook output priority -100; policy accept;
    fib daddr type local jump publish
  }
  chain postrouting {
    type nat hook postrouting priority 100; policy accept;
    oifname @bridges ip saddr 127.0.0.0/8 masquerade
    oifname @bridges ct status dnat ip saddr @subnets masquerade
    iifname . oifname @within return
    iifname @masqueraded masquerade
  }
  chain forward {
    type filter hook forward priority 0; policy accept;
    ct state established,related accept
    iifname . oifname @connected accept
    iifname @internal drop
    oifname @internal drop
    ct status dnat accept
    oifname @bridges drop
  }
}
`;
}

type Verb = "add" | "delete";

/** The commands that add a network to the ruleset, or take it out. */
export function planNetworkChange(verb: Verb, table: string, network: NetworkRules): string {
  return Object.entries(setsOf([network]))
    .flatMap(([set, elements]) => elements.map((element) => change(verb, table, set, element)))
    .join("; ");
}

/** The commands that publish a container's ports, or stop it; empty when it has none. */
export function planForwardChange(verb: Verb, table: string, forwards: Forwards): string {
  const { one, any } = mapsOf([forwards]);
  return [
    ...one.map((element) => change(verb, table, "published_at", element)),
    ...any.map((element) => change(verb, table, "published", element)),
  ].join("; ");
}

function change(verb: Verb, table: string, set: string, element: string): string {
  return `${verb} element ip ${table} ${set} { ${element} }`;
}

function setsOf(networks: readonly NetworkRules[]) {
  const names = (wanted: (network: NetworkRules) => boolean) =>
    networks.filter(wanted).map(({ bridge }) => `"${bridge}"`);
  const pairs = (wanted: (network: NetworkRules) => boolean) =>
    names(wanted).map((name) => `${name} . ${name}`);
  return {
    bridges: names(() => true),
    subnets: networks.map(({ subnet }) => subnet),
    internal: names((network) => network.isInternal),
    masqueraded: names((network) => network.isMasqueraded && !network.isInternal),
    within: pairs(() => true),
    connected: pairs((network) => network.isConnected),
  };
}

/** IPv6 host addresses are held but not forwarded: containers have IPv4 addresses only. */
function mapsOf(forwards: readonly Forwards[]) {
  const one: string[] = [];
  const any: string[] = [];
  for (const { address, ports } of forwards)
    for (const [key, bindings] of Object.entries(ports)) {
      const [port = "", protocol = ""] = key.split("/");
      for (const { HostIp, HostPort } of bindings ?? []) {
        const target = `${protocol} . ${HostPort} : ${address} . ${port}`;
        if (HostIp === "0.0.0.0") any.push(target);
        else if (!HostIp.includes(":")) one.push(`${HostIp} . ${target}`);
      }
    }
  return { one, any };
}

import type { PortMap } from "#api/docker/container.ts";

/** What the rules have to know about a network. */
export interface NetworkRules {
  readonly bridge: string;
  /** `address/prefix`; empty without IPv4. */
  readonly subnet: string;
  /** Empty without IPv6. */
  readonly subnet6: string;
  readonly isInternal: boolean;
  /** Containers of the network may talk to one another. */
  readonly isConnected: boolean;
  readonly isMasqueraded: boolean;
  readonly isMasqueraded6: boolean;
  /** The world may reach every port of its containers. */
  readonly isOpen: boolean;
  readonly isOpen6: boolean;
}

/** A container's published ports. */
export interface Forwards {
  /** Where its default routes lead out from; empty where there is none. */
  readonly address: string;
  readonly address6: string;
  readonly ports: PortMap;
}

/** What an instance's rules are beyond Docker's. */
export interface RulesetStyle {
  /** `address/prefix`: who is in there sees containers by their own addresses. */
  readonly directSubnets: readonly string[];
  /**
   * Connections within a network pass the host as well (see `routesWithin` of the bridge's options): containers see each other by their
   * own addresses there too, whatever was translated on the way. Only one to itself by a published port cannot.
   */
  readonly routesWithin: boolean;
}

const usualStyle: RulesetStyle = { directSubnets: [], routesWithin: false };

type Family = "ip" | "ip6";
type Verb = "add" | "delete";

/**
 * The whole ruleset as one transaction that replaces what the tables hold. Networks and ports are elements of sets and maps, so
 * that what changes later is one element and the rules a packet passes do not grow with the number of containers:
 *
 * - nothing from outside may name the loopback's addresses, though our bridges route 127.0.0.0/8 (CVE-2020-8558);
 * - a connection to a host's address and a published port goes to the container, from outside, from the host itself (by
 *   127.0.0.1 too) and from containers (to themselves as well);
 * - one from ::1 has other addresses on its way: the kernel takes no answer to ::1 from a bridge. It leaves as {@link standIn}'s, and
 *   gets its own back when the answer is in;
 * - packets between networks are dropped unless they are for a published port, as are packets from elsewhere that name a
 *   container's address themselves; internal networks have no way in or out at all.
 *
 * Where bridged frames pass the IP hooks (br_netfilter) the kernel turns a connection to a published port of the same bridge round
 * without routing it, and the last hook does not know where it came from; so it is the source's address that tells there.
 *
 * Only tables of our own, and only packets of our own bridges: others' firewalls stay as they are, and what they drop stays
 * dropped. The table of IPv6 is there while a network has IPv6.
 */
export function planRuleset(
  table: string,
  networks: readonly NetworkRules[],
  forwards: readonly Forwards[],
  style: RulesetStyle = usualStyle,
): string {
  return (
    planTable("ip", table, networks, forwards, style) + planTable("ip6", table, networks, forwards, style)
  );
}

/** Whether there has to be a table of IPv6. */
export function needsSix(networks: readonly NetworkRules[]): boolean {
  return networks.some(({ subnet6 }) => subnet6 !== "");
}

/**
 * Addresses that nobody has (RFC 6666: they lead nowhere), for both ends of a connection of the host's to its own ::1. The host has to
 * have a route to `client`, to itself. Both have the checksum of ::1 (as in RFC 6296), so that none changes: the kernel's change of
 * it is wrong for packets that were fragments.
 */
export const standIn = { client: "100::ff00", server: "100::1:feff" } as const;

const words = {
  ip: { address: "ipv4_addr", loopback: "127.0.0.0/8", client: "127.0.0.0/8" },
  ip6: {
    address: "ipv6_addr",
    loopback: `{ ::1, ${standIn.client}, ${standIn.server} }`,
    client: standIn.client,
  },
} as const;

function planTable(
  family: Family,
  table: string,
  networks: readonly NetworkRules[],
  forwards: readonly Forwards[],
  { directSubnets, routesWithin }: RulesetStyle,
): string {
  const { address, loopback, client } = words[family];
  const isSix = family === "ip6";
  const direct = directSubnets.filter((subnet) => subnet.includes(":") === isSix);
  const isDirect = direct.length === 0 ? "" : `    ${family} daddr { ${direct.join(", ")} } return\n`;
  const replaced = `table ${family} ${table} { }\ndelete table ${family} ${table}\n`;
  // Of IPv6 only what was there before goes, and a kernel without IPv6 hears nothing of it.
  if (family === "ip6" && !needsSix(networks)) return "";
  const set = (name: string, type: string, elements: readonly string[]) =>
    `  ${name} { type ${type}; ${elements.length === 0 ? "" : `elements = { ${elements.join(", ")} }; `}}\n`;
  const elements = setsOf(family, networks);
  const { one, any, open, selves, looped } = mapsOf(family, forwards);
  const turned = routesWithin
    ? `    ${family} saddr . ${family} daddr @selves masquerade\n`
    : `    oifname @bridges ct status dnat ${family} saddr @subnets masquerade\n`;
  return `${replaced}table ${family} ${table} {
${set("set bridges", "ifname", elements.bridges)}${set("set internal", "ifname", elements.internal)}\
${set("set subnets", `${address}; flags interval`, elements.subnets)}\
${set("set masqueraded", "ifname", elements.masqueraded)}${set("set within", "ifname . ifname", elements.within)}\
${set("set connected", "ifname . ifname", elements.connected)}${set("set unprotected", "ifname", elements.unprotected)}\
${set("set routed", `${address} . inet_proto . inet_service`, open)}\
${routesWithin ? set("set selves", `${address} . ${address}`, selves) : ""}\
${set("map published_at", `${address} . inet_proto . inet_service : ${address} . inet_service`, one)}\
${set("map published", `inet_proto . inet_service : ${address} . inet_service`, any)}\
${isSix ? set("set looped", "inet_proto . inet_service", looped) + loopbackChains : ""}\
  chain guard {
    type filter hook prerouting priority -300; policy accept;
    iifname != "lo" ${family} daddr ${loopback} drop
    iifname @bridges ${family} saddr ${loopback} drop
  }
  chain publish {
    dnat ${family} to ${family} daddr . meta l4proto . th dport map @published_at
    dnat ${family} to meta l4proto . th dport map @published
  }
  chain prerouting {
    type nat hook prerouting priority -100; policy accept;
    fib daddr type local jump publish
  }
  chain output {
    type nat hook output priority -100; policy accept;
${isSix ? `    ip6 daddr ${standIn.server} jump publish\n    ip6 daddr ::1 return\n` : ""}\
    fib daddr type local jump publish
  }
  chain postrouting {
    type nat hook postrouting priority 100; policy accept;
    oifname @bridges ${family} saddr ${client} masquerade
${turned}    iifname . oifname @within return
${isDirect}    iifname @masqueraded masquerade
  }
  chain forward {
    type filter hook forward priority 0; policy accept;
    ct state established,related accept
    iifname . oifname @connected accept
    iifname @internal drop
    oifname @internal drop
    ct status dnat accept
    ${family} daddr . meta l4proto . th dport @routed accept
    oifname @unprotected iifname != @bridges accept
    oifname @bridges drop
  }
}
`;
}

/** Before the kernel knows the connection, and after it has gone back over what it made of it. */
const loopbackChains = `\
  chain leave {
    type filter hook output priority -300; policy accept;
    ip6 saddr ::1 ip6 daddr ::1 meta l4proto . th dport @looped ip6 saddr set ${standIn.client} ip6 daddr set ${standIn.server}
  }
  chain return_to {
    type filter hook input priority 300; policy accept;
    ip6 saddr ${standIn.server} ip6 daddr ${standIn.client} ip6 saddr set ::1 ip6 daddr set ::1
  }
`;

/** The commands that add a network to the ruleset, or take it out. */
export function planNetworkChange(verb: Verb, table: string, network: NetworkRules): string {
  return familiesOf(network)
    .flatMap((family) =>
      Object.entries(setsOf(family, [network])).flatMap(([set, elements]) =>
        elements.map((element) => change(verb, family, table, set, element)),
      ),
    )
    .join("; ");
}

/** The commands that publish a container's ports, or stop it; empty when it has none. */
export function planForwardChange(
  verb: Verb,
  table: string,
  forwards: Forwards,
  { routesWithin }: RulesetStyle = usualStyle,
): string {
  return (["ip", "ip6"] as const)
    .flatMap((family) => {
      const { one, any, open, selves, looped } = mapsOf(family, [forwards]);
      return [
        ...looped.map((element) => change(verb, family, table, "looped", element)),
        ...(routesWithin ? selves : []).map((element) => change(verb, family, table, "selves", element)),
        ...one.map((element) => change(verb, family, table, "published_at", element)),
        ...any.map((element) => change(verb, family, table, "published", element)),
        ...open.map((element) => change(verb, family, table, "routed", element)),
      ];
    })
    .join("; ");
}

function change(verb: Verb, family: Family, table: string, set: string, element: string): string {
  return `${verb} element ${family} ${table} ${set} { ${element} }`;
}

/** A network is known to the table of IPv4 in any case: what has no addresses of the family passes nothing there. */
function familiesOf({ subnet6 }: NetworkRules): readonly Family[] {
  return subnet6 === "" ? ["ip"] : ["ip", "ip6"];
}

function setsOf(family: Family, all: readonly NetworkRules[]) {
  const isSix = family === "ip6";
  const networks = all.filter((network) => familiesOf(network).includes(family));
  const names = (wanted: (network: NetworkRules) => boolean) =>
    networks.filter(wanted).map(({ bridge }) => `"${bridge}"`);
  const pairs = (wanted: (network: NetworkRules) => boolean) =>
    names(wanted).map((name) => `${name} . ${name}`);
  return {
    bridges: names(() => true),
    subnets: networks.map(({ subnet, subnet6 }) => (isSix ? subnet6 : subnet)).filter((text) => text !== ""),
    internal: names((network) => network.isInternal),
    masqueraded: names(
      (network) => (isSix ? network.isMasqueraded6 : network.isMasqueraded) && !network.isInternal,
    ),
    within: pairs(() => true),
    connected: pairs((network) => network.isConnected),
    unprotected: names((network) => (isSix ? network.isOpen6 : network.isOpen)),
  };
}

/** A container without an address of the family holds its ports there all the same, but nothing is forwarded. */
function mapsOf(family: Family, forwards: readonly Forwards[]) {
  const isSix = family === "ip6";
  const [one, any, open]: [string[], string[], string[]] = [[], [], []];
  const looped = new Set<string>();
  const selves = new Set<string>();
  for (const { address, address6, ports } of forwards) {
    const target = isSix ? address6 : address;
    if (target === "") continue;
    for (const [key, bindings] of Object.entries(ports)) {
      const [port = "", protocol = ""] = key.split("/");
      for (const { HostIp, HostPort } of bindings ?? []) {
        if (HostIp.includes(":") !== isSix) continue;
        selves.add(`${target} . ${target}`);
        const element = `${protocol} . ${HostPort} : ${target} . ${port}`;
        if (HostPort === "") open.push(`${target} . ${protocol} . ${port}`);
        else if (HostIp === "0.0.0.0" || HostIp === "::") any.push(element);
        else one.push(`${HostIp === "::1" ? standIn.server : HostIp} . ${element}`);
        if (HostPort !== "" && (HostIp === "::" || HostIp === "::1")) looped.add(`${protocol} . ${HostPort}`);
      }
    }
  }
  return { one, any, open, selves: [...selves], looped: [...looped] };
}

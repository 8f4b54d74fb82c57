/**
 * Which of the four maps a packet is looked up in: by the address and port of a service, or by a port of the node; and for packets
 * from outside the cluster to services that keep those on the node where they arrive, in maps of their own first.
 */
export type Space = "services" | "nodes" | "outside" | "outside_nodes";

/** Whose packets get the node's address as source: nobody's, those from outside the pods' network, everybody's. */
export type Masquerade = "none" | "foreign" | "all";

export type SetName =
  | Space
  | `${Space}_targets`
  | `${Space}_ids`
  | "by_id"
  | "refused"
  | "refused_nodes"
  | "hairpin"
  | "cluster_ips"
  | "guarded"
  | "allowed";

/** A chain that chooses one of so many targets. All services that are alike share it: what differs is in the maps. */
export interface Choice {
  readonly space: Space;
  readonly masquerade: Masquerade;
  readonly count: number;
  readonly affinitySeconds: number;
}

export interface RulesetFacts {
  readonly table: string;
  /** Where pods are. */
  readonly podCidr: string;
  /** Where the addresses of services are from. */
  readonly serviceCidr: string;
  /** Addresses of this node that only its own processes and pods may use. */
  readonly ownAddresses: readonly string[];
}

export const refuseVerdict = "goto refuse";

/** For packets that are to get the node's address on their way out; the bit that upstream uses as well. */
const mark = "0x4000";
/** Clients that the table remembers; the kernel forgets those whose time is over. */
const mostClients = 262_144;

const byAddress = "ip daddr . meta l4proto . th dport";
const byPort = "meta l4proto . th dport";
const addressType = "ipv4_addr . inet_proto . inet_service";
const portType = "inet_proto . inet_service";

/** What a packet is looked up by, and what type that has. */
const keyOf: Readonly<Record<Space, { readonly key: string; readonly type: string }>> = {
  services: { key: byAddress, type: addressType },
  nodes: { key: byPort, type: portType },
  outside: { key: byAddress, type: addressType },
  outside_nodes: { key: byPort, type: portType },
};
const spaces = ["services", "nodes", "outside", "outside_nodes"] as const;

/** A number as nft writes a packet's priority, which is where the rules keep the numbers of targets and of their places. */
export function numberText(value: number): string {
  return `${(value >>> 16).toString(16)}:${(value & 0xffff).toString(16)}`;
}

export function verdictOf(choice: Choice): string {
  return `goto ${chainOf(choice)}`;
}

function chainOf({ space, masquerade, count, affinitySeconds }: Choice): string {
  return `${space}_${masquerade}_${count}${affinitySeconds === 0 ? "" : `_${affinitySeconds}`}`;
}

/** Undefined for what is no verdict of {@link verdictOf}. */
export function choiceOf(verdict: string): Choice | undefined {
  const match = /^goto ([a-z_]+)_(none|foreign|all)_(\d+)(?:_(\d+))?$/.exec(verdict);
  if (match === null) return undefined;
  const [, space, masquerade, count, affinity = "0"] = match;
  return {
    space: space as Space,
    masquerade: masquerade as Masquerade,
    count: Number(count),
    affinitySeconds: Number(affinity),
  };
}

/** The name of a choice's chain and its rules. */
export function chainRules(choice: Choice, { podCidr }: RulesetFacts): readonly [string, readonly string[]] {
  const { space, masquerade, count, affinitySeconds } = choice;
  const { key } = keyOf[space];
  const marking = `meta mark set meta mark or ${mark}`;
  const masquerading = {
    none: [],
    foreign: [`ip saddr != ${podCidr} ${marking}`],
    all: [marking],
  }[masquerade];
  // From one rule to the next a number is kept in the packet's priority: routing sets that anew.
  const draw = `meta priority set numgen random mod ${count}`;
  const send = "meta l4proto { tcp, udp, sctp } dnat ip to";
  if (affinitySeconds === 0)
    return [chainOf(choice), [...masquerading, draw, `${send} ${key} . meta priority map @${space}_targets`]];
  const client = `ip saddr . ${byAddress}`;
  const choose = [
    draw,
    `meta priority set ${key} . meta priority map @${space}_ids`,
    `update @clients { ${client} timeout ${affinitySeconds}s : meta priority }`, // of one it knows only the time is set
  ];
  const sendThere = `${send} meta priority map @by_id`;
  const recall = [`meta priority set ${client} map @clients`, sendThere];
  const forget = `delete @clients { ${client} : meta priority }`; // of a target that is gone
  return [chainOf(choice), [...masquerading, ...choose, ...recall, forget, ...choose, sendThere]];
}

/**
 * The table without any service's elements. Chains with hooks are few and never change; a packet passes as many rules with ten
 * thousand services as with one.
 */
export function emptyRuleset(facts: RulesetFacts): string {
  const { table, podCidr, serviceCidr, ownAddresses } = facts;
  const own = ownAddresses.length === 0 ? "" : `elements = { ${ownAddresses.join(", ")} };`;
  const places = spaces
    .map((space) => ({ space, ...keyOf[space] }))
    .map(
      ({ space, type }) => `
  map ${space} { type ${type} : verdict; }
  map ${space}_targets { type ${type} . classid : ipv4_addr . inet_service; }
  map ${space}_ids { type ${type} . classid : classid; }`,
    )
    .join("");
  return `table ip ${table} { }
delete table ip ${table}
table ip ${table} {${places}
  map by_id { type classid : ipv4_addr . inet_service; }
  map clients { type ipv4_addr . ${addressType} : classid; flags dynamic, timeout; size ${mostClients}; }
  map refused { type ${addressType} : verdict; }
  map refused_nodes { type ${portType} : verdict; }
  set hairpin { type ipv4_addr . ipv4_addr; }
  set cluster_ips { type ipv4_addr; }
  set guarded { type ${addressType}; }
  set allowed { type ${addressType} . ipv4_addr; flags interval; }
  set own { type ipv4_addr; ${own} }
  chain refuse {
    reject
  }
  chain check {
    ${byAddress} vmap @refused
    fib daddr type local ${byPort} vmap @refused_nodes
  }
  chain find {
    ${byAddress} vmap @services
    fib daddr type local ${byPort} vmap @nodes
  }
  chain find_from_outside {
    ${byAddress} vmap @outside
    fib daddr type local ${byPort} vmap @outside_nodes
  }
  chain unknown {
    ip daddr @own return
    ip daddr @cluster_ips goto refuse
    ip daddr ${serviceCidr} drop
  }
  chain filter_prerouting {
    type filter hook prerouting priority -110; policy accept;
    ip daddr @own ip saddr != ${podCidr} fib saddr type != local drop
    ct state new ${byAddress} @guarded ${byAddress} . ip saddr != @allowed drop
    ct state new jump check
  }
  chain filter_output {
    type filter hook output priority -110; policy accept;
    ct state new jump check
  }
  chain filter_forward {
    type filter hook forward priority 0; policy accept;
    ct state new ip daddr ${serviceCidr} jump unknown
  }
  chain filter_output_after {
    type filter hook output priority 0; policy accept;
    ct state new ip daddr ${serviceCidr} jump unknown
  }
  chain prerouting {
    type nat hook prerouting priority -100; policy accept;
    ip saddr != ${podCidr} fib saddr type != local jump find_from_outside
    jump find
  }
  chain output {
    type nat hook output priority -100; policy accept;
    jump find
  }
  chain postrouting {
    type nat hook postrouting priority 100; policy accept;
    ct status dnat ip saddr . ip daddr @hairpin masquerade
    meta mark and ${mark} == 0 return
    meta mark set meta mark and 0xffffbfff
    masquerade
  }
}
`;
}

import type { Endpoint } from "#engine/network/networks.ts";

export interface HostsInput {
  readonly hostname: string;
  readonly domainname: string;
  readonly endpoint: Endpoint | undefined;
  /** `name:address`; the address `host-gateway` is the bridge's. */
  readonly extraHosts: readonly string[];
}

const loopbackHosts = `127.0.0.1\tlocalhost
::1\tlocalhost ip6-localhost ip6-loopback
fe00::\tip6-localnet
ff00::\tip6-mcastprefix
ff02::1\tip6-allnodes
ff02::2\tip6-allrouters
`;

/** The text of a container's /etc/hosts. */
export function hostsText({ hostname, domainname, endpoint, extraHosts }: HostsInput): string {
  const extra = extraHosts.map((entry) => {
    const [, name = "", address = ""] = /^([^:=]+)[:=](.*)$/.exec(entry) ?? [];
    return `${address === "host-gateway" ? (endpoint?.gateway ?? "") : address.replace(/^\[(.*)\]$/, "$1")}\t${name}\n`;
  });
  const names = domainname === "" ? hostname : `${hostname}.${domainname} ${hostname}`;
  const own = endpoint !== undefined && endpoint.address !== "" ? `${endpoint.address}\t${names}\n` : "";
  return `${loopbackHosts}${extra.join("")}${own}`;
}

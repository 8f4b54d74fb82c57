import type { Endpoint } from "#engine/network/networks.ts";

export interface HostsInput {
  readonly hostname: string;
  readonly domainname: string;
  readonly endpoints: readonly Endpoint[];
  /** `name:address` */
  readonly extraHosts: readonly string[];
  /** What the address `host-gateway` stands for. */
  readonly hostGateway: string;
  /** Lines for containers that this one is linked to, without their ends. */
  readonly links: readonly string[];
}

const loopbackHosts = `127.0.0.1\tlocalhost
::1\tlocalhost ip6-localhost ip6-loopback
fe00::\tip6-localnet
ff00::\tip6-mcastprefix
ff02::1\tip6-allnodes
ff02::2\tip6-allrouters
`;

/** The text of a container's /etc/hosts. */
export function hostsText(input: HostsInput): string {
  const { endpoints, extraHosts, hostGateway, links } = input;
  const extra = extraHosts.map((entry) => {
    const [, name = "", address = ""] = /^([^:=]+)[:=](.*)$/.exec(entry) ?? [];
    return `${address === "host-gateway" ? hostGateway : address.replace(/^\[(.*)\]$/, "$1")}\t${name}`;
  });
  const lines = [...extra, ...links, ...ownHosts(endpoints, input)];
  return `${loopbackHosts}${lines.map((line) => `${line}\n`).join("")}`;
}

/** A container's own lines, one for each of its addresses. */
export function ownHosts(
  endpoints: readonly Endpoint[],
  { hostname, domainname }: { readonly hostname: string; readonly domainname: string },
): readonly string[] {
  const names = domainname === "" ? hostname : `${hostname}.${domainname} ${hostname}`;
  return endpoints
    .flatMap(({ address, address6 = "" }) => [address, address6])
    .filter((address) => address !== "")
    .map((address) => `${address}\t${names}`);
}

/** Takes whole lines out of a file that its container may have changed meanwhile, and puts others at its end. */
export function changeHosts(text: string, out: readonly string[], into: readonly string[]): string {
  const gone = new Set(out);
  const kept = text.split("\n").filter((line) => !gone.has(line));
  while (kept.at(-1) === "") kept.pop();
  return [...kept, ...into, ""].join("\n");
}

import { isIP } from "node:net";

export interface ResolverOptions {
  readonly dns: readonly string[];
  readonly search: readonly string[];
  readonly options: readonly string[];
}

export interface ResolvConf {
  readonly servers: readonly string[];
  readonly search: readonly string[];
  readonly options: readonly string[];
}

/** Of the resolver that a container in a user-defined network asks. */
export const embeddedServer = "127.0.0.11";
/** For a host whose only nameservers are on its own loopback, where a container cannot reach them. As Docker. */
const publicServers = ["8.8.8.8", "8.8.4.4"];

const DNS_PORT = 53;
/** As many as the C library looks at. @see resolv.conf(5) */
const SERVERS_MAX = 3;

/** What counts of a resolv.conf; the last `search` or `domain` wins. @see resolv.conf(5) */
export function parseResolvConf(text: string): ResolvConf {
  const servers: string[] = [];
  const options: string[] = [];
  let search: readonly string[] = [];
  for (const line of text.split("\n")) {
    const [keyword, ...words] = line
      .replace(/[#;].*$/, "")
      .trim()
      .split(/\s+/);
    if (keyword === "nameserver" && words[0] !== undefined && isIP(words[0].replace(/%.*/, "")) !== 0)
      servers.push(words[0]);
    else if (keyword === "search" || keyword === "domain") search = words;
    else if (keyword === "options") options.push(...words);
  }
  return { servers, search, options };
}

export function isLoopback(server: string): boolean {
  return server.startsWith("127.") || server === "::1";
}

/** Servers of the host that a container's own network can reach. */
function reachableServers(host: ResolvConf): readonly string[] {
  const servers = host.servers.filter((server) => !isLoopback(server) && !server.includes("%"));
  return servers.length === 0 ? publicServers : servers;
}

/**
 * Whom the embedded server asks on: what the container was given, else the host's servers, those on its loopback too, because
 * the questions come from the host.
 */
export function forwardServers(
  host: ResolvConf,
  given: readonly string[],
): readonly { readonly address: string; readonly port: number }[] {
  const servers = given.length > 0 ? given : host.servers.length > 0 ? host.servers : publicServers;
  return servers.slice(0, SERVERS_MAX).map((address) => ({ address, port: DNS_PORT }));
}

/** For a container in a user-defined network; its own `--dns` is where the embedded server asks on. */
export function embeddedResolvConf(host: ResolvConf, given: ResolverOptions): string {
  const options = given.options.length > 0 ? given.options : host.options;
  const hasNdots = options.some((option) => option.startsWith("ndots:"));
  return formatResolvConf({
    servers: [embeddedServer],
    search: searchOf(host, given),
    options: hasNdots && given.options.length > 0 ? options : [...withoutNdots(options), "ndots:0"],
  });
}

/** For a container on the default bridge: the host's, with what was asked for in its place. */
export function bridgeResolvConf(host: ResolvConf, given: ResolverOptions): string {
  return formatResolvConf({
    servers: given.dns.length > 0 ? given.dns : reachableServers(host),
    search: searchOf(host, given),
    options: given.options.length > 0 ? given.options : host.options,
  });
}

/** For a container in the host's network: the host's to the letter, unless something else was asked for. */
export function hostResolvConf(text: string, given: ResolverOptions): string {
  if (given.dns.length + given.search.length + given.options.length === 0) return text;
  const host = parseResolvConf(text);
  return formatResolvConf({
    servers: given.dns.length > 0 ? given.dns : host.servers,
    search: searchOf(host, given),
    options: given.options.length > 0 ? given.options : host.options,
  });
}

function withoutNdots(options: readonly string[]): readonly string[] {
  return options.filter((option) => !option.startsWith("ndots:"));
}

/** `--dns-search .` asks for none. */
function searchOf(host: ResolvConf, given: ResolverOptions): readonly string[] {
  if (given.search.length === 0) return host.search;
  return given.search.includes(".") ? [] : given.search;
}

function formatResolvConf({ servers, search, options }: ResolvConf): string {
  const lines = servers.map((server) => `nameserver ${server}`);
  if (search.length > 0) lines.push(`search ${search.join(" ")}`);
  if (options.length > 0) lines.push(`options ${options.join(" ")}`);
  return `${lines.join("\n")}\n`;
}

import { lookup } from "node:dns/promises";
import { isIP } from "node:net";
import { loopbackRanges, type RegistrySettings } from "#base/registry-settings.ts";
import { bareHost, isIn, isLoopback, rangesOf } from "./addresses.ts";
import { Authorizer } from "./authorizer.ts";
import type { Credentials } from "./credentials.ts";
import { Endpoint } from "./endpoint.ts";
import { Connections, discard, type Trust } from "./exchange.ts";
import { proxyFor } from "./proxy.ts";
import { remoteDetail } from "./remote-fault.ts";
import { secureContextFor } from "./tls-files.ts";

export interface RegistryDeps {
  readonly settings: RegistrySettings;
  /** Milliseconds since 1970. */
  readonly now: () => number;
}

/** A registry that answers. Disposing of it closes its connections. */
export interface ConnectedRegistry extends Disposable {
  readonly endpoint: Endpoint;
}

/** Docker Hub has its registry at another name than its images have. */
const hub = "registry-1.docker.io";

/** Where images of a domain are: mirrors first, which only Docker Hub has. */
export function originsOf(domain: string, settings: RegistrySettings): readonly string[] {
  return domain === "docker.io" ? [...settings.mirrors, hub] : [domain];
}

/**
 * Finds out how a registry is to be talked to: over TLS with a certificate that an authority of the system's or of its own
 * folder has signed; without a check, or without TLS where there is none, only for this machine itself and where the settings say
 * so.
 *
 * @param origin `HOST[:PORT]`, or the URL of a mirror
 * @throws {Fault} `remote` in the words of Docker's daemon
 */
export async function connectRegistry(
  deps: RegistryDeps,
  origin: string,
  credentials: Credentials,
  signal: AbortSignal,
): Promise<ConnectedRegistry> {
  let failure: unknown;
  for (const { url, trust } of await placesOf(deps, origin)) {
    using undo = new DisposableStack();
    const connections = undo.use(new Connections(deps.settings.proxies));
    const authorizer = new Authorizer({ connections, trust, credentials, origin: url, now: deps.now });
    const endpoint = new Endpoint(url, connections, authorizer, trust);
    try {
      const ping = await connections.send({ method: "GET", url: new URL("/v2/", url) }, trust, signal);
      if (ping.status === 401) authorizer.challenged(ping.headers["www-authenticate"]);
      discard(ping);
      const kept = undo.move();
      return { endpoint, [Symbol.dispose]: () => kept.dispose() };
    } catch (error) {
      if (remoteDetail(error) === undefined) throw error;
      failure = error;
    }
  }
  throw failure;
}

/** Where a server may be reached, and what to make of whoever answers there. */
export interface RegistryPlace {
  readonly url: URL;
  readonly trust: Trust;
}

/** What is to be tried in turn: TLS, then plain HTTP where that is allowed. @param origin as {@link connectRegistry} */
export async function placesOf(
  { settings }: RegistryDeps,
  origin: string,
): Promise<readonly RegistryPlace[]> {
  const asked = URL.parse(origin.includes("://") ? origin : `https://${origin}`);
  if (asked === null) throw new Error(`${origin} is no host of a registry`);
  const { host, hostname, pathname } = asked;
  // What a name means behind a proxy is the proxy's to know.
  const isProxied = proxyFor(asked, settings.proxies) !== undefined;
  const addresses = isProxied && isIP(bareHost(hostname)) === 0 ? [] : await addressesOf(hostname);
  const isInsecure = mayBeInsecure(host, hostname, addresses, settings);
  const trust = {
    secureContext: await secureContextFor(settings.certificates, host, !isInsecure),
    verifies: !isInsecure,
    allowsLoopback: addresses.some(isLoopback),
  };
  const urls =
    origin.startsWith("http://") || !isInsecure ? [asked] : [asked, new URL(`http://${host}${pathname}`)];
  return urls.map((url) => ({ url, trust }));
}

/** By name, or by an address that its name has. */
function mayBeInsecure(
  host: string,
  hostname: string,
  addresses: readonly string[],
  { insecure }: RegistrySettings,
): boolean {
  if (insecure.includes(host) || insecure.includes(hostname)) return true;
  const ranges = rangesOf([...loopbackRanges, ...insecure.filter((rule) => rule.includes("/"))]);
  return addresses.some((address) => isIn(ranges, address));
}

/** None for a name that nobody knows: the connection will say so. */
async function addressesOf(hostname: string): Promise<readonly string[]> {
  const bare = bareHost(hostname);
  if (isIP(bare) !== 0) return [bare];
  if (bare === "localhost") return ["127.0.0.1"];
  try {
    return (await lookup(bare, { all: true })).map(({ address }) => address);
  } catch {
    return [];
  }
}

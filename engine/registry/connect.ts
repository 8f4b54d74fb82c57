import { lookup } from "node:dns/promises";
import { isIP } from "node:net";
import { loopbackRanges, type RegistrySettings } from "#base/registry-settings.ts";
import { bareHost, isIn, isLoopback, rangesOf } from "./addresses.ts";
import { Authorizer } from "./authorizer.ts";
import type { Credentials } from "./credentials.ts";
import { Endpoint } from "./endpoint.ts";
import { Connections, discard } from "./exchange.ts";
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
  const asked = URL.parse(origin.includes("://") ? origin : `https://${origin}`);
  if (asked === null) throw new Error(`${origin} is no host of a registry`);
  const isInsecure = await mayBeInsecure(asked.host, asked.hostname, deps.settings);
  const isPlain = origin.startsWith("http://");
  const candidates =
    isPlain || !isInsecure ? [asked] : [asked, new URL(`http://${asked.host}${asked.pathname}`)];
  let failure: unknown;
  for (const url of candidates) {
    using undo = new DisposableStack();
    const connections = undo.use(new Connections());
    const trust = {
      secureContext: await secureContextFor(deps.settings.certificates, asked.host, !isInsecure),
      verifies: !isInsecure,
      allowsLoopback: await isThisMachine(asked.hostname),
    };
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

/** By name, or by an address that its name has. */
async function mayBeInsecure(
  host: string,
  hostname: string,
  { insecure }: RegistrySettings,
): Promise<boolean> {
  if (insecure.includes(host) || insecure.includes(hostname)) return true;
  const ranges = rangesOf([...loopbackRanges, ...insecure.filter((rule) => rule.includes("/"))]);
  return (await addressesOf(hostname)).some((address) => isIn(ranges, address));
}

async function isThisMachine(hostname: string): Promise<boolean> {
  return (await addressesOf(hostname)).some(isLoopback);
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

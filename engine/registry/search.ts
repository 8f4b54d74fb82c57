import { Fault, messageOf } from "#base/fault.ts";
import { Authorizer } from "./authorizer.ts";
import { placesOf, type RegistryDeps, type RegistryPlace } from "./connect.ts";
import type { Credentials } from "./credentials.ts";
import { Endpoint } from "./endpoint.ts";
import { Connections, discard, textOf } from "./exchange.ts";
import { remoteDetail, remoteFault } from "./remote-fault.ts";

/** One repository that an index has found. */
export interface FoundRepository {
  readonly name: string;
  readonly description: string;
  readonly stars: number;
  readonly isOfficial: boolean;
}

/** Docker Hub's index. */
const hub = "index.docker.io";

/**
 * Asks an index server for repositories: the one that the term names before its first slash, as in a reference, or Docker Hub's.
 *
 * @param limit most results
 * @throws {Fault} with Docker's texts: `invalid` when there is no index there, `remote` when it cannot answer
 */
export async function searchIndex(
  deps: RegistryDeps,
  term: string,
  limit: number,
  credentials: Credentials,
  signal: AbortSignal,
): Promise<readonly FoundRepository[]> {
  if (term.includes("://"))
    throw new Fault(
      "invalid",
      `invalid repository name: repository name (${term.slice(0, 255)}) should not have a scheme`,
    );
  const { host, wanted } = splitTerm(term);
  using connections = new Connections(deps.settings.proxies);
  const place = await findIndex(deps, connections, host, signal);
  const authorizer = new Authorizer({
    connections,
    credentials,
    origin: place.url,
    now: deps.now,
    trust: place.trust,
  });
  if ((credentials.username ?? "") !== "") authorizer.challenged('Basic realm="index"');
  const query = new URLSearchParams({ q: wanted, n: String(limit) });
  const answer = await new Endpoint(place.url, connections, authorizer, place.trust).send(
    { method: "GET", path: `/v1/search?${String(query)}`, headers: { "X-Docker-Token": "true" }, scopes: [] },
    signal,
  );
  if (answer.status !== 200) {
    discard(answer);
    const detail = { code: "", status: answer.status, isTransient: false };
    throw remoteFault(`Unexpected status code ${answer.status}`, detail);
  }
  return resultsIn(await textOf(answer));
}

/** `localhost/x` and `h:1/x` are asked of another index than Docker Hub's, whose own names need no host. */
function splitTerm(term: string): { readonly host: string; readonly wanted: string } {
  const slash = term.indexOf("/");
  const first = slash < 0 ? "" : term.slice(0, slash);
  const isHost = first.includes(".") || first.includes(":") || first === "localhost";
  const host = !isHost || first === "docker.io" || first === hub ? hub : first;
  return { host, wanted: isHost ? term.slice(slash + 1) : term };
}

async function findIndex(
  deps: RegistryDeps,
  connections: Connections,
  host: string,
  signal: AbortSignal,
): Promise<RegistryPlace> {
  const places = await placesOf(deps, host);
  if (host === hub) return places[0] as RegistryPlace;
  const failures: string[] = [];
  for (const place of places) {
    try {
      const url = new URL("/v1/_ping", place.url);
      discard(await connections.send({ method: "GET", url }, place.trust, signal));
      return place;
    } catch (error) {
      if (remoteDetail(error) === undefined) throw error;
      failures.push(messageOf(error));
    }
  }
  throw new Fault("invalid", noIndex(host, failures));
}

function noIndex(host: string, [first = "", second]: readonly string[]): string {
  if (second !== undefined)
    return `invalid registry endpoint "http://${host}/v1/". HTTPS attempt: ${first}. HTTP attempt: ${second}`;
  return [
    `invalid registry endpoint https://${host}/v1/: ${first}.`,
    "If this private registry supports only HTTP or HTTPS with an unknown CA certificate, please add",
    `\`--insecure-registry ${host}\` to the daemon's arguments. In the case of HTTPS, if you have access to the registry's CA`,
    "certificate, no need for the flag; simply place the CA certificate at",
    `/etc/docker/certs.d/${host}/ca.crt`,
  ].join(" ");
}

/** What has no name is none. */
function resultsIn(body: Buffer): readonly FoundRepository[] {
  let results: unknown;
  try {
    ({ results } = JSON.parse(body.toString()) as { readonly results?: unknown });
  } catch (error) {
    const detail = { code: "", status: 200, isTransient: false };
    throw remoteFault(`error decoding registry search results: ${messageOf(error)}`, detail, error);
  }
  return Array.isArray(results) ? results.flatMap(repositoryIn) : [];
}

function repositoryIn(value: unknown): readonly FoundRepository[] {
  const given = (typeof value === "object" && value !== null ? value : {}) as Record<string, unknown>;
  const { name, description, star_count: stars, is_official: isOfficial } = given;
  if (typeof name !== "string") return [];
  return [
    {
      name,
      description: typeof description === "string" ? description : "",
      stars: Number.isSafeInteger(stars) ? (stars as number) : 0,
      isOfficial: isOfficial === true,
    },
  ];
}

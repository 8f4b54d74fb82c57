import {
  booleanFilter,
  type Filters,
  invalidValue,
  matchesLabels,
  matchesPattern,
  parseFilters,
  valuesFor,
} from "#api/docker/filters.ts";
import { decodeBody } from "#api/docker/shapes.ts";
import { Fault, isFault } from "#base/fault.ts";
import type { Containers } from "#engine/containers/containers.ts";
import { empty, json } from "./answer.ts";
import type { Handler, Route } from "./call.ts";
import type { NetworkAdmin, NetworkView } from "./network-admin.ts";
import { parseUntil } from "./until.ts";

const predefined: ReadonlySet<string> = new Set(["bridge", "host", "none", "default"]);

export interface NetworkRouteDeps {
  readonly networks: NetworkAdmin;
  readonly containers: Pick<Containers, "get">;
  /** Milliseconds since 1970. */
  readonly nowMs: () => number;
}

/** @see Docker Engine API v1.51, /networks */
export function networkRoutes(deps: NetworkRouteDeps): readonly Route[] {
  const { networks } = deps;
  return [
    { method: "GET", path: "/networks", handle: list(networks) },
    { method: "GET", path: "/networks/", handle: list(networks) },
    { method: "POST", path: "/networks/create", handle: create(networks) },
    { method: "POST", path: "/networks/prune", handle: prune(deps) },
    { method: "GET", path: "/networks/{id}", handle: inspect(networks) },
    {
      method: "DELETE",
      path: "/networks/{id}",
      handle: async ({ name }) => {
        await networks.remove(name);
        return empty(204);
      },
    },
    { method: "POST", path: "/networks/{id}/connect", handle: connect(deps) },
    { method: "POST", path: "/networks/{id}/disconnect", handle: disconnect(deps) },
  ];
}

function list(networks: NetworkAdmin): Handler {
  return ({ query, version }) => {
    const filters = parseFilters(query.find("filters"), [
      "dangling",
      "driver",
      "id",
      "label",
      "name",
      "scope",
      "type",
    ]);
    const matches = networkFilter(filters);
    // The list does not tell which containers a network has.
    return json(
      networks
        .list()
        .filter(matches)
        .map((network) => shaped({ ...network, Containers: {} }, version)),
    );
  };
}

function networkFilter(filters: Filters): (network: NetworkView) => boolean {
  const isDangling = booleanFilter(filters, "dangling");
  const [drivers, scopes, types] = ["driver", "scope", "type"].map((key) => valuesFor(filters, key));
  for (const type of types ?? [])
    if (type !== "custom" && type !== "builtin") throw invalidValue("type", [type]);
  const has = (wanted: readonly string[] | undefined, value: string) =>
    wanted === undefined || wanted.length === 0 || wanted.includes(value);
  return (network) =>
    (isDangling === undefined ||
      isDangling === (!predefined.has(network.Name) && Object.keys(network.Containers).length === 0)) &&
    has(drivers, network.Driver) &&
    has(scopes, network.Scope) &&
    has(types, predefined.has(network.Name) ? "builtin" : "custom") &&
    matchesPattern(filters, "id", network.Id) &&
    matchesPattern(filters, "name", network.Name) &&
    matchesLabels(filters, network.Labels);
}

function inspect(networks: NetworkAdmin): Handler {
  return ({ name, query, version }) => {
    const network = networks.get(name);
    const scope = query.text("scope");
    if (scope !== "" && scope !== network.Scope) throw new Fault("not-found", `network ${name} not found`);
    return json(shaped(network, version));
  };
}

/** `EnableIPv4` came with 1.47. */
function shaped({ EnableIPv4, ...network }: NetworkView, version: number): object {
  return version < 47 ? network : { ...network, EnableIPv4 };
}

function create(networks: NetworkAdmin): Handler {
  return async (call) => {
    const body = decodeBody.networkCreate(await call.requiredJson());
    const name = body.Name ?? "";
    if (name.trim() === "") throw new Fault("invalid", "invalid network name: name is empty");
    if (predefined.has(name))
      throw new Fault("forbidden", `operation is not permitted on predefined ${name} network `);
    if (body.Scope === "swarm" || body.Ingress === true || body.Driver === "overlay")
      throw new Fault(
        "unavailable",
        'This node is not a swarm manager. Use "docker swarm init" or "docker swarm join" to connect this node to swarm and try again.',
      );
    const { id, warning } = await networks.create(body);
    return json({ Id: id, Warning: warning }, 201);
  };
}

function connect({ networks, containers }: NetworkRouteDeps): Handler {
  return async (call) => {
    const body = decodeBody.networkConnect(await call.requiredJson());
    const { id } = containers.get(body.Container ?? "");
    await networks.connect(call.name, id, body.EndpointConfig ?? {});
    return empty(200);
  };
}

function disconnect({ networks, containers }: NetworkRouteDeps): Handler {
  return async (call) => {
    const body = decodeBody.networkDisconnect(await call.requiredJson());
    const { id } = containers.get(body.Container ?? "");
    await networks.disconnect(call.name, id, { force: body.Force ?? false });
    return empty(200);
  };
}

function prune({ networks, nowMs }: NetworkRouteDeps): Handler {
  return async ({ query }) => {
    const filters = parseFilters(query.find("filters"), ["label", "label!", "until"]);
    const until = parseUntil(valuesFor(filters, "until"), nowMs());
    const removed: string[] = [];
    for (const network of networks.list()) {
      if (predefined.has(network.Name) || Object.keys(network.Containers).length > 0) continue;
      if (!matchesLabels(filters, network.Labels)) continue;
      if (until !== undefined && Date.parse(network.Created) >= until) continue;
      if (await hasRemoved(networks, network.Id)) removed.push(network.Name);
    }
    return json({ NetworksDeleted: removed.length === 0 ? null : removed });
  };
}

/** It may have got a container, or have gone, meanwhile. */
async function hasRemoved(networks: NetworkAdmin, id: string): Promise<boolean> {
  try {
    await networks.remove(id);
    return true;
  } catch (error) {
    if (isFault(error, "conflict") || isFault(error, "not-found") || isFault(error, "forbidden"))
      return false;
    throw error;
  }
}

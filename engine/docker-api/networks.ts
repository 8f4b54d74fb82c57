import { matchesLabels, parseFilters, valuesFor } from "#api/docker/filters.ts";
import { decodeBody } from "#api/docker/shapes.ts";
import { Fault } from "#base/fault.ts";
import type { Containers } from "#engine/containers/containers.ts";
import type { NetworkManagement } from "#engine/network/networks.ts";
import { matchesNetwork, networkFilterKeys, networkView } from "#engine/network/views.ts";
import { empty, json } from "./answer.ts";
import type { Handler, Route } from "./call.ts";
import { parseUntil } from "./until.ts";

export interface NetworkRouteDeps {
  readonly networks: NetworkManagement;
  readonly containers: Pick<Containers, "connectNetwork" | "disconnectNetwork">;
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

/** From 1.28 on the list does not tell which containers a network has. */
function list(networks: NetworkManagement): Handler {
  return ({ query, version }) => {
    const filters = parseFilters(query.find("filters"), networkFilterKeys);
    return json(
      networks
        .list()
        .filter((network) => matchesNetwork(filters, network, networks.members(network.id).length > 0))
        .map((network) =>
          networkView(network, version, version < 28 ? networks.members(network.id) : undefined),
        ),
    );
  };
}

function inspect(networks: NetworkManagement): Handler {
  return ({ name, query, version }) => {
    const network = networks.get(name);
    const scope = query.text("scope");
    if (scope !== "" && scope !== (network.scope ?? "local"))
      throw new Fault("not-found", `network ${name} not found`);
    return json(networkView(network, version, networks.members(network.id)));
  };
}

function create(networks: NetworkManagement): Handler {
  return async (call) => {
    const body = decodeBody.networkCreate(await call.requiredJson());
    if (body.Scope === "swarm")
      throw new Fault("forbidden", "cannot create a swarm scoped network when swarm is not active");
    if (body.Ingress === true && body.Driver !== "overlay")
      throw new Fault("forbidden", "Ingress network can only be global scope network");
    if (body.Driver === "overlay")
      throw new Fault(
        "unavailable",
        'This node is not a swarm manager. Use "docker swarm init" or "docker swarm join" to connect this node to swarm and try again.',
      );
    const { id } = await networks.create(body, call.lifetime);
    return json({ Id: id, Warning: "" }, 201);
  };
}

function connect({ containers }: NetworkRouteDeps): Handler {
  return async (call) => {
    const body = decodeBody.networkConnect(await call.requiredJson());
    await containers.connectNetwork(body.Container ?? "", call.name, body.EndpointConfig ?? {});
    return empty(200);
  };
}

function disconnect({ containers }: NetworkRouteDeps): Handler {
  return async (call) => {
    const body = decodeBody.networkDisconnect(await call.requiredJson());
    await containers.disconnectNetwork(body.Container ?? "", call.name, body.Force ?? false);
    return empty(200);
  };
}

function prune({ networks, nowMs }: NetworkRouteDeps): Handler {
  return async ({ query }) => {
    const filters = parseFilters(query.find("filters"), ["label", "label!", "until"]);
    const until = parseUntil(valuesFor(filters, "until"), nowMs());
    const removed = await networks.prune(
      ({ labels, created }) =>
        matchesLabels(filters, labels) && (until === undefined || Date.parse(created) < until),
    );
    return json({ NetworksDeleted: removed.length === 0 ? null : removed });
  };
}

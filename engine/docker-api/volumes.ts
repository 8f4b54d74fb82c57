import { type Filters, parseFilters } from "#api/docker/filters.ts";
import { decodeBody } from "#api/docker/shapes.ts";
import { Fault } from "#base/fault.ts";
import { volumeUsageView, volumeView } from "#engine/volumes/views.ts";
import {
  volumeListFilter,
  volumeListFilters,
  volumePruneFilter,
  volumePruneFilters,
} from "#engine/volumes/volume-filters.ts";
import type { Volumes } from "#engine/volumes/volume-service.ts";
import { empty, json } from "./answer.ts";
import type { Handler, Route } from "./call.ts";

const notSwarm =
  'This node is not a swarm manager. Use "docker swarm init" or "docker swarm join" to connect this node to swarm and try again.';

/** @see Docker Engine API v1.51, /volumes */
export function volumeRoutes({ volumes }: { readonly volumes: Volumes }): readonly Route[] {
  return [
    {
      method: "GET",
      path: "/volumes",
      handle: ({ query }) => {
        const matches = volumeListFilter(parseFilters(query.find("filters"), volumeListFilters), volumes);
        const found = volumes.list().filter(matches);
        return json({ Volumes: found.map((record) => volumeView(volumes, record)), Warnings: null });
      },
    },
    { method: "POST", path: "/volumes/create", handle: create(volumes) },
    { method: "POST", path: "/volumes/prune", handle: prune(volumes) },
    {
      method: "GET",
      path: "/volumes/{id}",
      handle: ({ name }) => json(volumeView(volumes, volumes.get(name))),
    },
    {
      method: "PUT",
      path: "/volumes/{id}",
      handle: () => {
        throw new Fault("unavailable", notSwarm);
      },
    },
    {
      method: "DELETE",
      path: "/volumes/{id}",
      handle: async ({ name, query }) => {
        await volumes.remove(name, { force: query.boolean("force") });
        return empty(204);
      },
    },
  ];
}

function create(volumes: Volumes): Handler {
  return async (call) => {
    const body = decodeBody.volumeCreate(await call.requiredJson());
    if (body.ClusterVolumeSpec !== undefined) throw new Fault("unavailable", notSwarm);
    const record = await volumes.create({
      ...(body.Name !== undefined && { name: body.Name }),
      ...(body.Driver !== undefined && { driver: body.Driver }),
      ...(body.DriverOpts !== undefined && { driverOptions: body.DriverOpts }),
      ...(body.Labels !== undefined && { labels: body.Labels }),
    });
    return json(volumeView(volumes, record), 201);
  };
}

/** Before 1.42 all unused volumes were meant, named ones too. */
function prune(volumes: Volumes): Handler {
  return async ({ query, version, signal }) => {
    const filters: Filters = parseFilters(query.find("filters"), volumePruneFilters);
    const effective = version < 42 ? new Map([...filters, ["all", ["true"]] as const]) : filters;
    const { removed, bytes } = await volumes.prune(volumePruneFilter(effective), signal);
    return json({ VolumesDeleted: removed, SpaceReclaimed: bytes });
  };
}

/** Of every volume, for `system df`. */
export async function volumeUsage(volumes: Volumes, signal: AbortSignal) {
  return Promise.all(volumes.list().map((record) => volumeUsageView(volumes, record, signal)));
}

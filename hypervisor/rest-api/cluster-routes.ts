import type { Json } from "#api/hypercore/decode.ts";
import type { Cluster, Node } from "#api/hypercore/types.ts";
import { Fault } from "#base/fault.ts";
import { type ClusterRecord, getCluster, isClusterName } from "#hypervisor/cluster/cluster.ts";
import { conditionsOf, filterConditions } from "#hypervisor/cluster/conditions.ts";
import { driveOf, type NodeLoad, nodeOf } from "#hypervisor/cluster/node.ts";
import type { NodeFacts } from "#hypervisor/cluster/node-facts.ts";
import type { RecordStore } from "#hypervisor/metadata/record-store.ts";
import type { TaskList } from "#hypervisor/tasks/task-list.ts";
import { readable, readableBy, updatable } from "./common-routes.ts";
import { type Call, noBody, type Reply, reply, result, type Route } from "./route.ts";

/** The newest version that public clients are tested with. */
const icosVersion = "9.4.17.215487";

export interface ClusterDeps {
  readonly records: RecordStore;
  readonly tasks: TaskList;
  readonly now: () => Date;
  readonly facts: () => NodeFacts;
  readonly load: () => NodeLoad;
  /** Machines run with KVM. */
  readonly hasVirtualization: boolean;
  /** Stops every machine; by ACPI first unless it is forced. */
  readonly shutdown: (isForced: boolean, signal: AbortSignal) => Promise<void>;
}

/** The cluster of one node: its name, its hardware, what is wrong with it. */
export function clusterRoutes(deps: ClusterDeps): readonly Route[] {
  const { records, facts } = deps;
  const node = (): Node => nodeOf(getCluster(records), facts(), deps.load(), deps.hasVirtualization);
  return [
    ...readable("Cluster", () => [shown(deps, getCluster(records))]),
    ...updatable(
      "Cluster",
      "cluster-settings",
      async ({ params, body }) => await renameCluster(deps, params["uuid"] ?? "", body as Json),
    ),
    {
      method: "POST",
      path: "/rest/v1/Cluster/shutdown",
      needs: "cluster-shutdown",
      body: { kind: "json", shape: { members: { forceShutdown: { type: "boolean", isRequired: true } } } },
      handle: async ({ body }) => {
        const isForced = (body as Json)["forceShutdown"] === true;
        const subject = { description: "Shut down the cluster", objectUUID: getCluster(records).uuid };
        return result(
          await deps.tasks.begin(subject, async (_, signal) => await deps.shutdown(isForced, signal)),
        );
      },
    },
    ...readable("Node", () => [node()]),
    ...readable("Drive", () => [driveOf(getCluster(records), facts())]),
    ...conditionRoutes(deps),
  ];
}

async function renameCluster({ records, tasks }: ClusterDeps, uuid: string, body: Json): Promise<Reply> {
  const cluster = getCluster(records);
  if (cluster.uuid !== uuid) throw new Fault("not-found", `There is no cluster ${uuid}`);
  const { clusterName = cluster.clusterName } = body as Partial<Cluster>;
  if (!isClusterName(clusterName)) throw new Fault("invalid", `Invalid cluster name '${clusterName}'`);
  const subject = { description: "Update Cluster", objectUUID: uuid };
  const tag = await tasks.record(subject, (changes) =>
    changes.put("cluster", { ...getCluster(records), clusterName } as ClusterRecord),
  );
  return result(tag);
}

function shown({ tasks }: ClusterDeps, { uuid, clusterName, filesystemID }: ClusterRecord): Cluster {
  return {
    uuid,
    filesystemID,
    clusterName,
    icosVersion,
    latestTaskTag: tasks.latestOf(uuid),
    brand: "Gantry",
    isRESTAPIEnabled: true,
  };
}

function conditionRoutes({ records, facts, hasVirtualization, now }: ClusterDeps): readonly Route[] {
  const since = new Map<string, { value: boolean; atMs: number }>();
  const all = () => {
    const uuid = getCluster(records).nodeUUID;
    return conditionsOf(facts(), { uuid, hasVirtualization }, now().getTime(), since);
  };
  return [
    ...readableBy("Condition", "name", all, (given) => all().find(({ name }) => name === given)),
    {
      method: "GET",
      path: "/rest/v1/Condition/filter",
      needs: "read",
      body: noBody,
      query: [
        "name",
        "nodeUUIDs",
        "includeSet",
        "includeNotOK",
        "singleNodeOnly",
        "includeModifiedWithin",
        "modifiedWithin",
        "includeTags",
        "excludeTags",
      ],
      handle: (call) => reply(filtered(call, all(), now().getTime())),
    },
  ];
}

function filtered(
  { query }: Call,
  all: ReturnType<typeof conditionsOf>,
  nowMs: number,
): ReturnType<typeof conditionsOf> {
  const isSet = (name: string) => query.get(name) === "true";
  const found = filterConditions(all, {
    ...(query.has("name") && { name: pattern(query.get("name") ?? "") }),
    nodeUUIDs: listOf(query, "nodeUUIDs"),
    includeSet: isSet("includeSet"),
    includeNotOK: isSet("includeNotOK"),
    includeTags: listOf(query, "includeTags"),
    excludeTags: listOf(query, "excludeTags"),
  });
  const within = Number(query.get("modifiedWithin") ?? 0);
  return isSet("includeModifiedWithin") ? found.filter(({ modified }) => nowMs - modified <= within) : found;
}

function listOf(query: URLSearchParams, name: string): readonly string[] {
  return query
    .getAll(name)
    .flatMap((value) => value.split(","))
    .filter((value) => value !== "");
}

function pattern(text: string): RegExp {
  try {
    if (text.length <= 100) return new RegExp(text);
  } catch {
    // Told below.
  }
  throw new Fault("invalid", `Invalid regular expression '${text.slice(0, 100)}'`);
}

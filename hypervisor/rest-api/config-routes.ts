import { randomUUID } from "node:crypto";
import type { Json } from "#api/hypercore/decode.ts";
import { fieldsOf, typeShapes } from "#api/hypercore/shapes.ts";
import { Fault } from "#base/fault.ts";
import type { RecordStore, StoredRecord } from "#hypervisor/metadata/record-store.ts";
import type { TaskList } from "#hypervisor/tasks/task-list.ts";
import { type ConfigKind, configKinds } from "./config-kinds.ts";
import { readableBy, updatable } from "./common-routes.ts";
import { noBody, type Reply, result, type Route } from "./route.ts";

type ConfigRecord = StoredRecord & Json;

export interface ConfigDeps {
  readonly records: RecordStore;
  readonly tasks: TaskList;
}

/** Makes the settings that there always are. */
export async function ensureConfig(
  records: RecordStore,
  initial: Readonly<Record<string, Json>>,
): Promise<void> {
  await records.change((changes) => {
    for (const kind of configKinds) {
      const { type, singleton } = kind;
      if (
        singleton === undefined ||
        kind.isPresent !== true ||
        records.find("configured", type) !== undefined
      )
        continue;
      changes.put(type, newRecord(kind, singleton, initial[type] ?? {}));
      // Deleted by somebody, it stays away.
      changes.put("configured", { uuid: type });
    }
  });
}

/** Settings that are read, written and kept, every kind in the same way. */
export function configRoutes(deps: ConfigDeps): readonly Route[] {
  return configKinds.flatMap((kind) => routesOf(deps, kind));
}

function routesOf(deps: ConfigDeps, kind: ConfigKind): readonly Route[] {
  const path = `/rest/v1/${kind.type}`;
  const own = `${path}/{uuid}`;
  const needs = "cluster-settings";
  const { records, tasks } = deps;
  const show = (record: ConfigRecord) => shown(kind, record, tasks);
  const find = (uuid: string) => {
    const found = records.find<ConfigRecord>(kind.type, uuid);
    return found === undefined ? undefined : show(found);
  };
  const routes: Route[] = [
    ...readableBy(kind.type, "uuid", () => records.list<ConfigRecord>(kind.type).map(show), find),
    {
      method: "POST",
      path,
      needs,
      body: { kind: "json", shape: { type: kind.type } },
      handle: async ({ body }) => await create(deps, kind, body as Json),
    },
    ...updatable(
      kind.type,
      needs,
      async ({ params, body }) =>
        await change(deps, kind, params["uuid"] ?? "", (before) => ({
          ...before,
          ...writable(kind, body as Json),
        })),
    ),
  ];
  if (!kind.canDelete) return routes;
  const remove: Route["handle"] = async ({ params }) => await drop(deps, kind, params["uuid"] ?? "");
  return [...routes, { method: "DELETE", path: own, needs, body: noBody, handle: remove }];
}

async function create(deps: ConfigDeps, kind: ConfigKind, body: Json): Promise<Reply> {
  // A key of Nucleus' is named by its client.
  const given = kind.type === "NucleusKey" ? body["uuid"] : undefined;
  const uuid = kind.singleton ?? (typeof given === "string" && given !== "" ? given : randomUUID());
  const record = newRecord(kind, uuid, body);
  kind.check?.(record);
  return await commit(deps, kind, uuid, "Create", uuid, (changes) => changes.put(kind.type, record));
}

async function change(
  deps: ConfigDeps,
  kind: ConfigKind,
  uuid: string,
  plan: (before: ConfigRecord) => ConfigRecord,
): Promise<Reply> {
  return await commit(deps, kind, uuid, "Update", "", (changes) => {
    const before = deps.records.find<ConfigRecord>(kind.type, uuid);
    if (before === undefined) throw new Fault("not-found", `There is no ${kind.type} ${uuid}`);
    const after = plan(before);
    kind.check?.(after);
    changes.put(kind.type, after);
  });
}

async function drop(deps: ConfigDeps, kind: ConfigKind, uuid: string): Promise<Reply> {
  return await commit(deps, kind, uuid, "Delete", "", (changes) => changes.remove(kind.type, uuid));
}

/** The change, with a task where the kind has them; it is done either way when this resolves. */
async function commit(
  { records, tasks }: ConfigDeps,
  kind: ConfigKind,
  uuid: string,
  verb: string,
  createdUUID: string,
  plan: Parameters<RecordStore["change"]>[0],
): Promise<Reply> {
  if (kind.isInstant === true) {
    await records.change(plan);
    return result("", createdUUID);
  }
  const subject = { description: `${verb} ${kind.type}`, objectUUID: uuid };
  return result(await tasks.record(subject, plan), createdUUID);
}

function newRecord(kind: ConfigKind, uuid: string, body: Json): ConfigRecord {
  const empty = Object.entries(fieldsOf(kind.type)).map(([name, field]) => [
    name,
    field.default ?? emptyOf(field.type),
  ]);
  const fields = Object.fromEntries(empty) as Json;
  return { ...fields, ...kind.defaults, ...writable(kind, body), uuid };
}

/** What a client may set: the rest is the server's. */
function writable(kind: ConfigKind, body: Json): Json {
  const fields = fieldsOf(kind.type);
  return Object.fromEntries(
    Object.entries(body).filter(
      ([name]) => fields[name]?.readOnly !== true && name !== "latestTaskTag" && name !== "uuid",
    ),
  );
}

function shown(kind: ConfigKind, record: ConfigRecord, tasks: TaskList): Json {
  const fields = fieldsOf(kind.type);
  const hidden = (kind.hidden ?? []).map((name) => [name, ""]);
  return {
    ...record,
    ...kind.computed,
    ...(Object.fromEntries(hidden) as Json),
    ...(kind.type === "AlertSMTPConfig" && { useAuth: record["authUser"] !== "" }),
    ...(fields["latestTaskTag"] !== undefined && { latestTaskTag: tasks.latestOf(record.uuid) }),
  };
}

function emptyOf(type: string): unknown {
  if (type.startsWith("array<")) return [];
  if (type.startsWith("map<")) return {};
  if (type === "boolean") return false;
  if (type === "integer" || type === "number") return 0;
  const shape = typeShapes[type];
  if (shape !== undefined && "enum" in shape) return shape.enum[0];
  return type === "string" ? "" : {};
}

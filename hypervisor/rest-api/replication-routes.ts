import { randomUUID } from "node:crypto";
import type { Json } from "#api/hypercore/decode.ts";
import type { VirDomainReplication } from "#api/hypercore/types.ts";
import { Fault } from "#base/fault.ts";
import type { RecordStore } from "#hypervisor/metadata/record-store.ts";
import type { TaskList } from "#hypervisor/tasks/task-list.ts";
import { kinds, type ReplicationRecord } from "#hypervisor/vms/records.ts";
import { getVm } from "#hypervisor/vms/vm-deps.ts";
import { readable, updatable } from "./common-routes.ts";
import { type Reply, result, type Route } from "./route.ts";

export interface ReplicationDeps {
  readonly records: RecordStore;
  readonly tasks: TaskList;
}

type ReplicationBody = Partial<VirDomainReplication>;

const idle = { valid: 0, percentComplete: 0, blockCountDiff: 0, blockCountSent: 0 };

/** What is to be replicated where: kept for who asks. One host has nobody to replicate to, so nothing ever progresses. */
export function replicationRoutes(deps: ReplicationDeps): readonly Route[] {
  return [
    ...readable("VirDomainReplication", () =>
      deps.records.list<ReplicationRecord>(kinds.replication).map(shown),
    ),
    {
      method: "POST",
      path: "/rest/v1/VirDomainReplication",
      needs: "backup",
      body: { kind: "json", shape: { type: "VirDomainReplication" } },
      handle: async ({ body }) => await create(deps, body as Json),
    },
    ...updatable(
      "VirDomainReplication",
      "backup",
      async ({ params, body }) => await change(deps, params["uuid"] ?? "", body as Json),
    ),
  ];
}

async function create({ records, tasks }: ReplicationDeps, body: ReplicationBody): Promise<Reply> {
  const { sourceDomainUUID = "", connectionUUID = "", enable = true, label = "" } = body;
  const record: ReplicationRecord = { uuid: randomUUID(), sourceDomainUUID, connectionUUID, enable, label };
  const subject = { description: "Create replication", objectUUID: record.uuid };
  const tag = await tasks.record(subject, (changes) => {
    const { name } = getVm(records, sourceDomainUUID);
    const all = records.list<ReplicationRecord>(kinds.replication);
    // Clients know the beginning of this text.
    if (all.some((other) => other.sourceDomainUUID === sourceDomainUUID))
      throw new Fault("conflict", `Failed to create replication: VM '${name}' has one already`);
    changes.put(kinds.replication, record);
  });
  return result(tag, record.uuid);
}

async function change(
  { records, tasks }: ReplicationDeps,
  uuid: string,
  { connectionUUID, enable, label }: ReplicationBody,
): Promise<Reply> {
  const tag = await tasks.record({ description: "Update replication", objectUUID: uuid }, (changes) => {
    const before = records.find<ReplicationRecord>(kinds.replication, uuid);
    if (before === undefined) throw new Fault("not-found", `There is no replication ${uuid}`);
    const after: ReplicationRecord = {
      ...before,
      connectionUUID: connectionUUID ?? before.connectionUUID,
      enable: enable ?? before.enable,
      label: label ?? before.label,
    };
    changes.put(kinds.replication, after);
  });
  return result(tag);
}

function shown(record: ReplicationRecord) {
  return { ...record, targetDomainUUID: "", progress: idle };
}

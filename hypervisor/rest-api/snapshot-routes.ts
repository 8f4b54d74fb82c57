import type { VirDomainSnapshot, VirDomainSnapshotSchedule } from "#api/hypercore/types.ts";
import { Fault } from "#base/fault.ts";
import type { RecordStore } from "#hypervisor/metadata/record-store.ts";
import { kinds } from "#hypervisor/vms/records.ts";
import type { ScheduleRecord, ScheduleService } from "#hypervisor/vms/schedule-service.ts";
import type { SnapshotService } from "#hypervisor/vms/snapshot-service.ts";
import type { VmReader } from "#hypervisor/vms/vm-reader.ts";
import { readable, updatable } from "./common-routes.ts";
import { noBody, result, type Route } from "./route.ts";
import { begun } from "./vm-routes.ts";

export interface SnapshotRouteDeps {
  readonly records: RecordStore;
  readonly reader: VmReader;
  readonly snapshots: SnapshotService;
  readonly schedules: ScheduleService;
}

/** Snapshots, and when they are taken by themselves. */
export function snapshotRoutes({
  records,
  reader,
  snapshots,
  schedules,
}: SnapshotRouteDeps): readonly Route[] {
  const schedulePath = "/rest/v1/VirDomainSnapshotSchedule";
  return [
    ...readable("VirDomainSnapshot", () => reader.snapshots()),
    {
      method: "POST",
      path: "/rest/v1/VirDomainSnapshot",
      needs: "backup",
      body: { kind: "json", shape: { type: "VirDomainSnapshot", isPartial: true } },
      handle: async ({ body, caller }) =>
        begun(await snapshots.create(body as Partial<VirDomainSnapshot>, caller.sessionID)),
    },
    {
      method: "DELETE",
      path: "/rest/v1/VirDomainSnapshot/{uuid}",
      needs: "backup",
      body: noBody,
      handle: async ({ params, caller }) =>
        begun(await snapshots.remove(params["uuid"] ?? "", caller.sessionID)),
    },
    ...readable("VirDomainSnapshotSchedule", () => records.list<ScheduleRecord>(kinds.schedule)),
    {
      method: "POST",
      path: schedulePath,
      needs: "backup",
      body: { kind: "json", shape: { type: "VirDomainSnapshotSchedule" } },
      handle: async ({ body }) =>
        result("", await schedules.create(body as unknown as VirDomainSnapshotSchedule)),
    },
    ...updatable("VirDomainSnapshotSchedule", "backup", async ({ params, body }) => {
      const uuid = params["uuid"] ?? "";
      if (records.find(kinds.schedule, uuid) === undefined)
        throw new Fault("not-found", `There is no schedule ${uuid}`);
      await schedules.update(uuid, body as Partial<VirDomainSnapshotSchedule>);
      return result("");
    }),
    {
      method: "DELETE",
      path: `${schedulePath}/{uuid}`,
      needs: "backup",
      body: noBody,
      handle: async ({ params }) => {
        await schedules.remove(params["uuid"] ?? "");
        return result("");
      },
    },
  ];
}

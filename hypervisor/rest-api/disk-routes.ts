import type { ISO, VSD } from "#api/hypercore/types.ts";
import { Fault } from "#base/fault.ts";
import type { LayerStore } from "#hypervisor/disks/layer-store.ts";
import type { VirtualDiskLibrary, VirtualDiskRecord } from "#hypervisor/disks/virtual-disk-library.ts";
import type { IsoLibrary, IsoRecord } from "#hypervisor/images/iso-library.ts";
import type { RecordStore } from "#hypervisor/metadata/record-store.ts";
import type { TaskList } from "#hypervisor/tasks/task-list.ts";
import type { BlockDeviceService } from "#hypervisor/vms/block-device-service.ts";
import { type BlockDeviceRecord, kinds, type VmRecord } from "#hypervisor/vms/records.ts";
import { readable, updatable } from "./common-routes.ts";
import { type Call, noBody, type Reply, reply, result, type Route } from "./route.ts";
import { begun, type CopyBody, copyOptions, deviceTemplate } from "./vm-routes.ts";

export interface DiskRouteDeps {
  readonly records: RecordStore;
  readonly tasks: TaskList;
  readonly layers: LayerStore;
  readonly virtualDisks: VirtualDiskLibrary;
  readonly isos: IsoLibrary;
  readonly blockDevices: BlockDeviceService;
}

/** Uploaded disk images, and media for CD-ROM drives. */
export function diskRoutes(deps: DiskRouteDeps): readonly Route[] {
  return [...virtualDiskRoutes(deps), ...isoRoutes(deps)];
}

function virtualDiskRoutes({ layers, virtualDisks, blockDevices }: DiskRouteDeps): readonly Route[] {
  const path = "/rest/v1/VirtualDisk";
  return [
    ...readable("VirtualDisk", () => virtualDisks.list().map((disk) => shownDisk(disk, layers))),
    {
      method: "DELETE",
      path: `${path}/{uuid}`,
      needs: "vm-edit",
      body: noBody,
      handle: async ({ params }) => {
        await virtualDisks.remove(params["uuid"] ?? "");
        return result("");
      },
    },
    {
      method: "PUT",
      path: `${path}/upload`,
      needs: "vm-edit",
      body: { kind: "upload" },
      query: ["filename", "filesize"],
      handle: async (call) => await uploadDisk(virtualDisks, call),
    },
    {
      method: "POST",
      path: `${path}/{uuid}/attach`,
      needs: "vm-edit",
      body: {
        kind: "json",
        shape: {
          members: {
            options: { ...copyOptions, isRequired: true },
            template: { ...deviceTemplate, isRequired: true },
          },
        },
      },
      handle: async ({ params, body, caller, signal }) => {
        const { template, options } = body as unknown as CopyBody;
        const uuid = params["uuid"] ?? "";
        const isReadOnly = options.readOnly === true;
        return begun(await blockDevices.attach(uuid, template, isReadOnly, caller.sessionID, signal));
      },
    },
  ];
}

async function uploadDisk(
  virtualDisks: VirtualDiskLibrary,
  { query, upload, caller, signal }: Call,
): Promise<Reply> {
  const filename = query.get("filename") ?? "";
  const size = Number(query.get("filesize") ?? Number.NaN);
  if (upload === undefined || size !== upload.lengthBytes)
    throw new Fault("invalid", "filesize must be the number of bytes that are sent");
  return begun(await virtualDisks.upload(filename, size, upload.chunks, caller.sessionID, signal));
}

function isoRoutes({ records, tasks, isos }: DiskRouteDeps): readonly Route[] {
  const path = "/rest/v1/ISO";
  const own = `${path}/{uuid}`;
  const done = async (verb: string, uuid: string, work: () => Promise<void>): Promise<Reply> => {
    await work();
    return result(await tasks.record({ description: `${verb} ISO`, objectUUID: uuid }));
  };
  return [
    ...readable("ISO", () => isos.list().map((iso) => shownIso(iso, records))),
    {
      method: "POST",
      path,
      needs: "vm-edit",
      body: { kind: "json", shape: { type: "ISO" } },
      handle: async ({ body }) => {
        const {
          name,
          size = 0,
          readyForInsert,
        } = body as Pick<ISO, "name" | "readyForInsert"> & Partial<ISO>;
        const uuid = await isos.create({ name, size, readyForInsert });
        const tag = await tasks.record({ description: "Create ISO", objectUUID: uuid });
        return result(tag, uuid);
      },
    },
    ...updatable("ISO", "vm-edit", async ({ params, body }) => {
      const { name, size, readyForInsert } = body as Partial<ISO>;
      const uuid = params["uuid"] ?? "";
      const change = {
        ...(name !== undefined && { name }),
        // Once there are bytes, they say how many they are.
        ...(size !== undefined && !isos.hasData(uuid) && { size }),
        ...(readyForInsert !== undefined && { readyForInsert }),
      };
      return await done("Update", uuid, async () => await isos.update(uuid, change));
    }),
    {
      method: "DELETE",
      path: own,
      needs: "vm-edit",
      body: noBody,
      handle: async ({ params }) => await removeIso(params["uuid"] ?? "", records, isos, done),
    },
    {
      method: "PUT",
      path: `${own}/data`,
      needs: "vm-edit",
      body: { kind: "upload" },
      handle: async ({ params, upload, signal }) => {
        if (upload === undefined) throw new Fault("invalid", "The body is the ISO");
        await isos.upload(params["uuid"] ?? "", upload.chunks, upload.lengthBytes, signal);
        return reply({});
      },
    },
  ];
}

async function removeIso(
  uuid: string,
  records: RecordStore,
  isos: IsoLibrary,
  done: (verb: string, uuid: string, work: () => Promise<void>) => Promise<Reply>,
): Promise<Reply> {
  if (isos.find(uuid) === undefined) return result("");
  const mounts = mountsOf(uuid, records);
  if (mounts.length > 0) throw new Fault("conflict", `The ISO is in a drive of VM '${mounts[0]?.vmName}'`);
  return await done("Delete", uuid, async () => {
    await records.change((changes) => isos.forget(changes, uuid));
    isos.removeFile(uuid);
  });
}

function shownDisk(disk: VirtualDiskRecord, layers: LayerStore): VSD {
  return {
    uuid: disk.uuid,
    name: disk.name,
    capacityBytes: disk.capacityBytes,
    totalAllocationBytes: layers.allocatedBytes(disk.layer),
    blockSize: 1 << 20,
    replicationFactor: 1,
  };
}

function shownIso({ uuid, name, size, readyForInsert }: IsoRecord, records: RecordStore): ISO {
  return { uuid, name, size, mounts: mountsOf(uuid, records), readyForInsert, path: `scribe/${uuid}` };
}

function mountsOf(uuid: string, records: RecordStore): ISO["mounts"] {
  return records
    .list<BlockDeviceRecord>(kinds.blockDevice)
    .filter(({ isoUUID }) => isoUUID === uuid)
    .map(({ virDomainUUID }) => ({
      vmUUID: virDomainUUID,
      vmName: records.find<VmRecord>(kinds.vm, virDomainUUID)?.name ?? "",
    }));
}

import type { BodyShape, Json } from "#api/hypercore/decode.ts";
import type {
  VirDomainActionDescription,
  VirDomainBlockDevice,
  VirDomainNetDevice,
  VirDomainSnapshotBlockDeviceCreateOptions,
} from "#api/hypercore/types.ts";
import { Fault } from "#base/fault.ts";
import type { Permission } from "#hypervisor/access/roles.ts";
import type { BlockDeviceService } from "#hypervisor/vms/block-device-service.ts";
import type { CloneService } from "#hypervisor/vms/clone-service.ts";
import type { NetDeviceService } from "#hypervisor/vms/net-device-service.ts";
import type { DomainBody } from "#hypervisor/vms/new-vm.ts";
import type { Power, PowerAction } from "#hypervisor/vms/power.ts";
import type { VmReader } from "#hypervisor/vms/vm-reader.ts";
import type { Begun, VmService } from "#hypervisor/vms/vm-service.ts";
import { readable, readableBy, updatable } from "./common-routes.ts";
import { noBody, type Reply, result, type Route } from "./route.ts";

export interface VmRouteDeps {
  readonly reader: VmReader;
  readonly vms: VmService;
  readonly power: Power;
  readonly clones: CloneService;
  readonly blockDevices: BlockDeviceService;
  readonly netDevices: NetDeviceService;
}

export const domain: BodyShape = { type: "VirDomain", isPartial: true };
/** What a new disk is to be; some clients misspell its cache mode. */
export const deviceTemplate: BodyShape = {
  type: "VirDomainBlockDevice",
  isPartial: true,
  tolerated: ["chacheMode"],
};
export const copyOptions: BodyShape = { type: "VirDomainSnapshotBlockDeviceCreateOptions", isPartial: true };

/** A request for a disk that begins as another one. */
export interface CopyBody {
  readonly template: Partial<VirDomainBlockDevice>;
  readonly options: Partial<VirDomainSnapshotBlockDeviceCreateOptions>;
}

/** Machines: made, changed, started, copied, removed. */
export function vmRoutes(deps: VmRouteDeps): readonly Route[] {
  const { reader, vms, power, clones } = deps;
  const path = "/rest/v1/VirDomain";
  const own = `${path}/{virDomainUUID}`;
  const uuidOf = (params: Readonly<Record<string, string>>) => params["virDomainUUID"] ?? "";
  return [
    ...readableBy(
      "VirDomain",
      "virDomainUUID",
      () => reader.list(),
      (uuid) => reader.find(uuid),
    ),
    {
      method: "POST",
      path,
      needs: "vm-edit",
      body: {
        kind: "json",
        shape: {
          members: {
            dom: { ...domain, isRequired: true },
            options: { type: "VirDomainCreateOptions", isPartial: true, isRequired: true },
          },
        },
      },
      handle: async ({ body, caller, signal }) => {
        const { dom, options } = body as { dom: DomainBody; options: Json };
        return begun(await vms.create(dom, options, caller.sessionID, signal));
      },
    },
    ...updatable(
      "VirDomain",
      "vm-edit",
      async ({ params, body, caller }) =>
        begun(await vms.update(uuidOf(params), body as DomainBody, caller.sessionID)),
      "virDomainUUID",
    ),
    {
      method: "DELETE",
      path: own,
      needs: "vm-delete",
      body: noBody,
      handle: async ({ params, caller }) => begun(await vms.remove(uuidOf(params), caller.sessionID)),
    },
    {
      method: "POST",
      path: `${path}/action`,
      needs: "vm-power",
      body: { kind: "list", shape: { type: "VirDomainActionDescription" } },
      handle: async ({ body, caller, signal }) =>
        result(
          await power.act(
            actionsOf(body as readonly Partial<VirDomainActionDescription>[]),
            caller.sessionID,
            signal,
          ),
        ),
    },
    {
      method: "POST",
      path: `${own}/clone`,
      needs: "vm-edit",
      body: {
        kind: "json",
        shape: { members: { snapUUID: { type: "string" }, template: domain } },
        isOptional: true,
      },
      handle: async ({ params, body, caller, signal }) => {
        const { snapUUID = "", template = {} } = body as { snapUUID?: string; template?: DomainBody };
        return begun(await clones.clone(uuidOf(params), snapUUID, template, caller.sessionID, signal));
      },
    },
    ...deviceRoutes({
      type: "VirDomainBlockDevice",
      needs: "vm-edit",
      list: () => reader.blockDevices(),
      create: async (body, session, signal) =>
        await deps.blockDevices.create(body as Partial<VirDomainBlockDevice>, session, signal),
      update: async (uuid, body, session, signal) =>
        await deps.blockDevices.update(uuid, body as Partial<VirDomainBlockDevice>, session, signal),
      remove: async (uuid, session) => await deps.blockDevices.remove(uuid, session),
    }),
    ...deviceRoutes({
      type: "VirDomainNetDevice",
      needs: "vm-edit",
      list: () => reader.netDevices(),
      create: async (body, session) =>
        await deps.netDevices.create(body as Partial<VirDomainNetDevice>, session),
      update: async (uuid, body, session, signal) =>
        await deps.netDevices.update(uuid, body as Partial<VirDomainNetDevice>, session, signal),
      remove: async (uuid, session) => await deps.netDevices.remove(uuid, session),
    }),
    {
      method: "POST",
      path: "/rest/v1/VirDomainBlockDevice/{uuid}/clone",
      needs: "vm-edit",
      body: {
        kind: "json",
        shape: {
          members: {
            options: { ...copyOptions, isRequired: true },
            snapUUID: { type: "string", isRequired: true },
            template: { ...deviceTemplate, isRequired: true },
          },
        },
      },
      handle: async ({ params, body, caller, signal }) => {
        const { snapUUID, template, options } = body as unknown as CopyBody & { readonly snapUUID: string };
        const uuid = params["uuid"] ?? "";
        const isReadOnly = options.readOnly === true;
        const { blockDevices } = deps;
        return begun(
          await blockDevices.clone(uuid, snapUUID, template, isReadOnly, caller.sessionID, signal),
        );
      },
    },
  ];
}

export function begun({ taskTag, createdUUID }: Begun): Reply {
  return result(taskTag, createdUUID);
}

interface DeviceKind {
  readonly type: string;
  readonly needs: Permission;
  readonly list: () => readonly { readonly uuid: string }[];
  readonly create: (body: Json, sessionID: string, signal: AbortSignal) => Promise<Begun>;
  readonly update: (uuid: string, body: Json, sessionID: string, signal: AbortSignal) => Promise<Begun>;
  readonly remove: (uuid: string, sessionID: string) => Promise<Begun>;
}

function deviceRoutes(kind: DeviceKind): readonly Route[] {
  const path = `/rest/v1/${kind.type}`;
  const own = `${path}/{uuid}`;
  const { needs } = kind;
  return [
    ...readable(kind.type, kind.list),
    {
      method: "POST",
      path,
      needs,
      body: { kind: "json", shape: { type: kind.type } },
      handle: async ({ body, caller, signal }) =>
        begun(await kind.create(body as Json, caller.sessionID, signal)),
    },
    ...updatable(kind.type, needs, async ({ params, body, caller, signal }) =>
      begun(await kind.update(params["uuid"] ?? "", body as Json, caller.sessionID, signal)),
    ),
    {
      method: "DELETE",
      path: own,
      needs,
      body: noBody,
      handle: async ({ params, caller }) => begun(await kind.remove(params["uuid"] ?? "", caller.sessionID)),
    },
  ];
}

function actionsOf(body: readonly Partial<VirDomainActionDescription>[]): readonly PowerAction[] {
  return body.map(({ virDomainUUID = "", actionType, nodeUUID = "" }) => {
    if (actionType === undefined) throw new Fault("invalid", "Missing required property 'actionType'");
    return { virDomainUUID, actionType, nodeUUID };
  });
}

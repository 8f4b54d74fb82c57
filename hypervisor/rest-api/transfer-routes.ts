import type { BlockInterval } from "#hypervisor/vms/changed-blocks.ts";
import type { ExportService, ExportTarget } from "#hypervisor/vms/export-service.ts";
import type { ImportService, ImportSource } from "#hypervisor/vms/import-service.ts";
import type { DomainBody } from "#hypervisor/vms/new-vm.ts";
import type { MemberShape } from "#api/hypercore/decode.ts";
import { reply, type Route } from "./route.ts";
import { begun, domain } from "./vm-routes.ts";

export interface TransferRouteDeps {
  readonly exports: ExportService;
  readonly imports: ImportService;
  readonly changedBlocks: (
    uuid: string,
    serials: readonly [number, number],
    signal: AbortSignal,
  ) => Promise<readonly BlockInterval[]>;
}

const isWhole = { isRequired: true, isPartial: true } as const;

/** Machines to and from elsewhere, and what backups ask. */
export function transferRoutes(deps: TransferRouteDeps): readonly Route[] {
  return [
    {
      method: "POST",
      path: "/rest/v1/VirDomain/import",
      needs: "backup",
      body: json({ source: { type: "VirDomainImportSource", ...isWhole }, template: domain }),
      handle: async ({ body, caller }) => {
        const { source, template = {} } = body as { source: ImportSource; template?: DomainBody };
        return begun(await deps.imports.import(withUri(source), template, caller.sessionID));
      },
    },
    {
      method: "POST",
      path: "/rest/v1/VirDomain/{virDomainUUID}/export",
      needs: "backup",
      body: json({
        target: { type: "VirDomainExportTarget", ...isWhole },
        snapUUID: { type: "string" },
        template: domain,
      }),
      handle: async ({ params, body, caller }) => {
        const {
          target,
          snapUUID = "",
          template = {},
        } = body as {
          target: ExportTarget;
          snapUUID?: string;
          template?: DomainBody;
        };
        const uuid = params["virDomainUUID"] ?? "";
        return begun(await deps.exports.export(uuid, snapUUID, withUri(target), template, caller.sessionID));
      },
    },
    {
      method: "POST",
      path: "/rest/v1/VirDomainBlockDevice/{uuid}/snapDiff",
      needs: "backup",
      body: json({ snapshotSerialFrom: { type: "integer" }, snapshotSerialTo: { type: "integer" } }),
      handle: async ({ params, body, signal }) => {
        const { snapshotSerialFrom: from = 0, snapshotSerialTo: to = 0 } = body as Readonly<
          Partial<Record<"snapshotSerialFrom" | "snapshotSerialTo", number>>
        >;
        return reply(await deps.changedBlocks(params["uuid"] ?? "", [from, to], signal));
      },
    },
  ];
}

function json(members: Readonly<Record<string, MemberShape>>): Route["body"] {
  return { kind: "json", shape: { members } };
}

function withUri<T extends { readonly pathURI?: string }>(given: T): T & { readonly pathURI: string } {
  return { ...given, pathURI: given.pathURI ?? "" };
}

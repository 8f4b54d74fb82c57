import type { VmStats } from "#hypervisor/vms/stats.ts";
import { noBody, reply, type Route } from "./route.ts";

export function statsRoutes(stats: VmStats): readonly Route[] {
  return [
    {
      method: "GET",
      path: "/rest/v1/VirDomainStats",
      needs: "read",
      body: noBody,
      handle: async ({ signal }) => reply(await stats.list(signal)),
    },
    {
      method: "GET",
      path: "/rest/v1/VirDomainStats/{virDomainUUID}",
      needs: "read",
      body: noBody,
      handle: async ({ params, signal }) => {
        const all = await stats.list(signal);
        return reply(all.filter(({ uuid }) => uuid === params["virDomainUUID"]));
      },
    },
  ];
}

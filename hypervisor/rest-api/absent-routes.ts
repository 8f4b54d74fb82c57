import { Fault } from "#base/fault.ts";
import type { Permission } from "#hypervisor/access/roles.ts";
import { readable } from "./common-routes.ts";
import { noBody, reply, type Route } from "./route.ts";

/** Collections of what one host does not have: accelerators, other clusters, updates that come from elsewhere. */
const empty = ["GPU", "GPUProfile", "RemoteClusterConnection", "ClusterRegistrationData", "Update"];

/** Operations that nobody does here, with what is said of them. */
const refused: readonly (readonly [path: string, needs: Permission, reason: string])[] = [
  // Clients know the beginning of this text.
  [
    "/rest/v1/AlertEmailTarget/{uuid}/test",
    "cluster-settings",
    "There was an error sending alert to the target: no mail is sent from here",
  ],
];

/** What is answered as the real product does when a feature is absent. */
export function absentRoutes(): readonly Route[] {
  return [
    ...empty.flatMap((type) => readable(type, () => [])),
    ...refused.map(
      ([path, needs, reason]): Route => ({
        method: "POST",
        path,
        needs,
        body: noBody,
        handle: () => {
          throw new Fault("not-implemented", reason);
        },
      }),
    ),
    {
      method: "POST",
      path: "/rest/v1/Update/{uuid}/apply",
      needs: "cluster-settings",
      body: { kind: "json", shape: { members: {} }, isOptional: true },
      handle: ({ params }) => {
        throw new Fault("invalid", `There is no update ${params["uuid"] ?? ""}`);
      },
    },
    {
      method: "GET",
      path: "/update/update_status.json",
      needs: "open",
      body: noBody,
      handle: () => {
        throw new Fault("not-found", "Never updated");
      },
    },
    {
      method: "GET",
      path: "/support-api/check",
      needs: "read",
      body: noBody,
      handle: () => reply({ tunnelOpen: false }),
    },
    {
      method: "GET",
      path: "/support-api/open",
      needs: "cluster-settings",
      body: noBody,
      query: ["code", "user"],
      handle: () => {
        throw new Fault("not-implemented", "There is no support tunnel");
      },
    },
    {
      method: "GET",
      path: "/support-api/close",
      needs: "cluster-settings",
      body: noBody,
      query: ["user"],
      handle: () => reply({ tunnelOpen: false }),
    },
  ];
}

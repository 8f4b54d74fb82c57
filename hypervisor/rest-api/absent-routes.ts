import { Fault } from "#base/fault.ts";
import { readable } from "./common-routes.ts";
import { noBody, reply, type Route } from "./route.ts";

/** Collections of what one host does not have: accelerators, other clusters, updates that come from elsewhere. */
const empty = ["GPU", "GPUProfile", "RemoteClusterConnection", "ClusterRegistrationData", "Update"];

/** What is answered as the real product does when a feature is absent. */
export function absentRoutes(): readonly Route[] {
  return [
    ...empty.flatMap((type) => readable(type, () => [])),
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

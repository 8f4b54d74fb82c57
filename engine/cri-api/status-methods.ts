import { cgroupDriver } from "#api/cri/messages.ts";
import type { runtimeService } from "#api/cri/services.ts";
import { isAtLeast, kernelWith } from "#host/facts.ts";
import type { CriDeps } from "./cri-deps.ts";
import type { Answers } from "./methods.ts";

type StatusMethods = "version" | "status" | "runtimeConfig" | "updateRuntimeConfig";

/** @see kubernetes/cri-api, runtime.v1 RuntimeService */
export function statusMethods(deps: CriDeps): Pick<Answers<typeof runtimeService>, StatusMethods> {
  const { pods, host, version, handlers } = deps;
  const features = {
    recursiveReadOnlyMounts: isAtLeast(host.kernel, kernelWith.recursiveReadOnly),
    userNamespaces: isAtLeast(host.kernel, kernelWith.mappedOverlays),
  };
  return {
    version: () => ({
      version: "0.1.0",
      runtimeName: "gantry",
      runtimeVersion: version,
      runtimeApiVersion: "v1",
    }),
    status: ({ verbose }) => ({
      status: {
        conditions: [
          { type: "RuntimeReady", status: true },
          { type: "NetworkReady", status: true },
        ],
      },
      runtimeHandlers: ["", ...handlers].map((name) => ({ name, features })),
      features: { supplementalGroupsPolicy: true },
      ...(verbose && { info: new Map([["config", JSON.stringify(infoOf(deps))]]) }),
    }),
    runtimeConfig: () => ({ linux: { cgroupDriver: cgroupDriver.CGROUPFS } }),
    updateRuntimeConfig: async ({ runtimeConfig }) => {
      const cidrs = runtimeConfig?.networkConfig?.podCidr ?? "";
      // Of two families the first that is IPv4.
      const cidr = cidrs.split(",").find((each) => each !== "" && !each.includes(":"));
      if (cidr !== undefined) await pods.network.use(cidr.trim());
      return {};
    },
  };
}

function infoOf({ pods, host, snapshotRoot, handlers }: CriDeps): object {
  return {
    podCIDR: pods.network.cidr,
    cgroupVersion: host.cgroup.kind,
    snapshots: snapshotRoot,
    handlers,
  };
}

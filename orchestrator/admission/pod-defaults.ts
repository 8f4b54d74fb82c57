import type { Pod, Toleration } from "#api/kube/types/core-pods.ts";
import type { Node } from "#api/kube/types/core.ts";
import type { AdmissionPlugin } from "./plugin.ts";
import { isCreate, isFor, objectOf } from "./support.ts";

const TOLERATED_S = 300;

/** Pods stay five minutes on a node that is not ready or cannot be reached, unless they say otherwise. */
export const defaultTolerationSeconds: AdmissionPlugin = {
  name: "DefaultTolerationSeconds",
  async admit(request) {
    if (!isFor(request, "pods") || request.object === undefined) return;
    const { spec } = objectOf<Pod>(request);
    for (const condition of ["not-ready", "unreachable"]) {
      const key = `node.kubernetes.io/${condition}`;
      if ((spec.tolerations ?? []).some((toleration) => isAbout(toleration, key))) continue;
      (spec.tolerations ??= []).push({
        key,
        operator: "Exists",
        effect: "NoExecute",
        tolerationSeconds: TOLERATED_S,
      });
    }
  },
};

function isAbout({ key = "", effect }: Toleration, wanted: string): boolean {
  return (
    (key === wanted || key === "") &&
    (effect === undefined || (effect as string) === "" || effect === "NoExecute")
  );
}

/** Off by default: pods that ask for resources of devices tolerate the taints of the nodes that have them. */
export const extendedResourceToleration: AdmissionPlugin = {
  name: "ExtendedResourceToleration",
  async admit(request) {
    if (!isFor(request, "pods") || request.object === undefined) return;
    const { spec } = objectOf<Pod>(request);
    const names = [...spec.containers, ...(spec.initContainers ?? [])].flatMap(({ resources }) =>
      Object.keys(resources?.requests ?? {}).filter(isExtended),
    );
    for (const key of new Set(names)) {
      const tolerations = (spec.tolerations ??= []);
      if (
        !tolerations.some((one) => one.key === key && one.operator === "Exists" && one.effect === undefined)
      )
        tolerations.push({ key, operator: "Exists" });
    }
  },
};

/** Neither the API's own nor a quota's name. */
function isExtended(resource: string): boolean {
  return resource.includes("/") && !resource.includes("kubernetes.io/") && !resource.startsWith("requests.");
}

/** A new node takes no pods until a controller has seen that it is ready. */
export const taintNodesByCondition: AdmissionPlugin = {
  name: "TaintNodesByCondition",
  async admit(request) {
    if (!isCreate(request, "nodes")) return;
    const node = objectOf<Node>(request);
    const spec = (node.spec ??= {});
    const taints = (spec.taints ??= []);
    const taint = { key: "node.kubernetes.io/not-ready", effect: "NoSchedule" } as const;
    if (!taints.some(({ key, effect }) => key === taint.key && effect === taint.effect)) taints.push(taint);
  },
};

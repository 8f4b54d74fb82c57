import { isDeepStrictEqual } from "node:util";
import type { Pod } from "#api/kube/types/core-pods.ts";
import type { RuntimeClass } from "#api/kube/types/node.ts";
import type { AdmissionPlugin } from "./plugin.ts";
import { type AdmissionDeps, findFresh, isCreate, type Mutable, objectOf, refuse } from "./support.ts";

/** Pods get what their runtime class costs and where it can run. */
export function runtimeClass(deps: AdmissionDeps): AdmissionPlugin {
  return {
    name: "RuntimeClass",
    async admit(request, signal) {
      if (!isCreate(request, "pods")) return;
      const { spec } = objectOf<Pod>(request);
      const name = spec.runtimeClassName ?? "";
      const found =
        name === ""
          ? undefined
          : await findFresh<RuntimeClass>(deps, "runtimeclasses.node.k8s.io", undefined, name, signal);
      if (name !== "" && found === undefined)
        throw refuse(request, `pod rejected: RuntimeClass ${JSON.stringify(name)} not found`);
      const overhead = found?.overhead?.podFixed;
      const isSet = Object.keys(spec.overhead ?? {}).length > 0;
      if (isSet && overhead === undefined)
        throw refuse(
          request,
          "pod rejected: Pod Overhead set without corresponding RuntimeClass defined Overhead",
        );
      if (isSet && !isDeepStrictEqual({ ...spec.overhead }, { ...overhead }))
        throw refuse(request, "pod rejected: Pod's Overhead doesn't match RuntimeClass's defined Overhead");
      if (overhead !== undefined) spec.overhead = { ...overhead };
      const conflict = found === undefined ? undefined : schedule(spec, found);
      if (conflict !== undefined) throw refuse(request, conflict);
    },
  };
}

/** What is wrong, when the pod wants to be elsewhere. */
function schedule(spec: Mutable<Pod>["spec"], { scheduling = {} }: RuntimeClass): string | undefined {
  const { nodeSelector = {}, tolerations = [] } = scheduling;
  for (const [key, value] of Object.entries(nodeSelector)) {
    const own = spec.nodeSelector?.[key];
    if (own !== undefined && own !== value)
      return `conflict: runtimeClass.scheduling.nodeSelector[${key}] = ${value}; pod.spec.nodeSelector[${key}] = ${own}`;
  }
  if (Object.keys(nodeSelector).length > 0) spec.nodeSelector = { ...spec.nodeSelector, ...nodeSelector };
  for (const toleration of tolerations)
    if (!(spec.tolerations ?? []).some((own) => isDeepStrictEqual({ ...own }, { ...toleration })))
      (spec.tolerations ??= []).push({ ...toleration });
  return undefined;
}

import type { Pod } from "#api/kube/types/core-pods.ts";
import { pods } from "#client/kube/resources.ts";
import type { IndexedCache } from "#orchestrator/informers/indexed-cache.ts";
import type { ControllerDeps } from "../controller-deps.ts";

/** The index of {@link podsByNode}. */
export const nodeIndex = "node";

/** The pods, to be found by the node that they are on. */
export function podsByNode({ informers }: Pick<ControllerDeps, "informers">): IndexedCache<Pod> {
  const { cache } = informers.of(pods);
  cache.addIndex(nodeIndex, ({ spec }) => (spec.nodeName === undefined ? [] : [spec.nodeName]));
  return cache;
}

import { reasons } from "./filters.ts";
import { affinityReasons } from "./pod-affinity.ts";
import { spreadReasons } from "./topology-spread.ts";
import { volumeReasons } from "./volumes.ts";

/** What may let a pod have a node that had none. */
export type Happening = "node" | "pod-gone" | "pod-placed" | "volume";

const ofNodesOnly: ReadonlySet<string> = new Set([
  "none",
  reasons.unschedulable,
  reasons.name,
  reasons.taint,
  reasons.nodeAffinity,
  spreadReasons.label,
]);
const ofVolumes: ReadonlySet<string> = new Set(Object.values(volumeReasons));
const ofOthers: ReadonlySet<string> = new Set([affinityReasons.affinity, spreadReasons.skew]);

/** Whether it may help a pod that no node did for, for these reasons. */
export function helpsAfter(what: Happening, why: ReadonlySet<string>): boolean {
  if (why.has("gated")) return false;
  switch (what) {
    case "node":
      return true;
    case "pod-gone":
      return some(why, (reason) => !ofNodesOnly.has(reason) && !isOfVolumes(reason));
    case "pod-placed":
      return some(why, (reason) => ofOthers.has(reason));
    case "volume":
      return some(why, isOfVolumes);
    default:
      return what satisfies never;
  }
}

function isOfVolumes(reason: string): boolean {
  return ofVolumes.has(reason) || reason.startsWith("persistentvolume");
}

function some(all: ReadonlySet<string>, holds: (reason: string) => boolean): boolean {
  for (const each of all) if (holds(each)) return true;
  return false;
}

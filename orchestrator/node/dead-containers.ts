import type { RuntimeContainer, RuntimePod } from "./runtime-pod.ts";

/** By name, the newest first. */
export function latestFirst({ containers }: RuntimePod): ReadonlyMap<string, readonly RuntimeContainer[]> {
  return Map.groupBy(containers, ({ name }) => name);
}

/** Of each name all that have ended, but for the newest of all and the one before it. */
export function removableContainers(
  byName: ReadonlyMap<string, readonly RuntimeContainer[]>,
): readonly RuntimeContainer[] {
  return [...byName.values()].flatMap((all) =>
    all.slice(2).filter(({ state }) => state === "exited" || state === "created"),
  );
}

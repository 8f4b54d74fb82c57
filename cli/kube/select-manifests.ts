import { matchesLabels, parseLabelSelector } from "#orchestrator/machinery/label-selector.ts";
import type { Manifest } from "./manifests.ts";

/** Those whose labels are selected; all of them without a selector. */
export function selectManifests(
  manifests: readonly Manifest[],
  selector: string | undefined,
): readonly Manifest[] {
  if (selector === undefined) return manifests;
  const requirements = parseLabelSelector(selector);
  return manifests.filter(({ object }) => matchesLabels(requirements, object.metadata?.labels ?? {}));
}

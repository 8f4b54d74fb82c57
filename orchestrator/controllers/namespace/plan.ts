import type { NamespaceCondition } from "#api/kube/types/core.ts";
import { timeText } from "#orchestrator/machinery/time-text.ts";

/** How far the deletion of a namespace's content has come. */
export interface Progress {
  readonly discoveryFailures: readonly string[];
  readonly deletionFailures: readonly string[];
  /** How many there still are, by resource, e.g. `pods.`. */
  readonly remaining: ReadonlyMap<string, number>;
  /** How many are kept by a finalizer. */
  readonly finalizers: ReadonlyMap<string, number>;
}

export function isContentGone({ discoveryFailures, deletionFailures, remaining }: Progress): boolean {
  return discoveryFailures.length + deletionFailures.length + remaining.size === 0;
}

/** What a namespace that is being deleted says about it. */
export function planConditions(
  before: readonly NamespaceCondition[],
  { discoveryFailures, deletionFailures, remaining, finalizers }: Progress,
  nowMs: number,
): readonly NamespaceCondition[] {
  const wanted: readonly Omit<NamespaceCondition, "lastTransitionTime">[] = [
    discoveryFailures.length > 0
      ? {
          type: "NamespaceDeletionDiscoveryFailure",
          status: "True",
          reason: "DiscoveryFailed",
          message: `Discovery failed for some groups, ${discoveryFailures.length} failing: ${discoveryFailures.join(", ")}`,
        }
      : {
          type: "NamespaceDeletionDiscoveryFailure",
          status: "False",
          reason: "ResourcesDiscovered",
          message: "All resources successfully discovered",
        },
    {
      type: "NamespaceDeletionGroupVersionParsingFailure",
      status: "False",
      reason: "ParsedGroupVersions",
      message: "All legacy kube types successfully parsed",
    },
    deletionFailures.length > 0
      ? {
          type: "NamespaceDeletionContentFailure",
          status: "True",
          reason: "ContentDeletionFailed",
          message: `Failed to delete all resource types, ${deletionFailures.length} remaining: ${deletionFailures.join(", ")}`,
        }
      : {
          type: "NamespaceDeletionContentFailure",
          status: "False",
          reason: "ContentDeleted",
          message: "All content successfully deleted, may be waiting on finalization",
        },
    remaining.size > 0
      ? {
          type: "NamespaceContentRemaining",
          status: "True",
          reason: "SomeResourcesRemain",
          message: `Some resources are remaining: ${listed(remaining, "has", "resource instances")}`,
        }
      : {
          type: "NamespaceContentRemaining",
          status: "False",
          reason: "ContentRemoved",
          message: "All content successfully removed",
        },
    finalizers.size > 0
      ? {
          type: "NamespaceFinalizersRemaining",
          status: "True",
          reason: "SomeFinalizersRemain",
          message: `Some content in the namespace has finalizers remaining: ${listed(finalizers, "in", "resource instances")}`,
        }
      : {
          type: "NamespaceFinalizersRemaining",
          status: "False",
          reason: "ContentHasNoFinalizers",
          message: "All content-preserving finalizers finished",
        },
  ];
  return wanted.map((condition) => {
    const known = before.find(({ type }) => type === condition.type);
    const isSame = known?.status === condition.status;
    const since = isSame ? known?.lastTransitionTime : undefined;
    return { ...condition, lastTransitionTime: since ?? timeText(nowMs) };
  });
}

function listed(counts: ReadonlyMap<string, number>, verb: string, noun: string): string {
  return [...counts]
    .map(([name, count]) => `${name} ${verb} ${count} ${noun}`)
    .toSorted()
    .join(", ");
}

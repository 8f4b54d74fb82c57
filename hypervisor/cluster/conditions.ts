import type { Condition } from "#api/hypercore/types.ts";
import type { NodeFacts } from "./node-facts.ts";

export interface ConditionFilter {
  /** A regular expression. */
  readonly name?: RegExp;
  readonly nodeUUIDs: readonly string[];
  readonly includeSet?: boolean;
  readonly includeNotOK?: boolean;
  readonly includeTags: readonly string[];
  readonly excludeTags: readonly string[];
}

const lowSpacePart = 0.15;
const lowMemoryPart = 0.05;

/**
 * What may be wrong with the node. A condition is set when it is; one that is set is not OK.
 *
 * @param since when each condition, by name, became what it is, in milliseconds; kept by the caller
 */
export function conditionsOf(
  facts: NodeFacts,
  node: { readonly uuid: string; readonly hasVirtualization: boolean },
  nowMs: number,
  since: Map<string, { readonly value: boolean; readonly atMs: number }>,
): readonly Condition[] {
  const free = facts.capacityBytes - facts.usedBytes;
  const found = [
    ["NodeStorageLow", "Little space is left for disks", free < facts.capacityBytes * lowSpacePart],
    ["NodeMemoryLow", "Little memory is left", facts.freeMemBytes < facts.memBytes * lowMemoryPart],
    ["NodeVirtualizationOffline", "Machines run without hardware virtualization", !node.hasVirtualization],
  ] as const;
  return found.map(([name, description, value]) => {
    const before = since.get(name);
    const atMs = before?.value === value ? before.atMs : nowMs;
    since.set(name, { value, atMs });
    return {
      name,
      description,
      value,
      nodeUUID: node.uuid,
      nodeLANIP: facts.lanIP,
      nodeBackplaneIP: facts.lanIP,
      modified: atMs,
      userVisible: true,
      techNotes: "",
      pollInterval: 0,
      expirationInterval: 0,
      setDelay: 0,
      clearDelay: 0,
      lastSetTime: value ? atMs : 0,
      lastClearTime: value ? 0 : atMs,
      guaranteedValidTime: nowMs,
      isExpired: false,
      lastPollFailed: false,
      isInitialized: true,
      isOK: !value,
      severity: value ? "WARNING" : "INFO",
      tags: ["node"],
    };
  });
}

export function filterConditions(all: readonly Condition[], filter: ConditionFilter): readonly Condition[] {
  return all.filter(
    (condition) =>
      (filter.name?.test(condition.name) ?? true) &&
      (filter.nodeUUIDs.length === 0 || filter.nodeUUIDs.includes(condition.nodeUUID)) &&
      (isEitherWanted(filter) ? isWanted(condition, filter) : true) &&
      (filter.includeTags.length === 0 || condition.tags.some((tag) => filter.includeTags.includes(tag))) &&
      !condition.tags.some((tag) => filter.excludeTags.includes(tag)),
  );
}

function isEitherWanted({ includeSet, includeNotOK }: ConditionFilter): boolean {
  return includeSet === true || includeNotOK === true;
}

function isWanted(condition: Condition, { includeSet, includeNotOK }: ConditionFilter): boolean {
  return (includeSet === true && condition.value) || (includeNotOK === true && !condition.isOK);
}

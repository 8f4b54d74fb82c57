import type { Pod } from "#api/kube/types/core-pods.ts";
import { formatQuantity, parseQuantity, quantityOf, wholeUnits } from "#orchestrator/machinery/quantity.ts";
import { isStatic } from "../pod.ts";
import { amountOf, type Signal, signals, type Threshold } from "./thresholds.ts";

/** What there is of something, and what is left of it, in bytes or by number. */
export interface Room {
  readonly capacity: number;
  readonly available: number;
}

export interface Shortage {
  readonly threshold: Threshold;
  readonly available: number;
  readonly leastAvailable: number;
}

/** What there is too little of; what cannot be measured is taken to be enough. */
export function shortages(
  thresholds: readonly Threshold[],
  rooms: Partial<Readonly<Record<Signal, Room>>>,
): readonly Shortage[] {
  return thresholds.flatMap((threshold) => {
    const room = rooms[threshold.signal];
    if (room === undefined || room.capacity <= 0) return [];
    const leastAvailable = amountOf(threshold, room.capacity);
    return room.available < leastAvailable ? [{ threshold, available: room.available, leastAvailable }] : [];
  });
}

/** How much of what is scarce a container has taken. */
export interface ContainerUse {
  readonly name: string;
  readonly bytes: number;
}

export interface Candidate {
  readonly pod: Pod;
  readonly containers: readonly ContainerUse[];
}

const criticalPriority = 2_000_000_000;

/** Whether the node does without nothing rather than without this pod. */
export function isCritical(pod: Pod): boolean {
  return isStatic(pod) || (pod.spec?.priority ?? 0) >= criticalPriority;
}

/**
 * Which pod is to go first: of those that use more than they asked for the one of the least priority, of these the one that uses
 * the most beyond that. Critical ones stay.
 */
export function chooseVictim(candidates: readonly Candidate[], resource: string): Candidate | undefined {
  const excess = ({ pod, containers }: Candidate) =>
    containers.reduce((sum, { bytes }) => sum + bytes, 0) - requestedBy(pod, resource);
  const priority = ({ pod }: Candidate) => pod.spec?.priority ?? 0;
  return candidates
    .filter(({ pod }) => !isCritical(pod))
    .toSorted(
      (a, b) =>
        Number(excess(b) > 0) - Number(excess(a) > 0) || priority(a) - priority(b) || excess(b) - excess(a),
    )[0];
}

function requestedBy(pod: Pod, resource: string): number {
  return (pod.spec?.containers ?? []).reduce((sum, { name }) => sum + requestOf(pod, name, resource), 0);
}

function requestOf(pod: Pod, name: string, resource: string): number {
  const text = pod.spec?.containers.find((each) => each.name === name)?.resources?.requests?.[resource];
  return text === undefined ? 0 : wholeUnits(parseQuantity(text));
}

/** Why the pod goes, in upstream's words. */
export function evictionMessage(
  { threshold, available, leastAvailable }: Shortage,
  { pod, containers }: Candidate,
): string {
  const { resource } = signals[threshold.signal];
  const amount = resource === "inodes" || resource === "pids" ? String : bytesText;
  const larger = containers
    .filter(({ name, bytes }) => bytes > requestOf(pod, name, resource))
    .map(({ name, bytes }) => {
      const request = requestOf(pod, name, resource);
      return `Container ${name} was using ${amount(bytes)}, request is ${amount(request)}, has larger consumption of ${resource}. `;
    });
  const least = threshold.text.endsWith("%") ? amount(Math.floor(leastAvailable)) : threshold.text;
  const low = `The node was low on resource: ${resource}. Threshold quantity: ${least}, available: ${amount(available)}. `;
  return low + larger.join("");
}

function bytesText(bytes: number): string {
  return formatQuantity(quantityOf(Math.floor(bytes / 1024) * 1024, "BinarySI"));
}

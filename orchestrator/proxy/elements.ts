import { formatSubnet, isWithin, parseCidr } from "#base/cidr.ts";
import type { Frontend, Target } from "./frontends.ts";
import {
  type Masquerade,
  numberText,
  refuseVerdict,
  type SetName,
  type Space,
  verdictOf,
} from "./ruleset.ts";

/** An element of a set or map of the table. */
export interface Element {
  readonly set: SetName;
  readonly key: string;
  /** Empty in a set. */
  readonly data: string;
}

/** What has to be kept about a service from one plan to the next: whatever stays stays where it is. */
export interface Memory {
  /** Which target is in which place, by the place where they are used. */
  readonly slots: ReadonlyMap<string, readonly string[]>;
  /** The numbers of targets that clients stay with. */
  readonly ids: ReadonlyMap<string, number>;
}

export const noMemory: Memory = { slots: new Map(), ids: new Map() };

export interface ElementPlan {
  readonly elements: readonly Element[];
  readonly memory: Memory;
}

export interface ElementFacts {
  /** Never the same twice as long as the table lives: a client's memory of a target that is gone must not find another. */
  readonly nextId: () => number;
  /** Services whose address and port are this node's own: somebody listens there. */
  readonly isOwn: (address: string, port: number) => boolean;
}

/**
 * Where those of before stay in their places, the places of those that are gone are taken by new ones, then by the last: a change
 * of one target is a change of one place or two.
 */
export function arrange(before: readonly string[], wanted: ReadonlySet<string>): readonly string[] {
  const fresh = [...wanted].filter((target) => !before.includes(target));
  const slots = before.map((target) => (wanted.has(target) ? target : fresh.shift()));
  slots.push(...fresh);
  for (let at = 0; at < slots.length; at++) {
    while (slots.length > 0 && slots.at(-1) === undefined) slots.pop();
    if (at < slots.length && slots[at] === undefined) slots[at] = slots.pop();
  }
  return slots.filter((target) => target !== undefined);
}

/** All elements of a service. */
export function elementsOf(frontends: readonly Frontend[], before: Memory, facts: ElementFacts): ElementPlan {
  const planner = new Planner(before, facts);
  for (const frontend of frontends) planner.add(frontend);
  return { elements: planner.elements, memory: { slots: planner.slots, ids: planner.ids } };
}

class Planner {
  readonly elements: Element[] = [];
  readonly slots = new Map<string, readonly string[]>();
  readonly ids = new Map<string, number>();
  readonly #before: Memory;
  readonly #facts: ElementFacts;

  constructor(before: Memory, facts: ElementFacts) {
    this.#before = before;
    this.#facts = facts;
  }

  add(frontend: Frontend): void {
    const { clusterIp, port, protocol, nodePort, everywhere, here } = frontend;
    const { isInternalLocal } = frontend;
    for (const { address } of everywhere) this.#put("hairpin", `${address} . ${address}`);
    if (this.#facts.isOwn(clusterIp, port)) return;
    this.#put("cluster_ips", clusterIp);
    const at = (address: string) => `${address} . ${protocol} . ${port}`;
    if (everywhere.length === 0) this.#put("refused", at(clusterIp), refuseVerdict);
    else if (!isInternalLocal) this.#route("services", at(clusterIp), everywhere, "foreign", frontend);
    else if (here.length > 0) this.#route("services", at(clusterIp), here, "foreign", frontend);
    else this.#put("refused", at(clusterIp), "drop");
    for (const address of frontend.externals)
      this.#open("services", "outside", "refused", at(address), frontend);
    if (nodePort > 0) {
      const key = `${protocol} . ${nodePort}`;
      this.#open("nodes", "outside_nodes", "refused_nodes", key, frontend);
    }
    for (const address of frontend.guarded) {
      this.#put("guarded", at(address));
      for (const range of withoutContained(frontend.sourceRanges))
        this.#put("allowed", `${at(address)} . ${range}`);
    }
  }

  /** Something that the world may use: an address or a port of the node. */
  #open(
    space: "services" | "nodes",
    outside: "outside" | "outside_nodes",
    refused: "refused" | "refused_nodes",
    key: string,
    frontend: Frontend,
  ): void {
    const { everywhere, here, isExternalLocal } = frontend;
    if (everywhere.length === 0) return this.#put(refused, key, refuseVerdict);
    this.#route(space, key, everywhere, isExternalLocal ? "foreign" : "all", frontend);
    if (!isExternalLocal) return;
    if (here.length > 0) this.#route(outside, key, here, "none", frontend);
    else this.#put(outside, key, "drop");
  }

  #route(
    space: Space,
    key: string,
    targets: readonly Target[],
    masquerade: Masquerade,
    { affinitySeconds }: Frontend,
  ): void {
    const place = `${space} ${key}`;
    const wanted = new Set(targets.map(({ address, port }) => `${address} . ${port}`));
    const slots = arrange(this.#before.slots.get(place) ?? [], wanted);
    this.slots.set(place, slots);
    this.#put(space, key, verdictOf({ space, masquerade, count: slots.length, affinitySeconds }));
    for (const [slot, target] of slots.entries()) {
      if (affinitySeconds === 0) this.#put(`${space}_targets`, `${key} . ${numberText(slot)}`, target);
      else this.#put(`${space}_ids`, `${key} . ${numberText(slot)}`, this.#idOf(target));
    }
  }

  #idOf(target: string): string {
    const id = this.ids.get(target) ?? this.#before.ids.get(target) ?? this.#facts.nextId();
    this.ids.set(target, id);
    const text = numberText(id);
    this.#put("by_id", text, target);
    return text;
  }

  #put(set: SetName, key: string, data = ""): void {
    this.elements.push({ set, key, data });
  }
}

/** Ranges that no other of them contains: the kernel takes no overlapping ones. */
export function withoutContained(ranges: readonly string[]): readonly string[] {
  return ranges
    .map((range) => parseCidr(range).subnet)
    .toSorted((a, b) => a.prefix - b.prefix)
    .filter((one, at, all) => !all.slice(0, at).some((other) => isWithin(one, other)))
    .map(formatSubnet);
}

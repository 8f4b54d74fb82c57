import type { Node } from "#api/kube/types/core.ts";
import type { HostPort, PodInfo } from "./pod-info.ts";
import { amountsOf, milli, type ResourceNames } from "./resources.ts";

/** A node and what is on it. Amounts are by the numbers of {@link ResourceNames}. */
export class NodeInfo {
  readonly name: string;
  readonly pods = new Map<string, PodInfo>();
  /** Those of {@link pods} that keep others away. */
  readonly antiAffine = new Set<PodInfo>();
  readonly affine = new Set<PodInfo>();
  readonly #names: ResourceNames;
  #node: Node | undefined;
  allocatable: number[] = [0, 0, 0];
  mostPods = 0;
  readonly requested: number[] = [0, 0, 0];
  readonly scored: number[] = [0, 0, 0];
  #imageSizes: Map<string, number> | undefined;

  constructor(name: string, names: ResourceNames) {
    this.name = name;
    this.#names = names;
  }

  /** Undefined when only pods of it are known. */
  get node(): Node | undefined {
    return this.#node;
  }

  set node(node: Node | undefined) {
    this.#node = node;
    const amounts = node?.status?.allocatable;
    this.allocatable = amountsOf(amounts, this.#names);
    this.mostPods = amounts?.["pods"] === undefined ? 0 : milli(amounts["pods"]) / 1000;
    this.#imageSizes = undefined;
  }

  add(pod: PodInfo): void {
    this.remove(pod.key);
    this.pods.set(pod.key, pod);
    this.#count(pod, 1);
    if (pod.antiAffinity.length > 0) this.antiAffine.add(pod);
    if (pod.affinity.length + pod.preferredAffinity.length + pod.preferredAntiAffinity.length > 0)
      this.affine.add(pod);
  }

  remove(key: string): PodInfo | undefined {
    const pod = this.pods.get(key);
    if (pod === undefined) return undefined;
    this.pods.delete(key);
    this.antiAffine.delete(pod);
    this.affine.delete(pod);
    this.#count(pod, -1);
    return pod;
  }

  #count(pod: PodInfo, sign: 1 | -1): void {
    addTo(this.requested, pod.requests, sign);
    addTo(this.scored, pod.scored, sign);
  }

  /** Bytes of an image that is there already. */
  imageSize(name: string): number {
    if (this.#imageSizes === undefined) {
      this.#imageSizes = new Map();
      for (const { names = [], sizeBytes = 0 } of this.#node?.status?.images ?? [])
        for (const each of names) this.#imageSizes.set(each, sizeBytes);
    }
    return this.#imageSizes.get(name) ?? 0;
  }

  /** Whether one of the ports is taken by a pod here. */
  hasPortOf(wanted: readonly HostPort[]): boolean {
    if (wanted.length === 0) return false;
    for (const { ports } of this.pods.values())
      for (const taken of ports) if (wanted.some((port) => areInConflict(port, taken))) return true;
    return false;
  }
}

function addTo(to: number[], amounts: readonly number[], sign: 1 | -1): void {
  while (to.length < amounts.length) to.push(0);
  for (let at = 0; at < amounts.length; at++) to[at] = (to[at] ?? 0) + sign * (amounts[at] ?? 0);
}

function areInConflict(a: HostPort, b: HostPort): boolean {
  if (a.port !== b.port || a.protocol !== b.protocol) return false;
  return a.ip === b.ip || a.ip === "0.0.0.0" || b.ip === "0.0.0.0";
}

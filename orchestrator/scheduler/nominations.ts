import type { PodInfo } from "./pod-info.ts";

/** Pods for which others were made to go, by the node where they are to be. */
export class Nominations {
  readonly byNode = new Map<string, Set<PodInfo>>();
  readonly #nodes = new Map<string, readonly [string, PodInfo]>();

  set(pod: PodInfo, node: string): void {
    this.remove(pod.key);
    this.#nodes.set(pod.key, [node, pod]);
    const there = this.byNode.get(node);
    if (there === undefined) this.byNode.set(node, new Set([pod]));
    else there.add(pod);
  }

  remove(key: string): void {
    const known = this.#nodes.get(key);
    if (known === undefined) return;
    this.#nodes.delete(key);
    const [node, pod] = known;
    const there = this.byNode.get(node);
    there?.delete(pod);
    if (there?.size === 0) this.byNode.delete(node);
  }

  nodeOf(key: string): string | undefined {
    return this.#nodes.get(key)?.[0];
  }
}

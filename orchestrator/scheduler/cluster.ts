import type { Pod } from "#api/kube/types/core-pods.ts";
import type { Node } from "#api/kube/types/core.ts";
import { keyOf } from "#client/kube/kube-resource.ts";
import { NodeInfo } from "./node-info.ts";
import { type PodInfo, podInfoOf } from "./pod-info.ts";
import { ResourceNames } from "./resources.ts";

/** All nodes with what is on them, and with what the scheduler has put there and the API does not show yet. */
export class Cluster {
  readonly names = new ResourceNames();
  readonly #nodes = new Map<string, NodeInfo>();
  #list: NodeInfo[] | undefined;
  readonly #nodeOfPod = new Map<string, string>();
  /** Nodes with pods that keep others away. */
  readonly antiAffine = new Set<NodeInfo>();
  readonly #affine = new Set<NodeInfo>();
  readonly #images = new Map<string, number>();

  /** In the order they came, without those that only pods speak of. */
  get nodes(): readonly NodeInfo[] {
    this.#list ??= [...this.#nodes.values()].filter(({ node }) => node !== undefined);
    return this.#list;
  }

  get hasAffine(): boolean {
    return this.#affine.size > 0;
  }

  find(name: string): NodeInfo | undefined {
    return this.#nodes.get(name);
  }

  /** How many nodes have the image. */
  nodesWith(image: string): number {
    return this.#images.get(image) ?? 0;
  }

  infoOf(pod: Pod): PodInfo {
    return podInfoOf(pod, this.names);
  }

  setNode(node: Node): void {
    const info = this.#of(node.metadata.name ?? "");
    this.#countImages(info.node, -1);
    if (info.node === undefined) this.#list = undefined;
    info.node = node;
    this.#countImages(node, 1);
  }

  removeNode(name: string): void {
    const info = this.#nodes.get(name);
    if (info === undefined) return;
    this.#countImages(info.node, -1);
    info.node = undefined;
    this.#list = undefined;
    if (info.pods.size === 0) this.#nodes.delete(name);
  }

  /** The pod is on the node, or is going to be. */
  place(pod: PodInfo, nodeName: string): void {
    const before = this.#nodeOfPod.get(pod.key);
    if (before !== undefined && before !== nodeName) this.removePod(pod.key);
    const info = this.#of(nodeName);
    info.add(pod);
    this.#nodeOfPod.set(pod.key, nodeName);
    this.#note(info);
  }

  /** As the API has it now. */
  setPod(pod: Pod): void {
    this.place(this.infoOf(pod), pod.spec.nodeName ?? "");
  }

  removePod(key: string): void {
    const name = this.#nodeOfPod.get(key);
    const info = name === undefined ? undefined : this.#nodes.get(name);
    this.#nodeOfPod.delete(key);
    if (info === undefined) return;
    info.remove(key);
    this.#note(info);
    if (info.node === undefined && info.pods.size === 0) this.#nodes.delete(info.name);
  }

  isPlaced(pod: Pod): boolean {
    return this.#nodeOfPod.has(keyOf(pod));
  }

  #of(name: string): NodeInfo {
    const known = this.#nodes.get(name);
    if (known !== undefined) return known;
    const made = new NodeInfo(name, this.names);
    this.#nodes.set(name, made);
    this.#list = undefined;
    return made;
  }

  #note(info: NodeInfo): void {
    if (info.antiAffine.size > 0) this.antiAffine.add(info);
    else this.antiAffine.delete(info);
    if (info.affine.size > 0) this.#affine.add(info);
    else this.#affine.delete(info);
  }

  #countImages(node: Node | undefined, by: 1 | -1): void {
    for (const { names = [] } of node?.status?.images ?? [])
      for (const name of names) {
        const count = (this.#images.get(name) ?? 0) + by;
        if (count > 0) this.#images.set(name, count);
        else this.#images.delete(name);
      }
  }
}

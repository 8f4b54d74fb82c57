import type { KubeObject, OwnerReference } from "#api/kube/meta.ts";
import type { DiscoveredResource } from "../discovery.ts";

/** An object as far as ownership goes. */
export interface GraphNode {
  readonly uid: string;
  readonly resource: DiscoveredResource;
  readonly namespace: string | undefined;
  readonly name: string;
  owners: readonly OwnerReference[];
  finalizers: readonly string[];
  isGoing: boolean;
  /** Those that name it as an owner. */
  readonly dependents: Set<GraphNode>;
}

/** Who owns whom, by uid. Owners that nobody has seen are known by those that name them. */
export class OwnerGraph {
  readonly #nodes = new Map<string, GraphNode>();
  readonly #dependents = new Map<string, Set<GraphNode>>();

  find(uid: string): GraphNode | undefined {
    return this.#nodes.get(uid);
  }

  /** The object is there, or has changed. */
  set(resource: DiscoveredResource, { metadata }: KubeObject): GraphNode {
    const {
      uid = "",
      namespace,
      name = "",
      ownerReferences = [],
      finalizers = [],
      deletionTimestamp,
    } = metadata;
    const known = this.#nodes.get(uid);
    const node: GraphNode = known ?? {
      uid,
      resource,
      namespace,
      name,
      owners: [],
      finalizers,
      isGoing: false,
      dependents: this.#dependentsOf(uid),
    };
    this.#nodes.set(uid, node);
    for (const { uid: owner } of node.owners) this.#leave(owner, node);
    node.owners = ownerReferences;
    node.finalizers = finalizers;
    node.isGoing = deletionTimestamp !== undefined;
    for (const { uid: owner } of ownerReferences) this.#dependentsOf(owner).add(node);
    return node;
  }

  remove(uid: string): GraphNode | undefined {
    const node = this.#nodes.get(uid);
    if (node === undefined) return undefined;
    this.#nodes.delete(uid);
    for (const { uid: owner } of node.owners) this.#leave(owner, node);
    if (node.dependents.size === 0) this.#dependents.delete(uid);
    return node;
  }

  #leave(owner: string, node: GraphNode): void {
    const dependents = this.#dependents.get(owner);
    dependents?.delete(node);
    if (dependents?.size === 0 && !this.#nodes.has(owner)) this.#dependents.delete(owner);
  }

  #dependentsOf(uid: string): Set<GraphNode> {
    const known = this.#dependents.get(uid);
    if (known !== undefined) return known;
    const made = new Set<GraphNode>();
    this.#dependents.set(uid, made);
    return made;
  }
}

export function isGoingForeground({ isGoing, finalizers }: GraphNode): boolean {
  return isGoing && finalizers.includes("foregroundDeletion");
}

export function isOrphaning({ isGoing, finalizers }: GraphNode): boolean {
  return isGoing && finalizers.includes("orphan");
}

/** Dependents that the owner has to wait for. */
export function blockingDependents(owner: GraphNode): readonly GraphNode[] {
  return [...owner.dependents].filter(({ owners }) =>
    owners.some(({ uid, blockOwnerDeletion }) => uid === owner.uid && blockOwnerDeletion === true),
  );
}

/** What becomes of an object, by its owners. */
export type Verdict =
  | { readonly do: "keep" }
  /** It has another owner: it only forgets these. */
  | { readonly do: "forget-owners"; readonly uids: readonly string[] }
  | { readonly do: "delete"; readonly policy: "Foreground" | "Background" | "Orphan" };

export interface OwnerStates {
  readonly solid: readonly OwnerReference[];
  /** They are no more. */
  readonly dangling: readonly OwnerReference[];
  /** They wait for their dependents to go. */
  readonly waiting: readonly OwnerReference[];
}

/** @see Kubernetes, garbage collection: owners and dependents */
export function judge(node: GraphNode, { solid, dangling, waiting }: OwnerStates): Verdict {
  if (solid.length > 0) {
    const uids = [...dangling, ...waiting].map(({ uid }) => uid);
    return uids.length === 0 ? { do: "keep" } : { do: "forget-owners", uids };
  }
  if (waiting.length > 0 && node.dependents.size > 0) return { do: "delete", policy: "Foreground" };
  if (node.finalizers.includes("orphan")) return { do: "delete", policy: "Orphan" };
  if (node.finalizers.includes("foregroundDeletion")) return { do: "delete", policy: "Foreground" };
  return { do: "delete", policy: "Background" };
}

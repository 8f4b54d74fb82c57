import type { KubeObject, OwnerReference } from "#api/kube/meta.ts";
import { ignoreNotFound } from "#api/kube/status.ts";
import type { WorkQueue } from "#base/work-queue.ts";
import { apiVersionOf, type KubeResource } from "#client/kube/kube-resource.ts";
import { metadataClient } from "#client/kube/metadata-client.ts";
import type { ResourceClient } from "#client/kube/resource-client.ts";
import type { ControllerDeps } from "../controller-deps.ts";
import type { DiscoveredResource } from "../discovery.ts";
import {
  blockingDependents,
  type GraphNode,
  isGoingForeground,
  isOrphaning,
  judge,
  OwnerGraph,
  type OwnerStates,
} from "./graph.ts";

/** Takes away what lost its owners, and lets owners go that wait for, or part from, their dependents. */
export class Collector {
  readonly graph = new OwnerGraph();
  readonly #deps: ControllerDeps;
  readonly #clients = new Map<string, ResourceClient<KubeObject>>();
  /** By `apiVersion kind`. */
  readonly #resources = new Map<string, DiscoveredResource>();

  constructor(deps: ControllerDeps) {
    this.#deps = deps;
  }

  learn(resource: DiscoveredResource): void {
    this.#resources.set(`${apiVersionOf(resource)} ${resource.kind}`, resource);
  }

  clientOf(resource: KubeResource): ResourceClient<KubeObject> {
    const key = `${apiVersionOf(resource)}/${resource.resource}`;
    const known = this.#clients.get(key);
    if (known !== undefined) return known;
    const made = metadataClient(this.#deps.kube, resource);
    this.#clients.set(key, made);
    return made;
  }

  /** An object is there, or has changed. */
  saw(resource: DiscoveredResource, object: KubeObject, queue: WorkQueue): void {
    const before = this.graph.find(object.metadata.uid ?? "")?.owners ?? [];
    const node = this.graph.set(resource, object);
    // an owner that waits may have waited for this one alone, which may block it no more
    for (const { uid } of before) {
      const owner = this.graph.find(uid);
      if (owner !== undefined && isGoingForeground(owner)) queue.add(uid);
    }
    if (isOrphaning(node) || isGoingForeground(node)) queue.add(node.uid);
    if (isGoingForeground(node)) for (const dependent of node.dependents) queue.add(dependent.uid);
    const isOwnerMissing = node.owners.some(({ uid }) => {
      const owner = this.graph.find(uid);
      return owner === undefined || isGoingForeground(owner);
    });
    if (isOwnerMissing) queue.add(node.uid);
  }

  lost(uid: string, queue: WorkQueue): void {
    const node = this.graph.remove(uid);
    if (node === undefined) return;
    for (const dependent of node.dependents) queue.add(dependent.uid);
    for (const { uid: owner } of node.owners) {
      const above = this.graph.find(owner);
      if (above !== undefined && isGoingForeground(above)) queue.add(owner);
    }
  }

  async reconcile(uid: string, queue: WorkQueue, signal: AbortSignal): Promise<void> {
    const node = this.graph.find(uid);
    if (node === undefined) return;
    if (isOrphaning(node)) return await this.#orphan(node, signal);
    if (isGoingForeground(node)) return await this.#foreground(node, queue, signal);
    if (node.isGoing || node.owners.length === 0) return;
    const live = await this.clientOf(node.resource).find(node, signal);
    if (live?.metadata.uid !== uid) return; // gone, which is going to be told
    const states = await this.#statesOf(node, live.metadata.ownerReferences ?? [], signal);
    const verdict = judge(node, states);
    if (verdict.do === "forget-owners") await this.#forgetOwners(node, verdict.uids, signal);
    if (verdict.do !== "delete" || states.dangling.length + states.waiting.length === 0) return;
    if (verdict.policy === "Foreground" && states.waiting.length > 0)
      await this.#unblockCircles(node, signal);
    const preconditions = {
      uid,
      ...(live.metadata.resourceVersion && { resourceVersion: live.metadata.resourceVersion }),
    };
    await this.clientOf(node.resource)
      .delete(node, { preconditions, propagationPolicy: verdict.policy }, signal)
      .catch(ignoreNotFound);
  }

  async #statesOf(
    node: GraphNode,
    owners: readonly OwnerReference[],
    signal: AbortSignal,
  ): Promise<OwnerStates> {
    const states = {
      solid: [] as OwnerReference[],
      dangling: [] as OwnerReference[],
      waiting: [] as OwnerReference[],
    };
    for (const owner of owners) {
      const known = this.graph.find(owner.uid);
      const isThere = known !== undefined || (await this.#isThere(node, owner, signal));
      if (!isThere) states.dangling.push(owner);
      else if (known !== undefined && isGoingForeground(known)) states.waiting.push(owner);
      else states.solid.push(owner);
    }
    return states;
  }

  /** By asking the API: the graph may not have it yet. An owner of a kind that nobody knows counts as there. */
  async #isThere({ namespace }: GraphNode, owner: OwnerReference, signal: AbortSignal): Promise<boolean> {
    const resource = this.#resources.get(`${owner.apiVersion} ${owner.kind}`);
    if (resource === undefined) return true;
    if (resource.isNamespaced && namespace === undefined) return true; // such a reference says nothing
    const ref = resource.isNamespaced ? { namespace, name: owner.name } : { name: owner.name };
    return (await this.clientOf(resource).find(ref, signal))?.metadata.uid === owner.uid;
  }

  async #foreground(node: GraphNode, queue: WorkQueue, signal: AbortSignal): Promise<void> {
    if (blockingDependents(node).length === 0) await this.#dropFinalizer(node, "foregroundDeletion", signal);
    else for (const dependent of node.dependents) if (!dependent.isGoing) queue.add(dependent.uid);
  }

  async #orphan(node: GraphNode, signal: AbortSignal): Promise<void> {
    const dependents = [...node.dependents]; // the graph changes while we wait
    for (const dependent of dependents) await this.#forgetOwners(dependent, [node.uid], signal);
    await this.#dropFinalizer(node, "orphan", signal);
  }

  /** Two that wait for each other would wait for ever. */
  async #unblockCircles(node: GraphNode, signal: AbortSignal): Promise<void> {
    const isCircle = [...node.dependents].some((dependent) => isGoingForeground(dependent));
    if (!isCircle) return;
    const ownerReferences = node.owners.map((owner) => ({ ...owner, blockOwnerDeletion: false }));
    await this.#patch(node, { metadata: { uid: node.uid, ownerReferences } }, signal);
  }

  async #forgetOwners(node: GraphNode, uids: readonly string[], signal: AbortSignal): Promise<void> {
    const live = await this.clientOf(node.resource).find(node, signal);
    if (live?.metadata.uid !== node.uid) return;
    const ownerReferences = (live.metadata.ownerReferences ?? []).filter(({ uid }) => !uids.includes(uid));
    const { uid, resourceVersion } = live.metadata;
    await this.#patch(node, { metadata: { uid, resourceVersion, ownerReferences } }, signal);
  }

  async #dropFinalizer(node: GraphNode, finalizer: string, signal: AbortSignal): Promise<void> {
    const live = await this.clientOf(node.resource).find(node, signal);
    if (live?.metadata.uid !== node.uid) return;
    const { uid, resourceVersion, finalizers = [] } = live.metadata;
    const left = finalizers.filter((one) => one !== finalizer);
    if (left.length === finalizers.length) return;
    await this.#patch(node, { metadata: { uid, resourceVersion, finalizers: left } }, signal);
  }

  async #patch(node: GraphNode, patch: unknown, signal: AbortSignal): Promise<void> {
    await this.clientOf(node.resource).patch(node, patch, { type: "merge" }, signal).catch(ignoreNotFound);
  }
}

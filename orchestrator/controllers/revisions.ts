import type { KubeObject } from "#api/kube/meta.ts";
import { ignoreNotFound, isStatus } from "#api/kube/status.ts";
import type { ControllerRevision } from "#api/kube/types/apps.ts";
import type { PodTemplateSpec } from "#api/kube/types/core-pods.ts";
import type { KubeResource } from "#client/kube/kube-resource.ts";
import { controllerRevisions } from "#client/kube/resources.ts";
import { isSameJson } from "#orchestrator/machinery/json-equal.ts";
import { requirementsOf } from "#orchestrator/machinery/label-selector.ts";
import { claimObjects } from "./claim.ts";
import type { ControllerDeps } from "./controller-deps.ts";
import { byController, byOrphanage, controllerIndex, controllerReference, orphanIndex } from "./owner.ts";
import { hashOf } from "./template-hash.ts";

/** The label that tells which revision a pod is of. */
export const revisionLabel = "controller-revision-hash";

interface Revised extends KubeObject {
  readonly spec: {
    readonly selector: Parameters<typeof requirementsOf>[0];
    readonly template: PodTemplateSpec;
  };
}

interface Data {
  readonly spec: { readonly template: PodTemplateSpec & { readonly $patch?: string } };
}

export interface Revisions {
  /** Of the template as it is now. */
  readonly update: ControllerRevision;
  /** From the oldest to the newest. */
  readonly all: readonly ControllerRevision[];
}

/** The revisions must be indexed by owner before. */
export function revisionsOf(deps: ControllerDeps) {
  const informer = deps.informers.of(controllerRevisions);
  informer.cache.addIndex(controllerIndex, byController);
  informer.cache.addIndex(orphanIndex, byOrphanage);
  return informer;
}

/** Finds the revision of the owner's template, makes it when there is none, and makes it the newest when it is an old one. */
export async function syncRevisions<T extends Revised>(
  deps: ControllerDeps,
  resource: KubeResource<T>,
  owner: T,
  collisionCount: number | undefined,
  signal: AbortSignal,
): Promise<Revisions> {
  const { cache } = revisionsOf(deps);
  const selector = requirementsOf(owner.spec.selector) ?? [];
  const claim = { owner, ownerResource: resource, resource: controllerRevisions, cache, selector };
  const own = (await claimObjects(deps.kube, claim, signal)).toSorted((a, b) => a.revision - b.revision);
  const data: Data = { spec: { template: { ...owner.spec.template, $patch: "replace" } } };
  const newest = own.at(-1);
  const same = own.findLast((revision) => isSameJson(revision.data, data));
  const client = deps.kube.of(controllerRevisions);
  if (same !== undefined && same === newest) return { update: same, all: own };
  const number = (newest?.revision ?? 0) + 1;
  if (same !== undefined) {
    const update = await client.update({ ...same, revision: number }, signal);
    return { update, all: [...own.filter((one) => one !== same), update] };
  }
  const hash = hashOf(data, collisionCount);
  const { name = "", namespace } = owner.metadata;
  const wanted: ControllerRevision = {
    apiVersion: "apps/v1",
    kind: "ControllerRevision",
    metadata: {
      name: `${name}-${hash}`,
      ...(namespace === undefined ? {} : { namespace }),
      labels: {
        ...owner.spec.template.metadata?.labels,
        "controller.kubernetes.io/hash": hash,
        [revisionLabel]: hash,
      },
      ownerReferences: [controllerReference(resource, owner)],
    },
    data,
    revision: number,
  };
  try {
    const update = await client.create(wanted, signal);
    return { update, all: [...own, update] };
  } catch (error) {
    if (!isStatus(error, "AlreadyExists")) throw error;
    const there = await client.get({ namespace, name: wanted.metadata.name ?? "" }, signal);
    if (!isSameJson(there.data, data)) throw error;
    return {
      update: there,
      all: [...own.filter(({ metadata }) => metadata.uid !== there.metadata.uid), there],
    };
  }
}

/** The template that a revision keeps. */
export function templateOf({ data }: ControllerRevision): PodTemplateSpec {
  const { $patch: _, ...template } = (data as Data).spec.template;
  return template;
}

/** Removes the oldest that nobody uses, beyond what the history may have. */
export async function forgetRevisions(
  deps: ControllerDeps,
  all: readonly ControllerRevision[],
  isUsed: (revision: ControllerRevision) => boolean,
  limit: number,
  signal: AbortSignal,
): Promise<void> {
  const unused = all.filter((revision) => !isUsed(revision));
  for (const { metadata } of unused.slice(0, Math.max(0, unused.length - limit))) {
    const { namespace, name = "" } = metadata;
    await deps.kube.of(controllerRevisions).delete({ namespace, name }, {}, signal).catch(ignoreNotFound);
  }
}

import type { KubeObject, LabelSelector } from "#api/kube/meta.ts";
import type { ControllerRevision, ReplicaSet } from "#api/kube/types/apps.ts";
import type { PodTemplateSpec } from "#api/kube/types/core-pods.ts";
import type { KubeResource } from "#client/kube/kube-resource.ts";
import { controllerRevisions, replicaSets } from "#client/kube/resources.ts";
import { formatLabelSelector, requirementsOf } from "#orchestrator/machinery/label-selector.ts";
import { KubeFailure } from "../failure.ts";
import type { KubeFields } from "../manifests.ts";
import type { Kube } from "../session.ts";
import { isControlledBy } from "../controller.ts";
import type { FoundObject } from "../read-objects.ts";

/** What an object was at a revision. */
export interface Revision {
  readonly number: number;
  readonly cause: string;
  readonly template: PodTemplateSpec | undefined;
  /** The ReplicaSet or ControllerRevision that keeps it. */
  readonly kept: KubeFields;
}

/** The revisions of an object, oldest first. @throws {KubeFailure} for a kind that has none */
export async function listRevisions(
  kube: Kube,
  { object, target }: FoundObject,
  what: string,
  signal: AbortSignal,
): Promise<readonly Revision[]> {
  const { kind = "" } = object;
  if (kind === "Deployment") return await list(kube, object, replicaSets, replicaSetRevision, signal);
  if (kind === "DaemonSet" || kind === "StatefulSet")
    return await list(kube, object, controllerRevisions, controllerRevision, signal);
  const name = target.resource.group === "" ? kind : `${kind}.${target.resource.group}`;
  const shown = `{${target.resource.group} ${kind}}`;
  throw new KubeFailure(
    `error: error retrieving ${what} for ${JSON.stringify(name)}, no visitor method exists for ${shown}`,
  );
}

async function list<T extends KubeObject>(
  kube: Kube,
  { metadata, ...object }: KubeFields,
  resource: KubeResource<T>,
  read: (kept: T) => Revision | undefined,
  signal: AbortSignal,
): Promise<readonly Revision[]> {
  const { selector } = (object["spec"] ?? {}) as { readonly selector?: LabelSelector };
  const labelSelector = formatLabelSelector(requirementsOf(selector) ?? []);
  const found = await kube.of(resource).list({ namespace: metadata?.namespace, labelSelector }, signal);
  return found.items
    .filter((item) => isControlledBy(item.metadata, metadata?.uid))
    .flatMap((item) => read(item) ?? [])
    .toSorted((a, b) => a.number - b.number);
}

const changeCause = "kubernetes.io/change-cause";

function replicaSetRevision(kept: ReplicaSet): Revision | undefined {
  const { metadata, spec } = kept;
  const number = metadata.annotations?.["deployment.kubernetes.io/revision"];
  if (number === undefined) return undefined;
  return {
    number: Number(number),
    cause: metadata.annotations?.[changeCause] ?? "",
    template: spec?.template,
    kept: kept as unknown as KubeFields,
  };
}

function controllerRevision(kept: ControllerRevision): Revision {
  const { metadata, revision, data } = kept;
  const { spec } = (data ?? {}) as { readonly spec?: { readonly template?: PodTemplateSpec } };
  return {
    number: revision,
    cause: metadata.annotations?.[changeCause] ?? "",
    template: spec?.template,
    kept: kept as unknown as KubeFields,
  };
}

import type { KubeObject } from "#api/kube/meta.ts";
import { isStatus } from "#api/kube/status.ts";
import type { Pod, PodTemplateSpec } from "#api/kube/types/core-pods.ts";
import { messageOf } from "#base/fault.ts";
import type { KubeClient } from "#client/kube/kube-client.ts";
import type { KubeResource } from "#client/kube/kube-resource.ts";
import { pods } from "#client/kube/resources.ts";
import type { EventRecorder } from "#orchestrator/informers/event-recorder.ts";
import { controllerReference } from "../owner.ts";

export interface PodControlDeps {
  readonly kube: KubeClient;
  readonly events: EventRecorder;
}

/** A pod as a template has it, in the owner's namespace and under its control. Its name comes from the server. */
export function podFromTemplate(
  template: PodTemplateSpec | undefined,
  resource: KubeResource,
  owner: KubeObject,
): Pod {
  const { labels, annotations, finalizers } = template?.metadata ?? {};
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: {
      generateName: `${owner.metadata.name}-`,
      ...(owner.metadata.namespace === undefined ? {} : { namespace: owner.metadata.namespace }),
      ...(labels === undefined ? {} : { labels }),
      ...(annotations === undefined ? {} : { annotations }),
      ...(finalizers === undefined ? {} : { finalizers }),
      ownerReferences: [controllerReference(resource, owner)],
    },
    spec: template?.spec ?? { containers: [] },
  };
}

/** Makes the pod and says so. A namespace that is being deleted is not worth a word. */
export async function createPod(
  { kube, events }: PodControlDeps,
  owner: KubeObject,
  pod: Pod,
  signal: AbortSignal,
): Promise<Pod> {
  try {
    const made = await kube.of(pods).create(pod, signal);
    events.record(owner, "Normal", "SuccessfulCreate", `Created pod: ${made.metadata.name}`);
    return made;
  } catch (error) {
    if (!isNamespaceTerminating(error) && !signal.aborted)
      events.record(owner, "Warning", "FailedCreate", `Error creating: ${messageOf(error)}`);
    throw error;
  }
}

/** Deletes the pod and says so. @throws {StatusError} `NotFound` when it has gone already */
export async function deletePod(
  { kube, events }: PodControlDeps,
  owner: KubeObject,
  pod: Pod,
  signal: AbortSignal,
): Promise<void> {
  const { namespace, name = "", uid } = pod.metadata;
  const preconditions = uid === undefined ? {} : { preconditions: { uid } };
  try {
    await kube.of(pods).delete({ namespace, name }, preconditions, signal);
    events.record(owner, "Normal", "SuccessfulDelete", `Deleted pod: ${name}`);
  } catch (error) {
    if (!isStatus(error, "NotFound") && !signal.aborted)
      events.record(owner, "Warning", "FailedDelete", `Error deleting: ${messageOf(error)}`);
    throw error;
  }
}

/** Whether something could not be made because its namespace is being deleted. */
export function isNamespaceTerminating(error: unknown): boolean {
  if (!isStatus(error, "Forbidden")) return false;
  return error.status.details?.causes?.some(({ reason }) => reason === "NamespaceTerminating") ?? false;
}

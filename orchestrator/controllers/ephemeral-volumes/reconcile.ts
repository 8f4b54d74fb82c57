import { isStatus } from "#api/kube/status.ts";
import type { PersistentVolumeClaim } from "#api/kube/types/core.ts";
import type { Pod } from "#api/kube/types/core-pods.ts";
import { keyOf } from "#client/kube/kube-resource.ts";
import { persistentVolumeClaims, pods } from "#client/kube/resources.ts";
import { runController } from "#orchestrator/informers/run-controller.ts";
import type { ControllerDeps } from "../controller-deps.ts";
import { controllerReference } from "../owner.ts";
import { isNamespaceTerminating } from "../pods/pod-control.ts";

/** Makes the claims of pods' ephemeral volumes, which go with their pods. */
export async function startEphemeralVolumeController(
  deps: ControllerDeps,
  signal: AbortSignal,
): Promise<void> {
  const podInformer = deps.informers.of(pods);
  const claims = deps.informers.of(persistentVolumeClaims);
  const events = deps.events.recorder("ephemeral_volume");
  const controller = {
    name: "ephemeral-volume-controller",
    async reconcile(key: string, signal: AbortSignal) {
      const pod = podInformer.cache.get(key);
      if (pod === undefined || pod.metadata.deletionTimestamp !== undefined) return;
      for (const claim of claimsOf(pod)) {
        const found = claims.cache.get(keyOf(claim));
        if (found === undefined) await create(deps, claim, signal);
        else if (!found.metadata.ownerReferences?.some(({ uid }) => uid === pod.metadata.uid)) {
          const message = `PVC ${keyOf(claim)} was not created for pod ${key} (pod is not owner)`;
          events.record(pod, "Warning", "ConflictingEphemeralVolume", message);
          throw new Error(message);
        }
      }
    },
  };
  const ready = Promise.all([podInformer, claims].map((informer) => informer.synced(signal)));
  const { queue, ended } = runController(deps, controller, signal, { ready });
  const look = (pod: Pod) => {
    if (pod.spec.volumes?.some(({ ephemeral }) => ephemeral !== undefined) === true) queue.add(keyOf(pod));
  };
  podInformer.handle({ added: look });
  // A claim that went while its pod is still wanted is made again.
  claims.handle({
    deleted({ metadata: { namespace, ownerReferences = [] } }) {
      for (const { kind, name } of ownerReferences) if (kind === "Pod") queue.add(`${namespace}/${name}`);
    },
  });
  await ended;
}

function claimsOf(pod: Pod): readonly PersistentVolumeClaim[] {
  const { name: podName, namespace } = pod.metadata;
  return (pod.spec.volumes ?? []).flatMap(({ name, ephemeral }) => {
    const template = ephemeral?.volumeClaimTemplate;
    if (template === undefined) return [];
    const { labels, annotations } = template.metadata ?? {};
    const metadata = {
      name: `${podName}-${name}`,
      ...(namespace !== undefined && { namespace }),
      ...(labels !== undefined && { labels }),
      ...(annotations !== undefined && { annotations }),
      ownerReferences: [controllerReference(pods, pod)],
    };
    return [{ apiVersion: "v1", kind: "PersistentVolumeClaim", metadata, spec: template.spec }];
  });
}

async function create(
  { kube }: ControllerDeps,
  claim: PersistentVolumeClaim,
  signal: AbortSignal,
): Promise<void> {
  try {
    await kube.of(persistentVolumeClaims).create(claim, signal);
  } catch (error) {
    // The cache is behind, or nobody wants it any more.
    if (!isStatus(error, "AlreadyExists") && !isNamespaceTerminating(error)) throw error;
  }
}

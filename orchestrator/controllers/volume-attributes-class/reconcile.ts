import type { VolumeAttributesClass } from "#api/kube/types/storage.ts";
import {
  persistentVolumeClaims,
  persistentVolumes,
  volumeAttributesClasses,
} from "#client/kube/resources.ts";
import { runController } from "#orchestrator/informers/run-controller.ts";
import type { ControllerDeps } from "../controller-deps.ts";
import { dropFinalizer, waitsFor } from "../finalizers.ts";

const protection = "kubernetes.io/vac-protection";

/** A class of volume attributes that is deleted goes when no volume and no claim has it any more. */
export async function startVolumeAttributesClassController(
  deps: ControllerDeps,
  signal: AbortSignal,
): Promise<void> {
  const classes = deps.informers.of(volumeAttributesClasses);
  const claims = deps.informers.of(persistentVolumeClaims);
  const volumes = deps.informers.of(persistentVolumes);
  const isUsed = (name: string): boolean =>
    [...claims.cache.list()].some(
      ({ spec, status }) =>
        spec?.volumeAttributesClassName === name || status?.currentVolumeAttributesClassName === name,
    ) || [...volumes.cache.list()].some(({ spec }) => spec?.volumeAttributesClassName === name);
  const controller = {
    name: "volumeattributesclass-protection-controller",
    async reconcile(name: string, signal: AbortSignal) {
      const own = classes.cache.get(name);
      if (own === undefined || !waitsFor(own, protection) || isUsed(name)) return;
      await dropFinalizer(deps.kube.of(volumeAttributesClasses), own, protection, signal);
    },
  };
  const ready = Promise.all([classes.synced(signal), claims.synced(signal), volumes.synced(signal)]);
  const { queue, ended } = runController(deps, controller, signal, { ready });
  const look = (own: VolumeAttributesClass) => {
    if (waitsFor(own, protection)) queue.add(own.metadata.name ?? "");
  };
  const lookAtAll = () => {
    for (const own of classes.cache.list()) look(own);
  };
  classes.handle({ added: look, updated: look });
  claims.handle({ updated: lookAtAll, deleted: lookAtAll });
  volumes.handle({ updated: lookAtAll, deleted: lookAtAll });
  await ended;
}

import type { DaemonSet, Deployment, StatefulSet } from "#api/kube/types/apps.ts";
import { KubeFailure } from "../failure.ts";
import type { KubeFields } from "../manifests.ts";

/** How far a roll-out is. */
export interface RolloutStatus {
  readonly text: string;
  readonly isDone: boolean;
}

/** @throws {KubeFailure} for one that failed, or has another revision than is asked for, and for kinds that have none */
export function rolloutStatus(object: KubeFields, revision: number): RolloutStatus {
  switch (object.kind) {
    case "Deployment":
      return deploymentStatus(object as unknown as Deployment, revision);
    case "DaemonSet":
      return daemonSetStatus(object as unknown as DaemonSet);
    case "StatefulSet":
      return statefulSetStatus(object as unknown as StatefulSet);
    default:
      throw new KubeFailure(`error: no status viewer has been implemented for ${object.kind}`);
  }
}

const underWay = (text: string): RolloutStatus => ({ text: `${text}\n`, isDone: false });
const done = (text: string): RolloutStatus => ({ text: `${text}\n`, isDone: true });

function deploymentStatus({ metadata, spec, status = {} }: Deployment, revision: number): RolloutStatus {
  const name = JSON.stringify(metadata.name);
  const running = Number(metadata.annotations?.["deployment.kubernetes.io/revision"] ?? 0);
  if (revision > 0 && revision !== running)
    throw new KubeFailure(
      `error: desired revision (${revision}) is different from the running revision (${running})`,
    );
  if ((metadata.generation ?? 0) > (status.observedGeneration ?? 0))
    return underWay("Waiting for deployment spec update to be observed...");
  const progressing = status.conditions?.find(({ type }) => type === "Progressing");
  if (progressing?.reason === "ProgressDeadlineExceeded")
    throw new KubeFailure(`error: deployment ${name} exceeded its progress deadline`);
  const { updatedReplicas = 0, replicas = 0, availableReplicas = 0 } = status;
  const wanted = spec?.replicas ?? 0;
  const waiting = `Waiting for deployment ${name} rollout to finish:`;
  if (updatedReplicas < wanted)
    return underWay(`${waiting} ${updatedReplicas} out of ${wanted} new replicas have been updated...`);
  if (replicas > updatedReplicas)
    return underWay(`${waiting} ${replicas - updatedReplicas} old replicas are pending termination...`);
  if (availableReplicas < updatedReplicas)
    return underWay(
      `${waiting} ${availableReplicas} of ${updatedReplicas} updated replicas are available...`,
    );
  return done(`deployment ${name} successfully rolled out`);
}

function daemonSetStatus({ metadata, spec, status }: DaemonSet): RolloutStatus {
  const name = JSON.stringify(metadata.name);
  if (spec?.updateStrategy?.type !== "RollingUpdate") throw onlyRolling();
  if ((metadata.generation ?? 0) > (status?.observedGeneration ?? 0))
    return underWay("Waiting for daemon set spec update to be observed...");
  const { updatedNumberScheduled = 0, desiredNumberScheduled = 0, numberAvailable = 0 } = status ?? {};
  const waiting = `Waiting for daemon set ${name} rollout to finish:`;
  if (updatedNumberScheduled < desiredNumberScheduled)
    return underWay(
      `${waiting} ${updatedNumberScheduled} out of ${desiredNumberScheduled} new pods have been updated...`,
    );
  if (numberAvailable < desiredNumberScheduled)
    return underWay(
      `${waiting} ${numberAvailable} of ${desiredNumberScheduled} updated pods are available...`,
    );
  return done(`daemon set ${name} successfully rolled out`);
}

function statefulSetStatus({ metadata, spec, status }: StatefulSet): RolloutStatus {
  const { updateStrategy, replicas = 1 } = spec ?? {};
  if (updateStrategy?.type !== "RollingUpdate") throw onlyRolling();
  const { observedGeneration = 0, readyReplicas = 0, updatedReplicas = 0 } = status ?? {};
  if (observedGeneration === 0 || (metadata.generation ?? 0) > observedGeneration)
    return underWay("Waiting for statefulset spec update to be observed...");
  if (readyReplicas < replicas)
    return underWay(`Waiting for ${replicas - readyReplicas} pods to be ready...`);
  if (updateStrategy.rollingUpdate !== undefined) {
    const wanted = replicas - (updateStrategy.rollingUpdate.partition ?? 0);
    if (updatedReplicas < wanted)
      return underWay(
        `Waiting for partitioned roll out to finish: ${updatedReplicas} out of ${wanted} new pods have been updated...`,
      );
    return done(`partitioned roll out complete: ${updatedReplicas} new pods have been updated...`);
  }
  const { updateRevision, currentRevision, currentReplicas = 0 } = status ?? {};
  if (updateRevision !== currentRevision)
    return underWay(
      `waiting for statefulset rolling update to complete ${updatedReplicas} pods at revision ${updateRevision}...`,
    );
  return done(
    `statefulset rolling update complete ${currentReplicas} pods at revision ${currentRevision}...`,
  );
}

function onlyRolling(): KubeFailure {
  return new KubeFailure("error: rollout status is only available for RollingUpdate strategy type");
}

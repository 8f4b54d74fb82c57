import type { Issuer } from "#host/x509/certificate.ts";
import { bootstrapTokenController } from "./bootstrap-tokens/reconcile.ts";
import { certificateController } from "./certificates/reconcile.ts";
import { startClusterRoleAggregation } from "./cluster-roles/reconcile.ts";
import type { ControllerDeps, StartController } from "./controller-deps.ts";
import { startCronJobController } from "./cron-job/reconcile.ts";
import { startDisruptionController } from "./disruption/reconcile.ts";
import { startDaemonSetController } from "./daemon-set/reconcile.ts";
import { startDeploymentController } from "./deployment/reconcile.ts";
import { startEndpointsController } from "./endpoints/reconcile.ts";
import { startEndpointsMirror } from "./endpoints-mirror/reconcile.ts";
import { startEphemeralVolumeController } from "./ephemeral-volumes/reconcile.ts";
import { startGarbageCollector } from "./garbage-collector/reconcile.ts";
import { startHorizontalAutoscaler } from "./horizontal-autoscaler/reconcile.ts";
import { startJobController } from "./job/reconcile.ts";
import { startNamespaceController } from "./namespace/reconcile.ts";
import { nodeIpamController } from "./node-ipam/reconcile.ts";
import { startNodeLifecycleController } from "./node-lifecycle/reconcile.ts";
import { persistentVolumeController, type VolumeFacts } from "./persistent-volumes/reconcile.ts";
import { startPodGarbageCollector } from "./pod-gc/reconcile.ts";
import { startReplicaSetController, startReplicationController } from "./replica-set/reconcile.ts";
import { startResourceQuotaController } from "./resource-quota/reconcile.ts";
import { rootCaController } from "./root-ca/reconcile.ts";
import { startStatefulSetController } from "./stateful-set/reconcile.ts";
import { startVolumeAttributesClassController } from "./volume-attributes-class/reconcile.ts";
import { startServiceAccountController } from "./service-account/reconcile.ts";

/** What only the machine knows on which the controllers run. */
export interface ControllerFacts {
  /** Certificates of the cluster's authority, PEM. */
  readonly authority: () => string;
  /** Signs certificates for the cluster. */
  readonly issuer: () => Issuer;
  /** `https://192.0.2.1:6443`, where new nodes reach the API. */
  readonly server: () => string;
  readonly volumes: VolumeFacts;
}

/** Starts all controllers; settles when the signal has aborted and all have ended. The caller starts the informers. */
export async function startControllers(
  deps: ControllerDeps,
  facts: ControllerFacts,
  signal: AbortSignal,
): Promise<void> {
  const controllers: readonly StartController[] = [
    startReplicaSetController,
    startReplicationController,
    startDeploymentController,
    startEndpointsController,
    startEndpointsMirror,
    startNamespaceController,
    startServiceAccountController,
    rootCaController(facts.authority),
    certificateController(facts.issuer),
    bootstrapTokenController(() => ({ server: facts.server(), authority: facts.authority() })),
    startClusterRoleAggregation,
    startEphemeralVolumeController,
    startGarbageCollector,
    startHorizontalAutoscaler,
    startJobController,
    startCronJobController,
    startDisruptionController,
    startDaemonSetController,
    startStatefulSetController,
    startVolumeAttributesClassController,
    nodeIpamController("10.244.0.0/16"),
    startNodeLifecycleController,
    startPodGarbageCollector,
    startResourceQuotaController,
    persistentVolumeController(facts.volumes),
  ];
  await Promise.all(controllers.map((start) => start(deps, signal)));
}

import type { ControllerDeps, StartController } from "./controller-deps.ts";
import { startDeploymentController } from "./deployment/reconcile.ts";
import { startEndpointsController } from "./endpoints/reconcile.ts";
import { startReplicaSetController, startReplicationController } from "./replica-set/reconcile.ts";

const controllers: Readonly<Record<string, StartController>> = {
  replicaset: startReplicaSetController,
  replicationcontroller: startReplicationController,
  deployment: startDeploymentController,
  endpoints: startEndpointsController,
};

/** Starts all controllers; settles when the signal has aborted and all have ended. The caller starts the informers. */
export async function startControllers(deps: ControllerDeps, signal: AbortSignal): Promise<void> {
  await Promise.all(Object.values(controllers).map((start) => start(deps, signal)));
}

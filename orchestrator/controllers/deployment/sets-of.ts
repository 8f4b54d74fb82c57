import { isStatus } from "#api/kube/status.ts";
import type { Deployment, DeploymentCondition, DeploymentStatus, ReplicaSet } from "#api/kube/types/apps.ts";
import { messageOf } from "#base/fault.ts";
import { deployments, replicaSets } from "#client/kube/resources.ts";
import type { EventRecorder } from "#orchestrator/informers/event-recorder.ts";
import { isSameJson } from "#orchestrator/machinery/json-equal.ts";
import type { ControllerDeps } from "../controller-deps.ts";
import { controllerOf } from "../owner.ts";
import { isNamespaceTerminating } from "../pods/pod-control.ts";
import { withoutHash } from "../template-hash.ts";
import { findNewSet, newSetOf, updatedSet } from "./replica-sets.ts";
import { revisionAnnotation, sizeOf } from "./sets.ts";
import { conditionOf, hasDeadline, withCondition } from "./status.ts";

export interface Acting {
  readonly deps: ControllerDeps;
  readonly events: EventRecorder;
  readonly signal: AbortSignal;
}

/** A Deployment with its ReplicaSets sorted out. */
export interface Sets {
  /** As it is after what was written. */
  readonly deployment: Deployment;
  readonly newSet?: ReplicaSet;
  readonly oldSets: readonly ReplicaSet[];
}

/**
 * Tells the new ReplicaSet from the old ones, makes it when there is none and it is to be made, and gives both the revision.
 *
 * @throws {StatusError} what the API says when it cannot be made, after that was told in the status
 */
export async function sortOut(
  acting: Acting,
  deployment: Deployment,
  sets: readonly ReplicaSet[],
  mayCreate: boolean,
): Promise<Sets> {
  const found = findNewSet(deployment, sets);
  const oldSets = sets.filter((set) => set !== found);
  if (found === undefined)
    return mayCreate ? await create(acting, deployment, oldSets) : { deployment, oldSets };
  const changed = updatedSet(deployment, found, oldSets);
  const { kube } = acting.deps;
  const newSet = changed === undefined ? found : await kube.of(replicaSets).update(changed, acting.signal);
  const noted = await noteRevision(acting, deployment, newSet);
  if (!hasDeadline(noted) || conditionOf(noted.status, "Progressing") !== undefined)
    return { deployment: noted, newSet, oldSets };
  const message = `Found new replica set "${newSet.metadata.name}"`;
  const told = await tell(acting, noted, "True", "FoundNewReplicaSet", message);
  return { deployment: told, newSet, oldSets };
}

async function create(acting: Acting, deployment: Deployment, oldSets: readonly ReplicaSet[]): Promise<Sets> {
  const wanted = newSetOf(deployment, oldSets);
  const { name } = wanted.metadata;
  let newSet: ReplicaSet;
  try {
    newSet = await acting.deps.kube.of(replicaSets).create(wanted, acting.signal);
    if (sizeOf(newSet) > 0)
      acting.events.record(
        deployment,
        "Normal",
        "ScalingReplicaSet",
        `Scaled up replica set ${name} from 0 to ${sizeOf(newSet)}`,
      );
  } catch (error) {
    newSet = await afterFailure(acting, deployment, wanted, error);
  }
  const noted = await noteRevision(acting, deployment, newSet);
  if (!hasDeadline(noted)) return { deployment: noted, newSet, oldSets };
  const told = await tell(acting, noted, "True", "NewReplicaSetCreated", `Created new replica set "${name}"`);
  return { deployment: told, newSet, oldSets };
}

/** The one that is there already, if it is what was wanted; else this counts as a collision of hashes. */
async function afterFailure(
  acting: Acting,
  deployment: Deployment,
  wanted: ReplicaSet,
  error: unknown,
): Promise<ReplicaSet> {
  const { deps, events, signal } = acting;
  const { namespace, name = "" } = wanted.metadata;
  if (isStatus(error, "AlreadyExists")) {
    const there = await deps.kube.of(replicaSets).get({ namespace, name }, signal);
    if (controllerOf(there)?.uid === deployment.metadata.uid && hasSameTemplate(there, wanted)) return there;
    const collisionCount = (deployment.status?.collisionCount ?? 0) + 1;
    const status = { ...deployment.status, collisionCount };
    await deps.kube.of(deployments).updateStatus({ ...deployment, status }, signal);
    throw error;
  }
  if (isNamespaceTerminating(error) || signal.aborted) throw error;
  const message = `Failed to create new replica set "${name}": ${messageOf(error)}`;
  if (hasDeadline(deployment)) await tell(acting, deployment, "False", "ReplicaSetCreateError", message);
  events.record(deployment, "Warning", "ReplicaSetCreateError", message);
  throw error;
}

function hasSameTemplate(a: ReplicaSet, b: ReplicaSet): boolean {
  if (a.spec.template === undefined || b.spec.template === undefined) return false;
  return isSameJson(withoutHash(a.spec.template), withoutHash(b.spec.template));
}

/** The Deployment has the revision of its new ReplicaSet. */
async function noteRevision(
  { deps, signal }: Acting,
  deployment: Deployment,
  set: ReplicaSet,
): Promise<Deployment> {
  const revision = set.metadata.annotations?.[revisionAnnotation];
  if (revision === undefined || deployment.metadata.annotations?.[revisionAnnotation] === revision)
    return deployment;
  const { namespace, name = "" } = deployment.metadata;
  const patch = { metadata: { annotations: { [revisionAnnotation]: revision } } };
  return await deps.kube.of(deployments).patch({ namespace, name }, patch, { type: "merge" }, signal);
}

/** Tells in the status how the roll-out goes. */
export async function tell(
  acting: Acting,
  deployment: Deployment,
  status: DeploymentCondition["status"],
  reason: string,
  message: string,
): Promise<Deployment> {
  const conditions = withCondition(
    deployment.status?.conditions ?? [],
    { type: "Progressing", status, reason, message },
    acting.deps.timers.now(),
  );
  return await writeStatus(acting, deployment, { ...deployment.status, conditions });
}

export async function writeStatus(
  { deps, signal }: Acting,
  deployment: Deployment,
  status: DeploymentStatus,
): Promise<Deployment> {
  if (isSameJson(status, deployment.status ?? {})) return deployment;
  return await deps.kube.of(deployments).updateStatus({ ...deployment, status }, signal);
}

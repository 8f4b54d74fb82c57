import type { Deployment, ReplicaSet } from "#api/kube/types/apps.ts";
import { deployments } from "#client/kube/resources.ts";
import { isSameJson } from "#orchestrator/machinery/json-equal.ts";
import { withoutHash } from "../template-hash.ts";
import { revisionOf } from "./replica-sets.ts";
import { rollbackAnnotation } from "./sets.ts";
import type { Acting } from "./sets-of.ts";

/** The revision that an annotation asks to go back to; 0 means the one before. */
export function rollbackTo(deployment: Deployment): number | undefined {
  const text = deployment.metadata.annotations?.[rollbackAnnotation];
  return text !== undefined && /^\d{1,15}$/.test(text) ? Number(text) : undefined;
}

/** Gives the Deployment the template of an old revision again, and removes the annotation that asked for it. */
export async function rollBack(
  { deps, events, signal }: Acting,
  deployment: Deployment,
  sets: readonly ReplicaSet[],
  asked: number,
): Promise<void> {
  const revisions = sets.map(revisionOf).toSorted((a, b) => b - a);
  const revision = asked === 0 ? (revisions[1] ?? 0) : asked;
  const target = revision === 0 ? undefined : sets.find((set) => revisionOf(set) === revision);
  const { [rollbackAnnotation]: _, ...annotations } = deployment.metadata.annotations ?? {};
  const cleared = { ...deployment, metadata: { ...deployment.metadata, annotations } };
  const { name } = deployment.metadata;
  const template = target?.spec.template;
  if (template === undefined) {
    const message =
      revision === 0 ? "Unable to find last revision." : "Unable to find the revision to rollback to.";
    events.record(deployment, "Warning", "DeploymentRollbackRevisionNotFound", message);
    await deps.kube.of(deployments).update(cleared, signal);
    return;
  }
  if (isSameJson(withoutHash(template), withoutHash(deployment.spec.template))) {
    const message = `The rollback revision contains the same template as current deployment "${name}"`;
    events.record(deployment, "Warning", "DeploymentRollbackTemplateUnchanged", message);
    await deps.kube.of(deployments).update(cleared, signal);
    return;
  }
  const next = { ...cleared, spec: { ...deployment.spec, template: withoutHash(template) } };
  await deps.kube.of(deployments).update(next, signal);
  const message = `Rolled back deployment "${name}" to revision ${revision}`;
  events.record(deployment, "Normal", "DeploymentRollback", message);
}

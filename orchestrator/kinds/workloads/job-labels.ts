import type { Job } from "#api/kube/types/batch.ts";
import type { Draft } from "#orchestrator/machinery/resource.ts";
import { edit } from "../edit.ts";

const uidLabel = "batch.kubernetes.io/controller-uid";

/**
 * Makes the pods of a job its own: their labels name its uid, which its selector asks for. Done unless the job says that it selects by
 * itself.
 *
 * @see Kubernetes, "Jobs", specifying your own Pod selector
 */
export function selectOwnPods(object: Draft): void {
  const job = edit<Job>(object);
  const { metadata, spec } = job;
  if (spec.manualSelector === true || spec.template === undefined) return;
  const { uid = "", name = "" } = metadata;
  spec.template.metadata ??= {};
  spec.template.metadata.labels = {
    ...spec.template.metadata.labels,
    [uidLabel]: uid,
    "controller-uid": uid,
    "batch.kubernetes.io/job-name": name,
    "job-name": name,
  };
  spec.selector ??= {};
  spec.selector.matchLabels = { ...spec.selector.matchLabels, [uidLabel]: uid };
}

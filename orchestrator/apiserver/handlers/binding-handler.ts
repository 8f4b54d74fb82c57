import { failure } from "#api/kube/status.ts";
import type { Draft, FieldError } from "#orchestrator/machinery/resource.ts";
import { notSupported, required } from "#orchestrator/machinery/field-error.ts";
import { timeText } from "#orchestrator/machinery/time-text.ts";
import { type ApiAnswer, successAnswer } from "../api-request.ts";
import { expectedType, readBody } from "../body.ts";
import { conflict, invalid } from "../errors.ts";
import type { RegistryDeps } from "../registry/registry.ts";
import { updateObject } from "../registry/update.ts";
import { metadataOf } from "../registry/write-request.ts";
import { type ResourceScope, writeRequestOf } from "./resource-scope.ts";

interface Target {
  readonly kind?: string;
  readonly name?: string;
}

/** `bindings` and `pods/binding`: gives a pod its node. @see Kubernetes API 1.36, core/v1 Binding */
export async function answerBinding(deps: RegistryDeps, scope: ResourceScope): Promise<ApiAnswer> {
  const { request, info } = scope;
  const { object: binding } = await readBody(
    request,
    expectedType("", "v1", "Binding", "io.k8s.api.core.v1.Binding"),
  );
  const given = metadataOf(binding);
  const name = info.subresource === undefined ? (given.name ?? "") : (info.name ?? "");
  if (given.name !== undefined && given.name !== name)
    throw failure("BadRequest", "name in URL does not match name in Binding object");
  const target = (binding["target"] ?? {}) as Target;
  const errors = targetErrors(target);
  if (errors.length > 0) throw invalid("Binding", "", name, errors);
  const pods = deps.resources.find("", "v1", "pods");
  if (pods === undefined) throw new Error("there are no pods");
  await updateObject(
    deps,
    { ...writeRequestOf(scope), definition: pods, subresource: "binding" },
    {
      name,
      make: (old = {}) => bound(old, binding, target.name ?? "", deps.now()),
      prepare: () => {},
      validate: () => [],
      mayCreate: false,
      isRepeatable: true,
    },
    request.signal,
  );
  return successAnswer(201);
}

function targetErrors({ kind = "", name = "" }: Target): readonly FieldError[] {
  if (kind !== "" && kind !== "Node" && kind !== "Minion")
    return [notSupported("target.kind", kind, ["Node", "<empty>"])];
  return name === "" ? [required("target.name")] : [];
}

function bound(pod: Draft, binding: Draft, node: string, now: Date): Draft {
  const { name = "", deletionTimestamp, uid } = metadataOf(pod);
  const spec = pod["spec"] as Draft;
  const refuse = (why: string) => conflict({ group: "", resource: "pods/binding" }, name, why);
  const { annotations, labels, uid: asked } = metadataOf(binding);
  if (asked !== undefined && asked !== uid)
    throw refuse(`Precondition failed: UID in precondition: ${asked}, UID in object meta: ${uid}`);
  if (deletionTimestamp !== undefined)
    throw refuse(`pod ${name} is being deleted, cannot be assigned to a host`);
  if ((spec["nodeName"] ?? "") !== "")
    throw refuse(`pod ${name} is already assigned to node ${JSON.stringify(spec["nodeName"])}`);
  if (((spec["schedulingGates"] ?? []) as unknown[]).length > 0)
    throw refuse(`pod ${name} has non-empty .spec.schedulingGates`);
  spec["nodeName"] = node;
  const metadata = metadataOf(pod);
  if (annotations !== undefined) metadata.annotations = { ...metadata.annotations, ...annotations };
  if (labels !== undefined) metadata.labels = { ...metadata.labels, ...labels };
  const status = (pod["status"] ?? {}) as Draft;
  const others = ((status["conditions"] ?? []) as { readonly type: string }[]).filter(
    ({ type }) => type !== "PodScheduled",
  );
  const scheduled = {
    type: "PodScheduled",
    status: "True",
    lastProbeTime: null,
    lastTransitionTime: timeText(now),
    ...(metadata.generation !== undefined && { observedGeneration: metadata.generation }),
  };
  pod["status"] = { ...status, conditions: [...others, scheduled] };
  return pod;
}

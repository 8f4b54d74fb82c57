import type { Pod, PodSpec } from "#api/kube/types/core-pods.ts";
import { forbidden, invalid, required } from "#orchestrator/machinery/field-error.ts";
import { isSameJson } from "#orchestrator/machinery/json-equal.ts";
import type { Draft, FieldError } from "#orchestrator/machinery/resource.ts";
import { edit, view, type Writable } from "../edit.ts";
import type { Findings } from "../check.ts";
import { lineDiff } from "../line-diff.ts";
import { checkDeadline, checkTolerations } from "./check-scheduling.ts";
import { checkPodSpec } from "./check-spec.ts";

const updatable = [
  "`spec.containers[*].image`",
  "`spec.initContainers[*].image`",
  "`spec.activeDeadlineSeconds`",
  "`spec.tolerations` (only additions to existing tolerations)",
  "`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)",
].join(",");

/** What is wrong with a new pod. */
export function podErrors(object: Draft): readonly FieldError[] {
  const into: Findings = [];
  const { metadata, spec } = view<Pod>(object);
  checkPodSpec(into, "spec", spec);
  const isNew = (metadata.resourceVersion ?? "") === ""; // their subresource comes this way too
  if (isNew && (spec.ephemeralContainers?.length ?? 0) > 0)
    into.push(forbidden("spec.ephemeralContainers", "cannot be set on create"));
  if ((spec.nodeName ?? "") !== "" && (spec.schedulingGates?.length ?? 0) > 0)
    into.push(forbidden("spec.nodeName", "cannot be set until all schedulingGates have been cleared"));
  return into;
}

/** What is wrong with an update: of a pod, little may be changed. */
export function podUpdateErrors(next: Draft, old: Draft): readonly FieldError[] {
  const into: Findings = [];
  const [spec, before] = [view<Pod>(next).spec, view<Pod>(old).spec];
  if (isSameJson(spec, before)) return into;
  checkPodSpec(into, "spec", spec);
  for (const name of ["containers", "initContainers"] as const) {
    const images = spec[name] ?? [];
    if (images.length !== (before[name] ?? []).length) {
      into.push(forbidden(`spec.${name}`, "pod updates may not add or remove containers"));
      return into;
    }
    for (const [at, { image = "" }] of images.entries())
      if (image === "") into.push(required(`spec.${name}[${at}].image`));
  }
  if (!checkDeadlineUpdate(into, spec, before)) return into;
  checkTolerationUpdate(into, spec, before);
  checkGateUpdate(into, spec, before);
  const munged = munge(spec, before, into);
  if (!isSameJson(munged, before))
    into.push(
      forbidden(
        "spec",
        `pod updates may not change fields other than ${updatable}\n${lineDiff(before, munged)}`,
      ),
    );
  return into;
}

/** Only to a shorter one, or from none. Whether it makes sense to look further. */
function checkDeadlineUpdate(into: Findings, spec: PodSpec, before: PodSpec): boolean {
  const path = "spec.activeDeadlineSeconds";
  const [next, old] = [spec.activeDeadlineSeconds, before.activeDeadlineSeconds];
  const known = into.length;
  if (next === undefined) {
    if (old !== undefined)
      into.push(invalid(path, null, "must not update from a positive integer to nil value"));
    return true;
  }
  checkDeadline(into, path, next, 0);
  if (into.length === known && old !== undefined && old < next)
    into.push(invalid(path, next, "must be less than or equal to previous value"));
  return into.length === known;
}

function checkTolerationUpdate(into: Findings, spec: PodSpec, before: PodSpec): void {
  const path = "spec.tolerations";
  const next = spec.tolerations ?? [];
  const withoutTime = (toleration: object) => ({ ...toleration, tolerationSeconds: null });
  const isKept = (before.tolerations ?? []).every((old) =>
    next.some((each) => isSameJson(withoutTime(each), withoutTime(old))),
  );
  if (!isKept)
    into.push(forbidden(path, "existing toleration can not be modified except its tolerationSeconds"));
  else checkTolerations(into, path, next);
}

function checkGateUpdate(into: Findings, spec: PodSpec, before: PodSpec): void {
  const known = new Set((before.schedulingGates ?? []).map(({ name }) => name));
  for (const [at, { name }] of (spec.schedulingGates ?? []).entries()) {
    if (known.has(name)) continue;
    const text = `only deletion is allowed, but found new scheduling gate '${name}'`;
    into.push(forbidden(`spec.schedulingGates[${at}].name`, text));
  }
}

/** The new specification with what may be changed as it was before. */
function munge(spec: PodSpec, before: PodSpec, into: Findings): PodSpec {
  const munged = structuredClone(spec) as Writable<PodSpec>;
  const old = structuredClone(before) as Writable<PodSpec>;
  for (const name of ["containers", "initContainers"] as const) {
    for (const [at, container] of (munged[name] ?? []).entries()) {
      const image = old[name]?.[at]?.image;
      if (image !== undefined) container.image = image;
    }
  }
  for (const name of ["activeDeadlineSeconds", "schedulingGates", "tolerations"] as const)
    restore(munged, old, name);
  if ((old.terminationGracePeriodSeconds ?? 0) < 0 && munged.terminationGracePeriodSeconds === 1)
    restore(munged, old, "terminationGracePeriodSeconds");
  if ((old.schedulingGates?.length ?? 0) > 0) mungeGated(munged, old, into);
  return munged;
}

function restore(munged: Writable<PodSpec>, old: Writable<PodSpec>, name: keyof PodSpec): void {
  if (old[name] === undefined) delete edit<Draft>(munged as unknown as Draft)[name];
  else Object.assign(munged, { [name]: old[name] });
}

/** A pod that waits at a gate may be bound to fewer nodes. */
function mungeGated(munged: Writable<PodSpec>, old: Writable<PodSpec>, into: Findings): void {
  const isNarrower = Object.entries(old.nodeSelector ?? {}).every(
    ([key, value]) => munged.nodeSelector?.[key] === value,
  );
  if (!isNarrower)
    into.push(
      invalid(
        "spec.nodeSelector",
        munged.nodeSelector ?? null,
        "only additions to spec.nodeSelector are allowed (no mutations or deletions)",
      ),
    );
  restore(munged, old, "nodeSelector");
  const nodeAffinity = old.affinity?.nodeAffinity;
  if (munged.affinity === undefined) return;
  if (nodeAffinity === undefined) delete munged.affinity.nodeAffinity;
  else munged.affinity.nodeAffinity = nodeAffinity;
  if (Object.keys(munged.affinity).length === 0 && old.affinity === undefined) delete munged.affinity;
}

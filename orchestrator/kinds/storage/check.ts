import type { PersistentVolume, PersistentVolumeClaim } from "#api/kube/types/core.ts";
import type { CSIDriver, CSINode, StorageClass, VolumeAttachment } from "#api/kube/types/storage.ts";
import { duplicate, forbidden, invalid, required } from "#orchestrator/machinery/field-error.ts";
import { isSameJson } from "#orchestrator/machinery/json-equal.ts";
import { qualifiedNameComplaints, subdomainComplaints } from "#orchestrator/machinery/names.ts";
import { compareQuantities, parseQuantity } from "#orchestrator/machinery/quantity.ts";
import type { Draft, FieldError } from "#orchestrator/machinery/resource.ts";
import {
  checkImmutable,
  checkName,
  checkPositiveQuantity,
  checkRequiredName,
  checkSelector,
  checkSupported,
  type Findings,
} from "../check.ts";
import { view } from "../edit.ts";
import { lineDiff } from "../line-diff.ts";
import { checkNoBacksteps } from "../pods/check-mounts.ts";
import { checkNodeSelector } from "../pods/check-scheduling.ts";

type Errors = readonly FieldError[];

const modes = ["ReadOnlyMany", "ReadWriteMany", "ReadWriteOnce", "ReadWriteOncePod"];
const volumeModes = ["Block", "Filesystem"];

function checkModes(into: Findings, given: readonly string[]): void {
  for (const mode of given) checkSupported(into, "spec.accessModes", mode, modes);
  if (given.includes("ReadWriteOncePod") && given.length > 1)
    into.push(forbidden("spec.accessModes", "may not use ReadWriteOncePod with other access modes"));
}

export function claimErrors(object: Draft): Errors {
  const into: Findings = [];
  const { spec } = view<PersistentVolumeClaim>(object);
  checkSelector(into, "spec.selector", spec.selector);
  if ((spec.accessModes?.length ?? 0) === 0)
    into.push(required("spec.accessModes", "at least 1 access mode is required"));
  checkModes(into, spec.accessModes ?? []);
  const storage = spec.resources?.requests?.["storage"];
  if (storage === undefined) into.push(required("spec.resources[storage]"));
  else checkPositiveQuantity(into, "spec.resources[storage]", storage);
  if ((spec.storageClassName ?? "") !== "")
    checkName(into, "spec.storageClassName", spec.storageClassName ?? "", subdomainComplaints);
  checkSupported(into, "spec.volumeMode", spec.volumeMode, volumeModes);
  return into;
}

const onlyGrowing =
  "spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims";

/** A bound claim may ask for more; the class of one that had none may be set, and the volume that it gets. */
export function claimUpdateErrors(next: Draft, old: Draft): Errors {
  const into = [...claimErrors(next)];
  const [claim, before] = [view<PersistentVolumeClaim>(next), view<PersistentVolumeClaim>(old)];
  const munged: Record<string, unknown> = { ...claim.spec };
  if ((before.spec.volumeName ?? "") === "") restore(munged, before.spec, "volumeName");
  if (before.spec.storageClassName === undefined) restore(munged, before.spec, "storageClassName");
  const isBound = before.status?.phase === "Bound";
  if (isBound) {
    munged["resources"] = before.spec.resources;
    restore(munged, before.spec, "volumeAttributesClassName");
  }
  if (!isSameJson(munged, before.spec))
    into.push(forbidden("spec", `${onlyGrowing}\n${lineDiff(before.spec, munged)}`));
  const [wanted = "0", had = "0"] = [claim, before].map(({ spec }) => spec.resources?.requests?.["storage"]);
  const floor = before.status?.capacity?.["storage"] ?? had;
  const isLess = compareQuantities(parseQuantity(wanted), parseQuantity(had)) < 0;
  if (isLess && compareQuantities(parseQuantity(wanted), parseQuantity(floor)) < 0)
    into.push(forbidden("spec.resources.requests.storage", "field can not be less than status.capacity"));
  checkImmutable(into, "spec.volumeMode", claim.spec.volumeMode, before.spec.volumeMode);
  return into;
}

function restore(munged: Record<string, unknown>, before: object, name: string): void {
  const value = (before as Readonly<Record<string, unknown>>)[name];
  if (value === undefined) delete munged[name];
  else munged[name] = value;
}

/** What a volume's specification has beside its source. */
const noSources = new Set([
  "accessModes",
  "capacity",
  "claimRef",
  "mountOptions",
  "nodeAffinity",
  "persistentVolumeReclaimPolicy",
  "storageClassName",
  "volumeAttributesClassName",
  "volumeMode",
]);

function sourcesOf(spec: object): Draft {
  return Object.fromEntries(Object.entries(spec).filter(([name]) => !noSources.has(name)));
}

export function volumeErrors(object: Draft): Errors {
  const into: Findings = [];
  const { spec } = view<PersistentVolume>(object);
  if ((spec.accessModes?.length ?? 0) === 0) into.push(required("spec.accessModes"));
  checkModes(into, spec.accessModes ?? []);
  checkCapacity(into, spec.capacity ?? {});
  if ((spec.persistentVolumeReclaimPolicy ?? "") !== "")
    checkSupported(into, "spec.persistentVolumeReclaimPolicy", spec.persistentVolumeReclaimPolicy, [
      "Delete",
      "Recycle",
      "Retain",
    ]);
  const affinity = spec.nodeAffinity;
  if (affinity !== undefined) {
    if (affinity.required === undefined)
      into.push(required("spec.nodeAffinity.required", "must specify required node constraints"));
    else checkNodeSelector(into, "spec.nodeAffinity.required", affinity.required);
  }
  const [first, ...others] = Object.keys(sourcesOf(spec));
  if (first === undefined) into.push(required("spec", "must specify a volume type"));
  for (const other of others)
    into.push(forbidden(`spec.${other}`, "may not specify more than 1 volume type"));
  if (spec.hostPath !== undefined) {
    if ((spec.hostPath.path ?? "") === "") into.push(required("spec.hostPath.path"));
    else checkNoBacksteps(into, "spec.hostPath.path", spec.hostPath.path);
    if (spec.hostPath.path === "/" && spec.persistentVolumeReclaimPolicy === "Recycle")
      into.push(
        forbidden("spec.persistentVolumeReclaimPolicy", "may not be 'recycle' for a hostPath mount of '/'"),
      );
  }
  if (spec.local !== undefined && affinity === undefined)
    into.push(required("spec.nodeAffinity", "Local volume requires node affinity"));
  checkSupported(into, "spec.volumeMode", spec.volumeMode, volumeModes);
  return into;
}

function checkCapacity(into: Findings, capacity: Readonly<Record<string, string>>): void {
  const names = Object.keys(capacity);
  if (names.length === 0) into.push(required("spec.capacity"));
  if (!names.includes("storage") || names.length > 1)
    into.push({
      reason: "FieldValueNotSupported",
      field: "spec.capacity",
      message: `Unsupported value: ${JSON.stringify(capacity)}: supported values: "storage"`,
    });
  for (const [name, amount] of Object.entries(capacity))
    checkPositiveQuantity(into, `spec.capacity[${name}]`, amount);
}

export function volumeUpdateErrors(next: Draft, old: Draft): Errors {
  const into = [...volumeErrors(next)];
  const [spec, before] = [view<PersistentVolume>(next).spec, view<PersistentVolume>(old).spec];
  const [sources, known] = [sourcesOf(spec), sourcesOf(before)];
  if (!isSameJson(sources, known))
    into.push(
      forbidden(
        "spec.persistentvolumesource",
        `spec.persistentvolumesource is immutable after creation\n${lineDiff(known, sources)}`,
      ),
    );
  checkImmutable(into, "spec.volumeMode", spec.volumeMode, before.volumeMode);
  if (before.nodeAffinity !== undefined)
    checkImmutable(into, "spec.nodeAffinity", spec.nodeAffinity, before.nodeAffinity);
  return into;
}

export function storageClassErrors(object: Draft): Errors {
  const into: Findings = [];
  const { provisioner, parameters = {}, reclaimPolicy, volumeBindingMode } = view<StorageClass>(object);
  if ((provisioner ?? "") === "") into.push(required("provisioner"));
  else checkName(into, "provisioner", provisioner.toLowerCase(), qualifiedNameComplaints);
  for (const key of Object.keys(parameters))
    if (key === "") into.push(invalid("parameters", key, "field can not be empty."));
  checkSupported(into, "reclaimPolicy", reclaimPolicy, ["Delete", "Retain"]);
  checkSupported(into, "volumeBindingMode", volumeBindingMode, ["Immediate", "WaitForFirstConsumer"]);
  return into;
}

export function storageClassUpdateErrors(next: Draft, old: Draft): Errors {
  const into = [...storageClassErrors(next)];
  const [after, before] = [view<StorageClass>(next), view<StorageClass>(old)];
  if (!isSameJson(after.parameters ?? {}, before.parameters ?? {}))
    into.push(forbidden("parameters", "updates to parameters are forbidden."));
  if (after.provisioner !== before.provisioner)
    into.push(forbidden("provisioner", "updates to provisioner are forbidden."));
  if (after.reclaimPolicy !== before.reclaimPolicy)
    into.push(forbidden("reclaimPolicy", "updates to reclaimPolicy are forbidden."));
  checkImmutable(into, "volumeBindingMode", after.volumeBindingMode, before.volumeBindingMode);
  return into;
}

export function csiDriverErrors(object: Draft): Errors {
  const into: Findings = [];
  const { metadata, spec } = view<CSIDriver>(object);
  if ((metadata.name ?? "").length > 63)
    into.push(invalid("metadata.name", metadata.name, "must be no more than 63 characters"));
  checkSupported(into, "spec.fsGroupPolicy", spec.fsGroupPolicy, ["File", "None", "ReadWriteOnceWithFSType"]);
  for (const mode of spec.volumeLifecycleModes ?? [])
    checkSupported(into, "spec.volumeLifecycleModes", mode, ["Ephemeral", "Persistent"]);
  return into;
}

export function csiDriverUpdateErrors(next: Draft, old: Draft): Errors {
  const into = [...csiDriverErrors(next)];
  const [after, before] = [view<CSIDriver>(next).spec, view<CSIDriver>(old).spec];
  for (const name of ["attachRequired", "volumeLifecycleModes"] as const)
    checkImmutable(into, `spec.${name}`, after[name], before[name]);
  return into;
}

export function csiNodeErrors(object: Draft): Errors {
  const into: Findings = [];
  const seen = new Set<string>();
  for (const [at, { name, nodeID, topologyKeys }] of (view<CSINode>(object).spec.drivers ?? []).entries()) {
    const own = `spec.drivers[${at}]`;
    checkRequiredName(into, `${own}.name`, name);
    checkRequiredName(into, `${own}.nodeID`, nodeID);
    if (seen.has(name)) into.push(duplicate(`${own}.name`, name));
    seen.add(name);
    for (const key of topologyKeys ?? []) checkName(into, own, key, qualifiedNameComplaints);
  }
  return into;
}

export function volumeAttachmentErrors(object: Draft): Errors {
  const into: Findings = [];
  const { attacher, nodeName, source } = view<VolumeAttachment>(object).spec;
  checkRequiredName(into, "spec.attacher", attacher);
  checkRequiredName(into, "spec.nodeName", nodeName);
  const { persistentVolumeName, inlineVolumeSpec } = source ?? {};
  if (persistentVolumeName === undefined && inlineVolumeSpec === undefined)
    into.push(
      required("spec.source", "must specify exactly one of inlineVolumeSpec and persistentVolumeName"),
    );
  if (persistentVolumeName === "")
    into.push(required("spec.source.persistentVolumeName", "must specify non empty persistentVolumeName"));
  return into;
}

export function volumeAttachmentUpdateErrors(next: Draft, old: Draft): Errors {
  const into = [...volumeAttachmentErrors(next)];
  if (!isSameJson(next["spec"], old["spec"])) into.push(invalid("spec", next["spec"], "field is immutable"));
  return into;
}

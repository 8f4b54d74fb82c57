import type { ManagedFieldsEntry, ObjectMeta, OwnerReference } from "#api/kube/meta.ts";
import { forbidden, invalid, notSupported, required, tooLong } from "./field-error.ts";
import { goQuote } from "./go-text.ts";
import { isSameJson } from "./json-equal.ts";
import {
  bytes,
  labelComplaints,
  labelValueComplaints,
  type NameRule,
  nameComplaints,
  qualifiedNameComplaints,
} from "./names.ts";
import type { FieldError } from "./resource.ts";

/** Of all annotations of an object, with their keys. */
const mostAnnotationBytes = 256 * 1024;

type Errors = readonly FieldError[];

/**
 * What is wrong with the metadata of a new object, whose name has been generated already.
 *
 * @param rule how names of its kind look
 * @param path e.g. `metadata`
 */
export function objectMetaErrors(
  meta: ObjectMeta,
  isNamespaced: boolean,
  rule: NameRule,
  path = "metadata",
): Errors {
  return [
    ...worded(`${path}.generateName`, meta.generateName, (base) => nameComplaints(rule, base, true)),
    ...(meta.name === undefined || meta.name === ""
      ? [required(`${path}.name`, "name or generateName is required")]
      : worded(`${path}.name`, meta.name, (name) => nameComplaints(rule, name))),
    ...namespaceErrors(meta.namespace ?? "", isNamespaced, `${path}.namespace`),
    ...generationErrors(meta.generation ?? 0, `${path}.generation`),
    ...sharedErrors(meta, path),
    ...finalizerErrors(meta.finalizers ?? [], `${path}.finalizers`),
    ...managedFieldsErrors(meta.managedFields ?? [], `${path}.managedFields`),
  ];
}

/** The same for an update. Both have what the server fills in. */
export function objectMetaUpdateErrors(next: ObjectMeta, old: ObjectMeta, path = "metadata"): Errors {
  const generation = next.generation ?? 0;
  return [
    ...(old.deletionTimestamp === undefined ? [] : newFinalizerErrors(next, old, `${path}.finalizers`)),
    ...((next.resourceVersion ?? "") === ""
      ? [invalid(`${path}.resourceVersion`, "", "must be specified for an update")]
      : []),
    ...generationErrors(generation, `${path}.generation`),
    ...(generation < (old.generation ?? 0)
      ? [invalid(`${path}.generation`, generation, "must not be decremented")]
      : []),
    ...immutableFields.flatMap((field) => immutableErrors(next[field], old[field], `${path}.${field}`)),
    ...sharedErrors(next, path),
    ...managedFieldsErrors(next.managedFields ?? [], `${path}.managedFields`),
  ];
}

const immutableFields = [
  "name",
  "namespace",
  "uid",
  "creationTimestamp",
  "deletionTimestamp",
  "deletionGracePeriodSeconds",
] as const;

/** That a field is what it was. What is absent, is empty in the message. */
function immutableErrors(next: unknown, old: unknown, field: string): Errors {
  if (isSameJson(next ?? null, old ?? null)) return [];
  const empty = /(name|namespace|uid)$/.test(field) ? "" : null;
  return [invalid(field, next ?? empty, "field is immutable")];
}

function sharedErrors(meta: ObjectMeta, path: string): Errors {
  return [
    ...labelErrors(meta.labels ?? {}, `${path}.labels`),
    ...annotationErrors(meta.annotations ?? {}, `${path}.annotations`),
    ...ownerErrors(meta.ownerReferences ?? [], `${path}.ownerReferences`),
  ];
}

function namespaceErrors(namespace: string, isNamespaced: boolean, field: string): Errors {
  if (!isNamespaced) return namespace === "" ? [] : [forbidden(field, "not allowed on this type")];
  return namespace === "" ? [required(field)] : worded(field, namespace, labelComplaints);
}

function generationErrors(generation: number, field: string): Errors {
  return generation < 0 ? [invalid(field, generation, "must be greater than or equal to 0")] : [];
}

/** What is wrong with labels, e.g. of a pod's template. */
export function labelErrors(labels: Readonly<Record<string, string>>, field: string): Errors {
  return Object.entries(labels).flatMap(([key, value]) => [
    ...worded(field, key, qualifiedNameComplaints),
    ...worded(field, value, labelValueComplaints),
  ]);
}

export function annotationErrors(annotations: Readonly<Record<string, string>>, field: string): Errors {
  const entries = Object.entries(annotations);
  const size = entries.reduce((sum, [key, value]) => sum + bytes(key) + bytes(value), 0);
  return [
    ...entries.flatMap(([key]) => worded(field, key, (name) => qualifiedNameComplaints(name.toLowerCase()))),
    ...(size > mostAnnotationBytes ? [tooLong(field, mostAnnotationBytes)] : []),
  ];
}

function ownerErrors(owners: readonly OwnerReference[], path: string): Errors {
  const controllers = owners.filter(({ controller }) => controller === true);
  const [first] = controllers;
  return [
    ...owners.flatMap((owner, at) => oneOwnerErrors(owner, `${path}[${at}]`)),
    ...controllers
      .slice(1)
      .map((owner) =>
        invalid(
          path,
          owners,
          `Only one reference can have Controller set to true. Found "true" in references for ${first?.kind}/${first?.name} and ${owner.kind}/${owner.name}`,
        ),
      ),
  ];
}

function oneOwnerErrors(owner: OwnerReference, path: string): Errors {
  const { apiVersion, kind, name, uid } = owner;
  const isVersion = /^([^/]*\/)?[^/]+$/.test(apiVersion);
  return [
    ...ownerFields.flatMap((field) =>
      (owner[field] ?? "") === "" ? [required(`${path}.${field}`, "must not be empty")] : [],
    ),
    ...(apiVersion && !isVersion
      ? [invalid(`${path}.apiVersion`, apiVersion, "must be <group>/<version> or <version>")]
      : []),
    ...(apiVersion === "v1" && kind === "Event"
      ? [invalid(path, { apiVersion, kind, name, uid }, "/v1, Kind=Event is disallowed from being an owner")]
      : []),
  ];
}

const ownerFields = ["apiVersion", "kind", "name", "uid"] as const;

function finalizerErrors(finalizers: readonly string[], field: string): Errors {
  return [
    ...finalizers.flatMap((finalizer) => worded(field, finalizer, qualifiedNameComplaints)),
    ...(finalizers.includes("orphan") && finalizers.includes("foregroundDeletion")
      ? [invalid(field, finalizers, "finalizer orphan and foregroundDeletion cannot be both set")]
      : []),
  ];
}

function newFinalizerErrors(next: ObjectMeta, old: ObjectMeta, field: string): Errors {
  const known = new Set(old.finalizers);
  const added = [...new Set(next.finalizers)].filter((finalizer) => !known.has(finalizer)).sort();
  if (added.length === 0) return [];
  const shown = `[]string{${added.map(goQuote).join(", ")}}`;
  return [
    forbidden(
      field,
      `no new finalizers can be added if the object is being deleted, found new finalizers ${shown}`,
    ),
  ];
}

function managedFieldsErrors(entries: readonly ManagedFieldsEntry[], path: string): Errors {
  return entries.flatMap((entry, at) => {
    const field = `${path}[${at}]`;
    return [
      ...operationErrors(entry.operation, `${field}.operation`),
      ...((entry.fieldsType ?? "") !== "" && entry.fieldsType !== "FieldsV1"
        ? [invalid(`${field}.fieldsType`, entry.fieldsType, "must be `FieldsV1`")]
        : []),
      ...managerErrors(entry.manager ?? "", `${field}.manager`),
    ];
  });
}

function operationErrors(operation: string | undefined, field: string): Errors {
  if (operation === undefined || operation === "") return [required(field, "must not be empty")];
  const known = ["Apply", "Update"];
  return known.includes(operation) ? [] : [notSupported(field, operation, known)];
}

/** What is wrong with the name of a field manager. */
export function managerErrors(manager: string, field: string): Errors {
  const errors: FieldError[] = [];
  if (bytes(manager) > 128) errors.push(tooLong(field, 128));
  let at = 0;
  for (const character of manager) {
    if (unprintable.test(character))
      errors.push(invalid(field, manager, `invalid character ${goRune(character)} (at position ${at})`));
    at += bytes(character);
  }
  return errors;
}

const unprintable = /[\p{C}\p{Zl}\p{Zp}]|(?! )\p{Zs}/u;

/** As Go's `%#U` writes what cannot be printed. */
function goRune(character: string): string {
  return `U+${(character.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, "0")}`;
}

function worded(
  field: string,
  value: string | undefined,
  complaints: (value: string) => readonly string[],
): Errors {
  if (value === undefined || (value === "" && field.endsWith(".generateName"))) return [];
  return complaints(value).map((text) => invalid(field, value, text));
}

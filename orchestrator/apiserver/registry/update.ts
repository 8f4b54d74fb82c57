import { isDeepStrictEqual } from "node:util";
import { failure } from "#api/kube/status.ts";
import { invalid as wrong } from "#orchestrator/machinery/field-error.ts";
import { objectMetaUpdateErrors } from "#orchestrator/machinery/object-meta.ts";
import type { Draft } from "#orchestrator/machinery/resource.ts";
import type { CachedObject } from "../cache/cached-object.ts";
import { conflict, invalid, modified, notFound } from "../errors.ts";
import { isOver } from "./held.ts";
import { admissionOf } from "./admission-of.ts";
import { servedCopy } from "./conversion.ts";
import { createObject, namespaceMismatch } from "./create.ts";
import { readNewest } from "./read-newest.ts";
import { noClaims, type RegistryDeps, type Written } from "./registry.ts";
import { placeOf } from "./resource-table.ts";
import { putStored, removeStored, seeWinner } from "./stored.ts";
import { type Metadata, metadataOf, type WriteRequest } from "./write-request.ts";

/** What a write makes of what there is. It may be asked again, when somebody else was faster. */
export interface Change {
  readonly name: string;
  /** @param old a copy of its own; absent when there is none, for writes that may create */
  make(old: Draft | undefined): Draft | Promise<Draft>;
  /** Takes part in who owns which fields by itself. */
  readonly ownsFields?: boolean;
  /** Whether it makes what is not there. */
  readonly mayCreate: boolean;
  /** Whether it is tried again on what somebody else has made meanwhile, unless it names a revision itself. */
  readonly isRepeatable: boolean;
  /** What an update of a subresource of its own keeps to, instead of the strategy's rules for status. */
  readonly prepare?: (next: Draft, old: Draft) => void;
  readonly validate?: (next: Draft, old: Draft) => Parameters<typeof invalid>[3];
}

/** As often somebody else may be faster. */
const attemptsMost = 20;

/**
 * Changes an object.
 *
 * @throws {StatusError} `NotFound`, `Conflict`, `Invalid`, and what admission has against it
 */
export async function updateObject(
  deps: RegistryDeps,
  request: WriteRequest,
  change: Change,
  signal: AbortSignal,
): Promise<Written> {
  for (let attempt = 1; ; attempt++) {
    const outcome = await tryUpdate(deps, request, change, attempt, signal);
    if (outcome !== undefined) return outcome;
    if (attempt === attemptsMost) throw conflict(request.definition, change.name, modified);
  }
}

async function tryUpdate(
  deps: RegistryDeps,
  request: WriteRequest,
  change: Change,
  attempt: number,
  signal: AbortSignal,
): Promise<Written | undefined> {
  const { definition, namespace } = request;
  const { name } = change;
  const old = await readNewest(deps, definition, namespace, name, attempt, signal);
  if (old === undefined) return await createInstead(deps, request, change, signal);
  const before = await servedCopy(definition, old, signal);
  const next = await change.make(await servedCopy(definition, old, signal));
  checkIdentity(request, change, metadataOf(next), metadataOf(before));
  const named = metadataOf(next).resourceVersion ?? "";
  if (named === "" && definition.strategy.needsResourceVersion === true && request.subresource === "")
    throw invalid(definition.kind, definition.group, name, [
      wrong("metadata.resourceVersion", "", "must be specified for an update"),
    ]);
  if (named !== "" && named !== "0" && named !== String(old.revision)) {
    if (attempt === 1 && !change.isRepeatable) await deps.cache.fresh(signal);
    const isStale = deps.cache.resource(placeOf(definition)).find(namespace, name)?.revision === old.revision;
    if (!isStale) return undefined;
    throw conflict(definition, name, modified);
  }
  if (change.ownsFields !== true) deps.owners.update({ ...request, now: deps.now() }, before, next);
  const admission = admissionOf(request, "UPDATE", name, { object: next, old: before });
  await deps.admission.admit(admission, signal);
  keepMetadata(metadataOf(next), metadataOf(before));
  prepare(request, change, next, before);
  using _claims = allocate(deps, request, next, before);
  check(request, change, next, before);
  return await store(deps, request, change, { old, before, next }, signal);
}

function allocate(
  { allocators }: RegistryDeps,
  { definition, subresource }: WriteRequest,
  next: Draft,
  old: Draft,
): Disposable {
  if (subresource !== "") return noClaims;
  return allocators.get(placeOf(definition))?.allocate(next, old) ?? noClaims;
}

interface Versions {
  readonly old: CachedObject;
  readonly before: Draft;
  readonly next: Draft;
}

async function store(
  deps: RegistryDeps,
  request: WriteRequest,
  change: Change,
  { old, before, next }: Versions,
  signal: AbortSignal,
): Promise<Written | undefined> {
  const { definition, isDryRun } = request;
  const { name } = change;
  const admission = admissionOf(request, "UPDATE", name, { object: next, old: before });
  const settle = await deps.admission.validate(admission, signal);
  let isStored = false;
  try {
    metadataOf(next).resourceVersion = String(old.revision);
    if (isDryRun) return { object: next, isNew: false };
    if (isSame(next, before)) return { object: withOldOwners(next, before), isNew: false };
    if (isOver(definition, next)) {
      isStored = await removeStored(deps, old, signal);
      return isStored ? { object: next, isNew: false } : undefined;
    }
    const write = { key: old.key, object: next, expected: old.revision };
    const result = await putStored(deps, definition, write, signal);
    isStored = result.isDone;
    if (result.isDone) return { object: next, isNew: false, stored: result.stored };
    await seeWinner(deps, result, signal);
    return undefined;
  } finally {
    settle(isStored);
  }
}

async function createInstead(
  deps: RegistryDeps,
  request: WriteRequest,
  change: Change,
  signal: AbortSignal,
): Promise<Written> {
  const { definition } = request;
  if (!change.mayCreate) throw notFound(definition, change.name);
  const object = await change.make(undefined);
  const metadata = metadataOf(object);
  if ((metadata.name ?? "") === "") metadata.name = change.name;
  checkNames(request, change, metadata);
  if ((metadata.uid ?? "") !== "")
    throw conflict(
      definition,
      change.name,
      `Precondition failed: UID in precondition: ${metadata.uid}, UID in object meta: `,
    );
  if ((metadata.resourceVersion ?? "") !== "" && metadata.resourceVersion !== "0")
    throw notFound(definition, change.name);
  return await createObject(deps, { ...request, ownsFields: change.ownsFields === true }, object, signal);
}

function checkNames({ namespace }: WriteRequest, { name }: Change, metadata: Metadata): void {
  if (metadata.name === undefined || metadata.name === "")
    throw failure(
      "BadRequest",
      "the name of the object (based on URL) was not set: metadata.name is missing",
    );
  if (metadata.name !== name)
    throw failure(
      "BadRequest",
      `the name of the object (${metadata.name}) does not match the name on the URL (${name})`,
    );
  if ((metadata.namespace ?? "") === "" && namespace !== undefined) metadata.namespace = namespace;
  if (namespace !== undefined && metadata.namespace !== namespace)
    throw failure("BadRequest", namespaceMismatch);
}

function checkIdentity(request: WriteRequest, change: Change, next: Metadata, old: Metadata): void {
  checkNames(request, change, next);
  if (!request.definition.isNamespaced) delete next.namespace;
  if ((next.uid ?? "") !== "" && next.uid !== old.uid)
    throw conflict(
      request.definition,
      change.name,
      `Precondition failed: UID in precondition: ${next.uid}, UID in object meta: ${old.uid}`,
    );
}

/** What a client may leave out, and what it may not change though it says so. */
function keepMetadata(next: Metadata, old: Metadata): void {
  for (const field of [
    "uid",
    "creationTimestamp",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
  ] as const) {
    if ((next[field] ?? "") === "") delete next[field];
    if (next[field] === undefined && old[field] !== undefined) Object.assign(next, { [field]: old[field] });
  }
  if (old.generation === undefined) delete next.generation;
  else next.generation = old.generation;
  // Whoever names none writes over what there is.
  next.resourceVersion = old.resourceVersion ?? "";
  delete next.selfLink;
}

function prepare({ definition, subresource }: WriteRequest, change: Change, next: Draft, old: Draft): void {
  const { strategy } = definition;
  if (change.prepare !== undefined) change.prepare(next, old);
  else if (subresource === "status") {
    if (strategy.prepareForStatusUpdate !== undefined) strategy.prepareForStatusUpdate(next, old);
    else keepAllButStatus(next, old);
  } else strategy.prepareForUpdate?.(next, old);
}

/** An update of the status changes nothing else, but labels and annotations as upstream lets it. */
function keepAllButStatus(next: Draft, old: Draft): void {
  const { managedFields } = metadataOf(next);
  const status = next["status"];
  for (const field of Object.keys(next)) delete next[field];
  Object.assign(next, old);
  next["metadata"] = {
    ...(old["metadata"] as object),
    ...(managedFields !== undefined && { managedFields }),
  };
  if (status === undefined) delete next["status"];
  else next["status"] = status;
}

function check(
  { definition, subresource, warn }: WriteRequest,
  change: Change,
  next: Draft,
  old: Draft,
): void {
  const { strategy, kind, group } = definition;
  const own =
    change.validate !== undefined
      ? change.validate(next, old)
      : subresource === "status"
        ? (strategy.validateStatusUpdate?.(next, old) ?? [])
        : (strategy.validateUpdate?.(next, old) ?? strategy.validate?.(next) ?? []);
  const errors = [...objectMetaUpdateErrors(metadataOf(next), metadataOf(old)), ...own];
  if (errors.length > 0) throw invalid(kind, group, change.name, errors);
  if (subresource === "") for (const text of strategy.warnings?.(next) ?? []) warn(text);
}

/** Nothing but when somebody last wrote is different. */
function isSame(next: Draft, old: Draft): boolean {
  return isDeepStrictEqual(withoutTimes(next), withoutTimes(old));
}

function withoutTimes(object: Draft): Draft {
  const { managedFields, resourceVersion: _version, ...metadata } = metadataOf(object);
  if (managedFields === undefined) return { ...object, metadata };
  const owners = managedFields.map((entry) => ({ ...(entry as object), time: undefined }));
  return { ...object, metadata: { ...metadata, managedFields: owners } };
}

function withOldOwners(next: Draft, old: Draft): Draft {
  const { managedFields } = metadataOf(old);
  if (managedFields !== undefined) metadataOf(next).managedFields = managedFields;
  return next;
}

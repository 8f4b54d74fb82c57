import { isDeepStrictEqual } from "node:util";
import type { DeleteOptions } from "#api/kube/meta.ts";
import type { Status } from "#api/kube/status.ts";
import { invalid as wrong, notSupported } from "#orchestrator/machinery/field-error.ts";
import type { Draft, FieldError, ResourceDefinition } from "#orchestrator/machinery/resource.ts";
import { timeText } from "#orchestrator/machinery/time-text.ts";
import type { CachedObject } from "../cache/cached-object.ts";
import { storedBytes, storeKey } from "../cache/cached-object.ts";
import { conflict, invalid, modified, notFound } from "../errors.ts";
import { admissionOf } from "./admission-of.ts";
import { servedCopy, toStore } from "./conversion.ts";
import { isHeld } from "./held.ts";
import { readNewest } from "./read-newest.ts";
import type { RegistryDeps } from "./registry.ts";
import { placeOf } from "./resource-table.ts";
import { removeStored, seeWinner } from "./stored.ts";
import { type Metadata, metadataOf, type WriteRequest } from "./write-request.ts";

export type Deleted =
  /** It is still there, and what it is now. */
  { readonly is: "lingering"; readonly object: Draft } | { readonly is: "gone"; readonly object: Draft };

const attemptsMost = 20;
const orphan = "orphan";
const foreground = "foregroundDeletion";

/**
 * Deletes an object: at once, or by marking it when it has finalizers or ends gracefully.
 *
 * @throws {StatusError} `NotFound`, `Conflict` for a precondition that does not hold, and what admission has against it
 */
export async function deleteObject(
  deps: RegistryDeps,
  request: WriteRequest,
  name: string,
  options: DeleteOptions,
  signal: AbortSignal,
): Promise<Deleted> {
  checkOptions(options);
  for (let attempt = 1; attempt <= attemptsMost; attempt++) {
    const outcome = await tryDelete(deps, request, name, options, attempt, signal);
    if (outcome !== undefined) return outcome;
  }
  throw conflict(request.definition, name, modified);
}

/** The answer to a deletion of something that has gone. */
export function deletedStatus(
  { group, resource }: ResourceDefinition,
  name: string,
  uid: string | undefined,
): Status {
  return {
    kind: "Status",
    apiVersion: "v1",
    metadata: {},
    status: "Success",
    details: { name, ...(group !== "" && { group }), kind: resource, ...(uid !== undefined && { uid }) },
  };
}

async function tryDelete(
  deps: RegistryDeps,
  request: WriteRequest,
  name: string,
  options: DeleteOptions,
  attempt: number,
  signal: AbortSignal,
): Promise<Deleted | undefined> {
  const { definition, namespace, isDryRun } = request;
  const old = await readNewest(deps, definition, namespace, name, attempt, signal);
  if (old === undefined) throw notFound(definition, name);
  const before = await servedCopy(definition, old, signal);
  checkPreconditions(definition, name, options, metadataOf(before));
  const admission = admissionOf(request, "DELETE", name, { old: before });
  if (attempt === 1) await deps.admission.admit(admission, signal);
  const settle = await deps.admission.validate(admission, signal);
  let isStored = false;
  try {
    const next = structuredClone(before);
    mark(definition, next, options, deps.now());
    if (!isDryRun) {
      const result = await write(deps, definition, old, next, before, signal);
      if (result === undefined) return undefined;
      isStored = true;
      metadataOf(next).resourceVersion = String(result);
    }
    return { is: isHeld(definition, next) ? "lingering" : "gone", object: next };
  } finally {
    settle(isStored);
  }
}

/** Undefined when somebody else was faster. */
async function write(
  deps: RegistryDeps,
  definition: ResourceDefinition,
  old: CachedObject,
  next: Draft,
  before: Draft,
  signal: AbortSignal,
): Promise<number | undefined> {
  if (!isHeld(definition, next)) return (await removeStored(deps, old, signal)) ? old.revision : undefined;
  if (isDeepStrictEqual(next, before)) return old.revision;
  const value = storedBytes(await toStore(definition, next, signal));
  const result = await deps.store.put({ key: storeKey(old.key), value, expected: old.revision }, signal);
  if (result.isDone) return result.revision;
  await seeWinner(deps, result, signal);
  return undefined;
}

function mark(definition: ResourceDefinition, next: Draft, options: DeleteOptions, now: Date): void {
  const metadata = metadataOf(next);
  const own = metadata.deletionTimestamp === undefined ? definition.strategy.finalizersOnDelete : [];
  const given = new Set([...(metadata.finalizers ?? []), ...(own ?? [])]);
  const finalizers = finalizersFor(definition, [...given], options);
  if (finalizers.length > 0) metadata.finalizers = finalizers;
  else delete metadata.finalizers;
  const asked = options.gracePeriodSeconds;
  const wanted =
    definition.strategy.gracePeriodS?.(
      next,
      asked === undefined ? undefined : Math.max(asked, asked < 0 ? 1 : 0),
    ) ?? 0;
  if (metadata.deletionTimestamp === undefined) {
    metadata.deletionTimestamp = timeText(new Date(now.getTime() + wanted * 1000));
    metadata.deletionGracePeriodSeconds = wanted;
    if (metadata.generation !== undefined) metadata.generation++;
    if (placeOf(definition) === "core/namespaces")
      next["status"] = { ...(next["status"] as Draft | undefined), phase: "Terminating" };
    return;
  }
  const current = metadata.deletionGracePeriodSeconds ?? 0;
  if (asked === undefined || wanted >= current) return;
  // It may only become shorter: counted from when the deletion began.
  const began = Date.parse(metadata.deletionTimestamp) - current * 1000;
  metadata.deletionTimestamp = timeText(new Date(began + wanted * 1000));
  metadata.deletionGracePeriodSeconds = wanted;
}

/** What the policy makes of the finalizers. @see Kubernetes API 1.36, garbage collection */
function finalizersFor(
  { strategy }: ResourceDefinition,
  finalizers: readonly string[],
  { propagationPolicy, orphanDependents }: DeleteOptions,
): string[] {
  const others = finalizers.filter((one) => one !== orphan && one !== foreground);
  const policy =
    propagationPolicy ??
    (orphanDependents === undefined
      ? finalizers.includes(orphan)
        ? "Orphan"
        : finalizers.includes(foreground)
          ? "Foreground"
          : (strategy.defaultPropagation ?? "Background")
      : orphanDependents
        ? "Orphan"
        : "Background");
  if (policy === "Orphan") return [...others, orphan];
  if (policy === "Foreground") return [...others, foreground];
  return others;
}

function checkPreconditions(
  definition: ResourceDefinition,
  name: string,
  { preconditions }: DeleteOptions,
  { uid, resourceVersion }: Metadata,
): void {
  if (preconditions?.uid !== undefined && preconditions.uid !== uid)
    throw conflict(
      definition,
      name,
      `Precondition failed: UID in precondition: ${preconditions.uid}, UID in object meta: ${uid}`,
    );
  if (preconditions?.resourceVersion !== undefined && preconditions.resourceVersion !== resourceVersion)
    throw conflict(
      definition,
      name,
      `Precondition failed: ResourceVersion in precondition: ${preconditions.resourceVersion}, ResourceVersion in object meta: ${resourceVersion}`,
    );
}

const policies = ["Background", "Foreground", "Orphan"];

function checkOptions({ propagationPolicy, orphanDependents }: DeleteOptions): void {
  if (propagationPolicy === undefined) return;
  const errors: FieldError[] = [];
  const field = "propagationPolicy";
  if (!policies.includes(propagationPolicy)) errors.push(notSupported(field, propagationPolicy, policies));
  if (orphanDependents !== undefined)
    errors.push(
      wrong(field, propagationPolicy, "orphanDependents and deletionPropagation cannot be both set"),
    );
  if (errors.length > 0) throw invalid("DeleteOptions", "meta.k8s.io", "", errors);
}

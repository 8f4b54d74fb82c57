import { failure } from "#api/kube/status.ts";
import { generateName, mostNameAttempts } from "#orchestrator/machinery/generate-name.ts";
import { objectMetaErrors } from "#orchestrator/machinery/object-meta.ts";
import type { Draft } from "#orchestrator/machinery/resource.ts";
import { timeText } from "#orchestrator/machinery/time-text.ts";
import { storeKey } from "../cache/cached-object.ts";
import { alreadyExists, invalid } from "../errors.ts";
import { admissionOf } from "./admission-of.ts";
import { noClaims, type RegistryDeps, type Written } from "./registry.ts";
import { placeOf } from "./resource-table.ts";
import { putStored } from "./stored.ts";
import { metadataOf, type WriteRequest } from "./write-request.ts";

/**
 * Stores a new object, which is changed in place until then. Its fields have been checked and defaults set.
 *
 * @throws {StatusError} `AlreadyExists`, `Invalid`, and what admission has against it
 */
export async function createObject(
  deps: RegistryDeps,
  request: WriteRequest,
  object: Draft,
  signal: AbortSignal,
): Promise<Written> {
  const { definition } = request;
  prepareMetadata(deps, request, object);
  const metadata = metadataOf(object);
  const isGenerated = (metadata.name ?? "") === "" && (metadata.generateName ?? "") !== "";
  const admission = admissionOf(request, "CREATE", metadata.name ?? "", { object });
  if (request.ownsFields !== true) deps.owners.update({ ...request, now: deps.now() }, undefined, object);
  await deps.admission.admit(admission, signal);
  for (let attempt = 1; ; attempt++) {
    const draft = isGenerated && attempt < mostNameAttempts ? structuredClone(object) : object;
    if (isGenerated) metadataOf(draft).name = generateName(metadata.generateName ?? "", deps.random);
    definition.strategy.prepareForCreate?.(draft);
    using _claims = deps.allocators.get(placeOf(definition))?.allocate(draft, undefined) ?? noClaims;
    check(request, draft);
    const written = await put(deps, request, draft, signal);
    if (written !== undefined) return written;
    if (!isGenerated || attempt === mostNameAttempts)
      throw alreadyExists(definition, metadataOf(draft).name ?? "");
  }
}

function prepareMetadata({ now, newUid }: RegistryDeps, request: WriteRequest, object: Draft): void {
  const metadata = metadataOf(object);
  const { definition, namespace } = request;
  if (definition.isNamespaced) {
    if ((metadata.namespace ?? "") !== "" && metadata.namespace !== namespace)
      throw failure("BadRequest", namespaceMismatch);
    if (namespace !== undefined) metadata.namespace = namespace;
  } else delete metadata.namespace;
  if ((metadata.resourceVersion ?? "") !== "" && metadata.resourceVersion !== "0")
    throw failure("BadRequest", "resourceVersion should not be set on objects to be created");
  delete metadata.resourceVersion;
  delete metadata.deletionTimestamp;
  delete metadata.deletionGracePeriodSeconds;
  delete metadata.selfLink;
  metadata.uid = newUid();
  metadata.creationTimestamp = timeText(now());
}

export const namespaceMismatch =
  "the namespace of the provided object does not match the namespace sent on the request";

function check({ definition, warn }: WriteRequest, object: Draft): void {
  const { strategy, kind, group, isNamespaced } = definition;
  const meta = metadataOf(object);
  const errors = [
    ...objectMetaErrors(meta, isNamespaced, strategy.nameRule ?? "dns-subdomain"),
    ...(strategy.validate?.(object) ?? []),
  ];
  if (errors.length > 0) throw invalid(kind, group, metadataOf(object).name ?? "", errors);
  for (const text of strategy.warnings?.(object) ?? []) warn(text);
}

/** Undefined when the name is taken. */
async function put(
  deps: RegistryDeps,
  request: WriteRequest,
  object: Draft,
  signal: AbortSignal,
): Promise<Written | undefined> {
  const { definition, isDryRun } = request;
  const { name = "", namespace } = metadataOf(object);
  const key = {
    place: placeOf(definition),
    name,
    ...(definition.isNamespaced && namespace !== undefined && { namespace }),
  };
  const admission = admissionOf(request, "CREATE", name, { object });
  const settle = await deps.admission.validate(admission, signal);
  let isStored = false;
  try {
    if (isDryRun) {
      const { entry } = await deps.store.get(storeKey(key), signal);
      return entry === undefined ? { object, isNew: true } : undefined;
    }
    const result = await putStored(deps, definition, { key, object, expected: 0 }, signal);
    isStored = result.isDone;
    return result.isDone ? { object, isNew: true, stored: result.stored } : undefined;
  } finally {
    settle(isStored);
  }
}

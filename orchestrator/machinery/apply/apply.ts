/**
 * Server-side apply, and who owns the fields of an object, for the API server. Pure: it reads and makes objects, keeps nothing.
 *
 * A write calls one of two functions with the live object as it is stored, after its own changes and before admission:
 * - {@link applyFields} for a patch of type apply: it merges, and refuses what others own;
 * - {@link updateManagedFields} for every other write, creations too: it sets `metadata.managedFields` of what will be stored.
 *
 * A write that changes nothing but the time of an owner should not be stored: it would be a change that nobody made.
 *
 * @see Kubernetes, "Server-Side Apply"
 */
import type { ManagedFieldsEntry } from "#api/kube/meta.ts";
import { failure, unexpected } from "#api/kube/status.ts";
import { isSameJson } from "../json-equal.ts";
import { bytes } from "../names.ts";
import type { Draft } from "../resource.ts";
import { type FieldSet, difference, setOf, union } from "./field-set.ts";
import { failureOf } from "./conflict.ts";
import { allowedByLastApplied, withLastApplied } from "./last-applied.ts";
import {
  capUpdaters,
  isReset,
  keyOf,
  type Owner,
  type Owners,
  readOwners,
  withoutEmpty,
  writeOwners,
} from "./managers.ts";
import { applied, ConflictsError, type FieldTypes, ownersAfterUpdate } from "./ownership.ts";
import { typeErrors } from "./validate.ts";
import { timeText } from "../time-text.ts";

export interface FieldWrite {
  readonly types: FieldTypes;
  /** Of the request: `v1`, `apps/v1`. */
  readonly apiVersion: string;
  readonly kind: string;
  /** Empty for the resource itself. */
  readonly subresource: string;
  /** What the client calls itself, or its user agent up to the first slash; never empty. */
  readonly manager: string;
  /** What the server takes from no client at this place: see {@link ignoredFields}. */
  readonly ignored: FieldSet;
  /** What an object has before anybody has set a field, as upstream writes it; see {@link emptyObject}. */
  readonly empty: Draft;
  readonly now: Date;
}

/** An owner's name for a manager; at most as long as one may be. */
export function managerOf(fieldManager: string | null | undefined, userAgent: string | undefined): string {
  if (fieldManager !== undefined && fieldManager !== null && fieldManager !== "") return fieldManager;
  const printable = (userAgent ?? "").split("/")[0]?.replace(/[\p{C}\p{Zl}\p{Zp}]|(?! )\p{Zs}/gu, "") ?? "";
  let name = "";
  for (const character of printable) if (bytes(name + character) <= 128) name += character;
  return name;
}

/** What a write of a resource, or of a subresource of it, cannot change. */
export function ignoredFields(subresource: string, hasStatus: boolean): FieldSet {
  if (subresource === "status") return setOf(["f:spec"], ["f:metadata"]);
  return hasStatus && subresource === "" ? setOf(["f:status"]) : setOf();
}

/**
 * Sets who owns which fields after a write that is no apply. Changes `next` in place; it never fails: owners that cannot be read are
 * forgotten, as the peer does.
 *
 * @param live the object before the write; undefined when it is created
 */
export function updateManagedFields(write: FieldWrite, live: Draft | undefined, next: Draft): void {
  const owners = ownersFor(write, live, next);
  setOwners(next, undefined);
  if (owners.size === 0 && live !== undefined) return;
  setOwners(next, updated(write, live ?? write.empty, next, owners));
}

function ownersFor({ subresource }: FieldWrite, live: Draft | undefined, next: Draft): Owners {
  const [before, given] = [entriesOf(live), entriesOf(next)];
  if (subresource !== "") return orNone(readOwners(before));
  if (isReset(given)) return new Map();
  const owners = orNone(readOwners(given));
  return owners.size === 0 ? orNone(readOwners(before)) : owners;
}

function orNone(read: ReturnType<typeof readOwners>): Owners {
  return read instanceof Map ? read : new Map();
}

function updated(write: FieldWrite, live: Draft, next: Draft, before: Owners): Owners {
  const { apiVersion, types, ignored } = write;
  const current = "the write that is under way";
  const updater = ownerOf(write, "Update");
  const change = { types, apiVersion, ignored, live: withoutOwners(live) };
  const owners = ownersAfterUpdate(change, withoutOwners(next), before, updater, current);
  const own = owners.get(current);
  owners.delete(current);
  const fields = own === undefined ? undefined : difference(own.fields, unowned);
  if (fields !== undefined && fields.size > 0) {
    const key = keyOf(updater);
    const previous = owners.get(key);
    owners.set(key, { ...updater, fields: previous === undefined ? fields : union(fields, previous.fields) });
  }
  capUpdaters(owners);
  return owners;
}

/**
 * What an object becomes when a client applies fields to it, with its new owners. Neither object is changed. Defaults are the
 * caller's to set.
 *
 * @param live undefined when there is none yet
 * @throws {StatusError} `Conflict` with a cause for each field that another owns and the client does not force; `BadRequest` for
 * another type; 500, as the peer has it, for what does not fit the type's schema
 */
export function applyFields(
  write: FieldWrite & { readonly force: boolean },
  live: Draft | undefined,
  config: Draft,
): Draft {
  checkConfig(write, config);
  const current = live ?? write.empty;
  const read = readOwners(entriesOf(current));
  if (!(read instanceof Map)) throw unexpected(`failed to decode managed fields: ${read.error}`);
  const owners = read.size > 0 || live === undefined ? read : ownersBeforeApply(write, current);
  const after = appliedOrAllowed(write, current, config, owners);
  const { object } = after;
  setOwners(object, after.owners);
  return write.manager === "kubectl" ? withLastApplied(object, config) : object;
}

function checkConfig({ apiVersion, kind, types }: FieldWrite, config: Draft): void {
  const type = gvk(textOf(config["apiVersion"]), textOf(config["kind"]));
  if (config["apiVersion"] !== apiVersion || config["kind"] !== kind)
    throw failure("BadRequest", `invalid object type: ${type}`);
  const metadata = config["metadata"] as Draft | undefined;
  if ((metadata?.["managedFields"] ?? null) !== null)
    throw failure("BadRequest", "metadata.managedFields must be nil");
  const errors = typeErrors(types.findAtom(apiVersion) ?? {}, config, false);
  if (errors.length === 0) return;
  const name = `${textOf(metadata?.["namespace"])}/${textOf(metadata?.["name"])}; ${type}`;
  const text =
    errors.length === 1 ? errors[0] : ["errors:", ...errors.map((error) => `  ${error}`)].join("\n");
  throw unexpected(`failed to create typed patch object (${name}): ${text}`);
}

function textOf(value: unknown): string {
  return typeof value === "string" ? value : "";
}

function gvk(apiVersion: string, kind: string): string {
  return `${apiVersion.includes("/") ? apiVersion : `/${apiVersion}`}, Kind=${kind}`;
}

/** An object that nobody owns yet has been made by somebody before the first apply. */
function ownersBeforeApply(write: FieldWrite, live: Draft): Owners {
  return updated({ ...write, manager: "before-first-apply" }, write.empty, live, new Map());
}

function appliedOrAllowed(
  write: FieldWrite & { readonly force: boolean },
  live: Draft,
  config: Draft,
  owners: Owners,
): { readonly object: Draft; readonly owners: Owners } {
  try {
    return appliedOnce(write, live, config, owners, write.force);
  } catch (error) {
    if (!(error instanceof ConflictsError)) throw error;
    const allowed = write.manager === "kubectl" ? allowedByLastApplied(write, live) : undefined;
    const conflicts =
      allowed === undefined ? error.conflicts : error.conflicts.filter(({ path }) => !allowed(path));
    if (conflicts.length > 0) throw failureOf(conflicts);
    return appliedOnce(write, live, config, owners, true);
  }
}

function appliedOnce(
  write: FieldWrite,
  live: Draft,
  config: Draft,
  before: Owners,
  isForced: boolean,
): { readonly object: Draft; readonly owners: Owners } {
  const { apiVersion, types, ignored, now } = write;
  const { time: _, ...applier } = ownerOf(write, "Apply");
  const key = keyOf(applier);
  const change = { types, apiVersion, ignored, live: withoutOwners(live) };
  const previous = before.get(key)?.time;
  const { object, owners } = applied(change, config, before, applier, key, isForced);
  const own = owners.get(key);
  if (own !== undefined) {
    const isChanged = !isSameJson(object, change.live);
    const time = isChanged || previous === undefined ? timeText(now) : previous;
    owners.set(key, { ...own, fields: difference(own.fields, unowned), time });
  }
  return { object: withoutOwners(object), owners: withoutEmpty(owners) };
}

function ownerOf({ manager, apiVersion, subresource, now }: FieldWrite, operation: Owner["operation"]) {
  return {
    manager: manager === "" ? "unknown" : manager,
    operation,
    apiVersion,
    subresource,
    time: timeText(now),
  };
}

/** What nobody owns: it names the object, or the server alone sets it. */
const unowned = setOf(
  ["f:apiVersion"],
  ["f:kind"],
  ["f:metadata"],
  ...[
    "name",
    "namespace",
    "creationTimestamp",
    "selfLink",
    "uid",
    "clusterName",
    "generation",
    "managedFields",
    "resourceVersion",
  ].map((name) => ["f:metadata", `f:${name}`]),
);

function entriesOf(object: Draft | undefined): readonly ManagedFieldsEntry[] | undefined {
  const metadata = object?.["metadata"] as
    | { readonly managedFields?: readonly ManagedFieldsEntry[] | null }
    | undefined;
  return metadata?.managedFields ?? undefined;
}

function withoutOwners(object: Draft): Draft {
  if (entriesOf(object) === undefined) return object;
  const { managedFields: _, ...metadata } = object["metadata"] as Draft;
  return { ...object, metadata };
}

function setOwners(object: Draft, owners: Owners | undefined): void {
  const entries = owners === undefined ? undefined : writeOwners(owners);
  const { managedFields: _, ...metadata } = (object["metadata"] ?? {}) as Draft;
  object["metadata"] = entries === undefined ? metadata : { ...metadata, managedFields: entries };
}

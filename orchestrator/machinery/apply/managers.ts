import type { ManagedFieldsEntry } from "#api/kube/meta.ts";
import { byBytes } from "../go-text.ts";
import { emptySet, type FieldSet, fieldsOf, findFieldSet, isEmpty, union } from "./field-set.ts";

/** Who owns fields, how it came to own them, and which. */
export interface Owner {
  readonly manager: string;
  readonly operation: "Apply" | "Update";
  readonly apiVersion: string;
  readonly subresource: string;
  /** RFC 3339, whole seconds. */
  readonly time?: string;
  readonly fields: FieldSet;
}

/** By what makes an owner another one. One that applies stays the same when it changes the version that it applies. */
export type Owners = Map<string, Owner>;

/** As many owners by updates an object has at most: older ones become one. */
const mostUpdaters = 10;
const pastOwner = "ancient-changes";

export function keyOf(owner: Omit<Owner, "fields">): string {
  const version = owner.operation === "Apply" ? "" : owner.apiVersion;
  return JSON.stringify([owner.manager, owner.operation, version, owner.subresource]);
}

/**
 * Reads an object's `managedFields`.
 *
 * @returns them, or what is wrong with them in the words of the API
 */
export function readOwners(
  entries: readonly ManagedFieldsEntry[] | undefined,
): Owners | { readonly error: string } {
  const owners: Owners = new Map();
  for (const [at, entry] of (entries ?? []).entries()) {
    const error = entryError(entry, at);
    const fields = findFieldSet(entry.fieldsV1 ?? {});
    if (error !== undefined) return { error };
    if (fields === undefined)
      return { error: `error decoding versioned set from managed fields entry ${at}` };
    const { manager = "", operation = "Update", apiVersion = "", subresource = "", time } = entry;
    const owner = {
      manager,
      operation,
      apiVersion,
      subresource,
      fields,
      ...(time !== undefined && { time }),
    };
    owners.set(keyOf(owner), owner);
  }
  return owners;
}

function entryError(
  { operation, apiVersion, fieldsType }: ManagedFieldsEntry,
  at: number,
): string | undefined {
  if (operation !== "Apply" && operation !== "Update") return "operation must be `Apply` or `Update`";
  if ((apiVersion ?? "") === "") return "apiVersion must not be empty";
  const type: string = fieldsType ?? "";
  if (type === "") return `missing fieldsType in managed fields entry ${at}`;
  return type === "FieldsV1" ? undefined : `invalid fieldsType "${type}" in managed fields entry ${at}`;
}

/** The owners as an object has them; undefined when there are none. */
export function writeOwners(owners: Owners): readonly ManagedFieldsEntry[] | undefined {
  if (owners.size === 0) return undefined;
  return [...owners.values()]
    .sort(byTime)
    .map(({ manager, operation, apiVersion, subresource, time, fields }) => ({
      ...(manager !== "" && { manager }),
      operation,
      apiVersion,
      ...(time !== undefined && { time }),
      fieldsType: "FieldsV1",
      fieldsV1: fieldsOf(fields),
      ...(subresource !== "" && { subresource }),
    }));
}

function byTime(a: Owner, b: Owner): number {
  return (
    byBytes(a.operation, b.operation) ||
    secondsOf(a) - secondsOf(b) ||
    byBytes(a.manager, b.manager) ||
    byBytes(a.apiVersion, b.apiVersion) ||
    byBytes(a.subresource, b.subresource)
  );
}

function secondsOf({ time }: Owner): number {
  return time === undefined ? 0 : Math.floor(Date.parse(time) / 1000);
}

/** Puts the oldest owners by updates together until there are no more than ten. */
export function capUpdaters(owners: Owners): void {
  const updaters = [...owners].filter(([, { operation }]) => operation === "Update");
  updaters.sort(([x, a], [y, b]) => secondsOf(a) - secondsOf(b) || byBytes(x, y));
  const first = new Map<string, string>();
  let count = updaters.length;
  for (const [key, owner] of updaters) {
    if (count <= mostUpdaters) return;
    const known = first.get(owner.apiVersion);
    if (known === undefined) first.set(owner.apiVersion, key);
    else {
      addToPast(owners, known, owner);
      owners.delete(key);
      count--;
    }
  }
}

function addToPast(owners: Owners, firstKey: string, owner: Owner): void {
  const past: Owner = { ...owner, manager: pastOwner, subresource: "" };
  const pastKey = keyOf(past);
  const before = owners.get(pastKey) ?? owners.get(firstKey);
  if (!owners.has(pastKey)) owners.delete(firstKey);
  owners.set(pastKey, { ...past, fields: union(owner.fields, before?.fields ?? emptySet) });
}

/** Whether a client asks to forget all owners: an empty list, or one empty entry. */
export function isReset(entries: readonly ManagedFieldsEntry[] | undefined): boolean {
  if (entries === undefined || entries === null) return false;
  if (entries.length === 0) return true;
  return entries.length === 1 && Object.keys(entries[0] ?? {}).length === 0;
}

export function withoutEmpty(owners: Owners): Owners {
  return new Map(owners.entries().filter(([, { fields }]) => !isEmpty(fields)));
}

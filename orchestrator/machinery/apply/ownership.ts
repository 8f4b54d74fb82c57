import type { Draft } from "../resource.ts";
import type { Atom } from "./atom.ts";
import { type Comparison, compare } from "./compare.ts";
import {
  difference,
  emptySet,
  type FieldSet,
  intersection,
  isEmpty,
  type Path,
  pathsOf,
  recursiveDifference,
  union,
} from "./field-set.ts";
import type { Owner, Owners } from "./managers.ts";
import { withoutEmpty } from "./managers.ts";
import { merge } from "./merge.ts";
import { reconciled, withNamedFields } from "./reconcile.ts";
import { withoutFields } from "./remove.ts";
import { toFieldSet } from "./to-field-set.ts";

/** The versions of a kind, as far as ownership is concerned. */
export interface FieldTypes {
  /** What an object of the version looks like; undefined for a version that is not served any more. */
  findAtom(apiVersion: string): Atom | undefined;
  /** The object in another version of its kind; absent: they differ in nothing but their name. */
  convert?(object: Draft, apiVersion: string): Draft;
}

/** What one write of an object is about. */
export interface OwnershipChange {
  readonly types: FieldTypes;
  readonly apiVersion: string;
  /** What the server takes from no client at this place, e.g. the status: nobody owns it by this. */
  readonly ignored: FieldSet;
  readonly live: Draft;
}

export interface Conflict {
  readonly owner: Owner;
  readonly path: Path;
}

/** A field that another owns has been given another value. */
export class ConflictsError extends Error {
  override readonly name = "ConflictsError";
  readonly conflicts: readonly Conflict[];

  constructor(conflicts: readonly Conflict[]) {
    super("conflicts");
    this.conflicts = conflicts;
  }
}

/** Who owns what after a write that is no apply: whoever is at `key` owns what it changed, nobody else does. */
export function ownersAfterUpdate(
  change: OwnershipChange,
  next: Draft,
  before: Owners,
  updater: Omit<Owner, "fields">,
  key: string,
): Owners {
  const known = reconciledOwners(change, before);
  const { owners, comparison } = settle(change, next, known, key, true);
  const own = owners.get(key)?.fields ?? emptySet;
  const changed = union(comparison.modified, comparison.added);
  const fields = recursiveDifference(union(difference(own, comparison.removed), changed), change.ignored);
  owners.set(key, { ...updater, fields });
  return withoutEmpty(owners);
}

/** An object after an apply, and who owns what; undefined when nothing changed. */
export function applied(
  change: OwnershipChange,
  config: Draft,
  before: Owners,
  applier: Omit<Owner, "fields">,
  key: string,
  isForced: boolean,
): { readonly object: Draft; readonly owners: Owners } {
  const { types, apiVersion, live, ignored } = change;
  const atom = types.findAtom(apiVersion) ?? {};
  const known = reconciledOwners(change, before);
  const merged = merge(atom, live, config) as Draft;
  const last = known.get(key);
  const fields = recursiveDifference(toFieldSet(atom, config), ignored);
  known.set(key, { ...applier, fields });
  const pruned = prune(change, merged, known, last);
  const { owners } = settle(change, pruned, known, key, isForced);
  return { object: pruned, owners };
}

function reconciledOwners({ types }: OwnershipChange, owners: Owners): Owners {
  const known: Owners = new Map();
  for (const [key, owner] of owners) {
    const atom = types.findAtom(owner.apiVersion);
    if (atom !== undefined) known.set(key, { ...owner, fields: reconciled(atom, owner.fields) });
  }
  return known;
}

function inVersion({ types, apiVersion }: OwnershipChange, object: Draft, version: string): Draft {
  return version === apiVersion || types.convert === undefined ? object : types.convert(object, version);
}

/**
 * Takes from all others what a write has changed or removed.
 *
 * @throws {ConflictsError} when they own what it changed, and it is not forced
 */
function settle(
  change: OwnershipChange,
  next: Draft,
  known: Owners,
  key: string,
  isForced: boolean,
): { readonly owners: Owners; readonly comparison: Comparison } {
  const { types, apiVersion } = change;
  const comparisons = new Map<string, Comparison>();
  const comparisonIn = (version: string): Comparison => {
    const made = comparisons.get(version) ?? compareIn(change, types.findAtom(version) ?? {}, next, version);
    comparisons.set(version, made);
    return made;
  };
  const conflicts: Conflict[] = [];
  const owners: Owners = new Map(known);
  for (const [other, owner] of known) {
    if (other === key) continue;
    const { modified, added, removed } = comparisonIn(owner.apiVersion);
    const lost = intersection(owner.fields, union(modified, added));
    conflicts.push(...pathsOf(lost).map((path) => ({ owner, path })));
    owners.set(other, { ...owner, fields: difference(difference(owner.fields, lost), removed) });
  }
  if (!isForced && conflicts.length > 0) throw new ConflictsError(conflicts);
  return { owners: withoutEmpty(owners), comparison: comparisonIn(apiVersion) };
}

function compareIn(change: OwnershipChange, atom: Atom, next: Draft, version: string): Comparison {
  const { removed, modified, added } = compare(
    atom,
    inVersion(change, change.live, version),
    inVersion(change, next, version),
  );
  if (version !== change.apiVersion) return { removed, modified, added };
  return {
    removed: recursiveDifference(removed, change.ignored),
    modified: recursiveDifference(modified, change.ignored),
    added: recursiveDifference(added, change.ignored),
  };
}

/** Removes what the applier applied the last time, not this time, and what nobody else owns. */
function prune(change: OwnershipChange, merged: Draft, owners: Owners, last: Owner | undefined): Draft {
  if (last === undefined || isEmpty(last.fields)) return merged;
  const { types, apiVersion } = change;
  const atom = types.findAtom(last.apiVersion);
  if (atom === undefined) return merged;
  const whole = inVersion(change, merged, last.apiVersion);
  const lastFields = withNamedFields(atom, last.fields);
  const wholeSet = withNamedFields(atom, toFieldSet(atom, whole));
  let pruned = withoutFields(atom, whole, lastFields);
  for (const [version, owned] of ownedByVersion(owners, last.apiVersion)) {
    // versions differ in their names alone, or conversion has kept the paths: fields are added back in the version pruned
    const others = types.findAtom(version);
    if (others === undefined) continue;
    const prunedSet = withNamedFields(atom, toFieldSet(atom, pruned));
    const kept = union(prunedSet, withNamedFields(atom, owned));
    pruned = withoutFields(atom, whole, difference(wholeSet, kept));
  }
  const prunedSet = withNamedFields(atom, toFieldSet(atom, pruned));
  const gone = intersection(difference(wholeSet, prunedSet), lastFields);
  const left = (withoutFields(atom, whole, gone) ?? {}) as Draft;
  return apiVersion === last.apiVersion ? left : backInVersion(change, left);
}

function backInVersion({ types, apiVersion }: OwnershipChange, object: Draft): Draft {
  return types.convert === undefined ? { ...object, apiVersion } : types.convert(object, apiVersion);
}

/** What anybody owns, by version; the version that is pruned comes first. */
function ownedByVersion(owners: Owners, first: string): ReadonlyMap<string, FieldSet> {
  const owned = new Map<string, FieldSet>([[first, emptySet]]);
  for (const { apiVersion, fields } of owners.values())
    owned.set(apiVersion, union(owned.get(apiVersion) ?? emptySet, fields));
  return owned;
}

import { failure, type StatusError, unexpected } from "#api/kube/status.ts";
import { goQuote, goValue } from "./go-text.ts";
import { isObject } from "./is-object.ts";
import type { Draft } from "./resource.ts";
import type { TypeSchema, ValueSchema } from "./schema.ts";
import { badDirective, kindOf, wrongType } from "./strategic-merge-errors.ts";
import {
  checkItems,
  inElementOrder,
  keysOf,
  type MergeObject,
  mergeItems,
  standingOrder,
  withoutItems,
} from "./strategic-merge-lists.ts";

/** Of a field whose schema is not known, undefined: objects are merged, lists replaced. */
type Shape = ValueSchema | undefined;

/** How a field is merged. */
interface FieldMeta {
  readonly isMerged: boolean;
  readonly isReplaced: boolean;
  readonly mergeKey: string;
  readonly shape: Shape;
}

const deletePrefix = "$deleteFromPrimitiveList";
const orderPrefix = "$setElementOrder";

/**
 * An object with a strategic merge patch applied. Neither is changed; the result may share values with both.
 *
 * @throws {StatusError} `BadRequest` for directives of the wrong form, `Invalid` for lists of lists, and 500, as the API's peer
 * has it, for items without a merge key and unknown directives
 * @see Kubernetes, "Update API Objects in Place Using kubectl patch"; design proposals "strategic merge patch",
 * "preserve order in strategic merge patch", "patch that retains keys"
 */
export function applyStrategicMergePatch(object: Draft, patch: Draft, schema: TypeSchema): Draft {
  return mergeObject(object, patch, { kind: "object", type: schema, isAtomic: false });
}

function mergeObject(original: Draft, patch: Draft, shape: Shape): Draft {
  if (Object.hasOwn(patch, "$patch")) return byDirective(patch);
  const rest = new Map(Object.entries(patch));
  const merged = new Map(Object.entries(retained(original, rest)));
  for (const [name, order] of rest)
    if (name.startsWith(orderPrefix)) mergeOrdered(merged, rest, name, order, shape);
  for (const [name, value] of rest) mergeMember(merged, name, value, shape);
  return Object.fromEntries(merged);
}

function merging(shape: Shape): MergeObject {
  return (original, patch) => mergeObject(original, patch, shape);
}

function byDirective(patch: Draft): Draft {
  const { $patch: directive, ...rest } = patch;
  if (directive === "replace") return rest;
  if (directive === "delete") return {};
  throw badDirective(directive, patch);
}

/** What `$retainKeys` leaves of the original. The directive leaves the patch. */
function retained(original: Draft, patch: Map<string, unknown>): Draft {
  const kept = patch.get("$retainKeys");
  if (!patch.delete("$retainKeys")) return original;
  const names = new Set(listOf(kept, badRetainKeys));
  for (const [name, value] of patch) {
    const isFree = value === null || name.startsWith(deletePrefix) || name.startsWith(orderPrefix);
    if (!isFree && !names.has(name)) throw badRetainKeys();
  }
  return Object.fromEntries(Object.entries(original).filter(([name]) => names.has(name)));
}

/** Merges a list together with the order that the patch sets for it. Both leave the patch. */
function mergeOrdered(
  merged: Map<string, unknown>,
  patch: Map<string, unknown>,
  directive: string,
  given: unknown,
  shape: Shape,
): void {
  patch.delete(directive);
  const order = listOf(given, () => wrongType("[]interface {}", given));
  const name = fieldOf(directive, orderPrefix, badOrder);
  const [before, own] = [merged.get(name), patch.get(name)];
  const original =
    before === undefined ? undefined : listOf(before, () => wrongType("[]interface {}", before));
  const added = own === undefined ? undefined : listOf(own, () => wrongType("[]interface {}", own));
  const meta = metaOfList(shape, name);
  checkOrder(added ?? [], order, meta.mergeKey);
  if (original === undefined && added === undefined) return;
  const items = itemsOf(original, added, meta);
  checkItems(original ?? [], added ?? []);
  const standing = standingOrder(original ?? [], added ?? [], meta.mergeKey);
  merged.set(name, inElementOrder(items, order, standing, meta.mergeKey));
  patch.delete(name);
}

function itemsOf(
  original: readonly unknown[] | undefined,
  added: readonly unknown[] | undefined,
  meta: FieldMeta,
): readonly unknown[] {
  if (added === undefined) return original ?? [];
  if (original === undefined) return withoutDirectives(added) as readonly unknown[];
  return meta.isMerged ? mergeItems(original, added, meta.mergeKey, merging(meta.shape)) : added;
}

/** That the patch's items stand in the order's order, and are all in it. */
function checkOrder(items: readonly unknown[], order: readonly unknown[], mergeKey: string): void {
  if (items.length === 0 || order.length === 0) return;
  const kept = items.filter((item) => !isObject(item) || item["$patch"] !== "delete");
  const ordered = keysOf(order, mergeKey);
  let next = 0;
  for (let at = 0; next < kept.length && at < ordered.length; ) {
    if (isDirective(kept[next]) || keysOf([kept[next]], mergeKey)[0] === ordered[at++]) next++;
  }
  if (next < kept.length)
    throw unexpected(
      `The order in patch list:\n${goValue(items)}\n doesn't match ${orderPrefix} list:\n${goValue(order)}\n`,
    );
}

function isDirective(item: unknown): boolean {
  return isObject(item) && Object.hasOwn(item, "$patch");
}

function mergeMember(merged: Map<string, unknown>, given: string, value: unknown, shape: Shape): void {
  const isDeletion = given.startsWith(deletePrefix);
  const name = isDeletion ? fieldOf(given, deletePrefix, badDeletion) : given;
  if (value === null) {
    merged.delete(name);
    return;
  }
  const before = merged.get(name);
  if (kindOf(before) === kindOf(value) && typeof value === "object") {
    merged.set(name, mergeValue(before, value, shape, name, isDeletion));
    return;
  }
  if (isDeletion) return;
  const own = withoutDirectives(withoutNulls(value));
  if (own === undefined) merged.delete(name);
  else merged.set(name, own);
}

function mergeValue(
  before: unknown,
  value: object,
  shape: Shape,
  name: string,
  isDeletion: boolean,
): unknown {
  if (!Array.isArray(value)) {
    const meta = metaOf(shape, name);
    return meta.isReplaced ? value : mergeObject(before as Draft, value as Draft, meta.shape);
  }
  const meta = metaOfList(shape, name);
  if (isDeletion)
    return withoutItems(before as readonly unknown[], value, meta.mergeKey, merging(meta.shape));
  return meta.isMerged
    ? mergeItems(before as readonly unknown[], value, meta.mergeKey, merging(meta.shape))
    : value;
}

function withoutNulls(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutNulls);
  if (!isObject(value)) return value;
  const members = Object.entries(value).filter(([, member]) => member !== null);
  return Object.fromEntries(members.map(([name, member]) => [name, withoutNulls(member)]));
}

/** A value that meets nothing: objects with a directive vanish from it, other directives stay, and are refused as unknown fields. */
function withoutDirectives(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutDirectives).filter((item) => item !== undefined);
  if (!isObject(value)) return value;
  if (isDirective(value)) return undefined;
  const members = Object.entries(value).map(([name, member]) => [name, withoutDirectives(member)] as const);
  return Object.fromEntries(members.filter(([, member]) => member !== undefined));
}

function metaOf(shape: Shape, name: string): FieldMeta {
  switch (shape?.kind) {
    case undefined:
    case "any":
      return { isMerged: false, isReplaced: false, mergeKey: "", shape: undefined };
    case "map":
      return { isMerged: false, isReplaced: false, mergeKey: "", shape: shape.values };
    case "object":
    case "schema-or":
      return metaOfField(shape.type, name);
    default:
      throw unexpected(`merging an object in json but data type is not struct, instead is: ${shape?.kind}`);
  }
}

function metaOfField(type: TypeSchema, name: string): FieldMeta {
  const field = type.fields.get(name);
  if (field === undefined) {
    const struct = type.goName.split(".").at(-1);
    throw unexpected(`unable to find api field in struct ${struct} for the json field ${goQuote(name)}`);
  }
  return {
    isMerged: field.patchStrategy.includes("merge"),
    isReplaced: field.patchStrategy.includes("replace"),
    mergeKey: field.patchMergeKey ?? "",
    shape: field.value,
  };
}

function metaOfList(shape: Shape, name: string): FieldMeta {
  const meta = metaOf(shape, name);
  if (meta.shape === undefined || meta.shape.kind === "any") return meta;
  if (meta.shape.kind !== "list")
    throw unexpected(`expected slice or array type, but got: ${shape?.kind === "map" ? "map" : "struct"}`);
  if (meta.shape.items.kind === "list") throw unexpected("unexpected slice of slice");
  return { ...meta, shape: meta.shape.items };
}

function fieldOf(directive: string, prefix: string, bad: () => StatusError): string {
  if (!directive.startsWith(`${prefix}/`)) throw bad();
  return directive.slice(prefix.length + 1);
}

function listOf(value: unknown, bad: () => StatusError): readonly unknown[] {
  if (!Array.isArray(value)) throw bad();
  return value;
}

function badRetainKeys(): StatusError {
  return failure("BadRequest", "invalid patch format of retainKeys");
}

function badOrder(): StatusError {
  return failure("BadRequest", "invalid patch format of setElementOrder list");
}

function badDeletion(): StatusError {
  return failure("BadRequest", "invalid patch format of primitive list");
}

import { Fault } from "#base/fault.ts";
import { isSameJson } from "./json-equal.ts";
import { bytes } from "./names.ts";

export interface JsonPatchOperation {
  readonly op?: unknown;
  readonly path?: unknown;
  readonly from?: unknown;
  readonly value?: unknown;
}

/** What the operations `copy` of one patch may add, in bytes of JSON. */
const mostCopied = 3 << 20;

type Container = Record<string, unknown> | unknown[];

/**
 * A document with a JSON patch applied. The document is left as it was; the result shares with it what did not change.
 *
 * What the RFC leaves open, and where the API's peer differs from it, is as there: `replace` creates members, indices may count
 * from the end, a missing member is null.
 *
 * @throws {Fault} `invalid` for an operation that cannot be applied
 * @see RFC 6902
 */
export function applyJsonPatch(document: Container, operations: readonly JsonPatchOperation[]): Container {
  const work: Work = { root: copied(document), own: new WeakSet(), copiedBytes: 0 };
  work.own.add(work.root);
  for (const operation of operations) apply(work, operation);
  return work.root;
}

interface Work {
  root: Container;
  /** Containers that belong to the result alone. */
  readonly own: WeakSet<Container>;
  copiedBytes: number;
}

function apply(work: Work, operation: JsonPatchOperation): void {
  switch (operation.op) {
    case "add":
      return add(work, pathOf(operation, "add"), valueOf(operation), "add");
    case "remove":
      return remove(work, pathOf(operation, "remove"));
    case "replace":
      return replace(work, pathOf(operation, "replace"), valueOf(operation));
    case "move":
      return move(work, operation);
    case "test":
      return check(work, pathOf(operation, "test"), valueOf(operation));
    case "copy":
      return copy(work, operation);
    default:
      throw bad(`Unexpected kind: ${typeof operation.op === "string" ? operation.op : "unknown"}`);
  }
}

function valueOf(operation: JsonPatchOperation): unknown {
  return operation.value ?? null;
}

function pathOf(operation: JsonPatchOperation, name: string): string {
  if (typeof operation.path === "string") return operation.path;
  throw bad(`${name} operation failed to decode path: missing value`);
}

function fromOf(operation: JsonPatchOperation, name: string): string {
  if (typeof operation.from === "string") return operation.from;
  throw bad(`${name} operation failed to decode from: operation, missing from field: missing value`);
}

/** The container that holds what a path names, and its name in it; undefined when there is no such container. */
function findParent(
  work: Work,
  path: string,
): { readonly parent: Container; readonly key: string } | undefined {
  const parts = path.split("/");
  if (parts.length < 2) return undefined;
  const keys = parts.slice(1).map((part) => part.replaceAll("~1", "/").replaceAll("~0", "~"));
  const key = keys.pop() ?? "";
  let parent = work.root;
  for (const name of keys) {
    const next = findMember(parent, name);
    if (typeof next !== "object" || next === null) return undefined;
    parent = owned(work, parent, name, next as Container);
  }
  return { parent, key };
}

/** The container in its parent, made the result's own, so that it may be changed. */
function owned(work: Work, parent: Container, name: string, container: Container): Container {
  if (work.own.has(container)) return container;
  const mine = copied(container);
  work.own.add(mine);
  if (Array.isArray(parent)) parent[indexOf(name, parent.length) ?? 0] = mine;
  else setMember(parent, name, mine);
  return mine;
}

function copied(container: Container): Container {
  return Array.isArray(container) ? [...container] : { ...container };
}

function findMember(container: Container, key: string): unknown {
  if (!Array.isArray(container)) return Object.hasOwn(container, key) ? container[key] : undefined;
  const index = indexOf(key, container.length);
  return index === undefined ? undefined : container[index];
}

/** `__proto__` is a name as any other. */
function setMember(object: Record<string, unknown>, key: string, value: unknown): void {
  if (key === "__proto__")
    Object.defineProperty(object, key, { value, enumerable: true, configurable: true, writable: true });
  else object[key] = value;
}

/** Negative indices count from the end. */
function indexOf(key: string, length: number): number | undefined {
  if (!/^[+-]?\d{1,15}$/.test(key)) return undefined;
  const index = Number(key);
  const at = index < 0 ? index + length : index;
  return at >= 0 && at < length ? at : undefined;
}

function badIndex(key: string): string {
  return /^[+-]?\d+$/.test(key)
    ? `Unable to access invalid index: ${Number(key)}: invalid index referenced`
    : `strconv.Atoi: parsing ${JSON.stringify(key)}: invalid syntax`;
}

function add(work: Work, path: string, value: unknown, name: "add" | "copy" | "move"): void {
  const found = findParent(work, path);
  if (found === undefined) {
    const where =
      name === "add" ? `doc is missing path: "${path}"` : `doc is missing destination path: ${path}`;
    throw bad(`${name} operation does not apply: ${where}: missing value`);
  }
  const { parent, key } = found;
  if (!Array.isArray(parent)) return setMember(parent, key, value);
  if (key === "-") return void parent.push(value);
  const index = indexOf(key, parent.length + 1);
  if (index === undefined) {
    const reason = /^[+-]?\d+$/.test(key)
      ? badIndex(key)
      : `value was not a proper array index: '${key}': ${badIndex(key)}`;
    throw bad(`error in add for path: '${path}': ${reason}`);
  }
  parent.splice(index, 0, value);
}

function remove(work: Work, path: string): void {
  const found = findParent(work, path);
  if (found === undefined)
    throw bad(`remove operation does not apply: doc is missing path: "${path}": missing value`);
  removeFrom(found.parent, found.key, `error in remove for path: '${path}'`);
}

function removeFrom(parent: Container, key: string, context: string): void {
  if (Array.isArray(parent)) {
    const index = indexOf(key, parent.length);
    if (index === undefined) throw bad(`${context}: ${badIndex(key)}`);
    parent.splice(index, 1);
    return;
  }
  if (!Object.hasOwn(parent, key))
    throw bad(`${context}: Unable to remove nonexistent key: ${key}: missing value`);
  delete parent[key];
}

function replace(work: Work, path: string, value: unknown): void {
  if (path === "") {
    if (typeof value !== "object" || value === null)
      throw bad("replace operation value must be object or array");
    work.root = copied(value as Container);
    work.own.add(work.root);
    return;
  }
  const found = findParent(work, path);
  if (found === undefined)
    throw bad(`replace operation does not apply: doc is missing path: ${path}: missing value`);
  const { parent, key } = found;
  if (!Array.isArray(parent)) return setMember(parent, key, value);
  const index = indexOf(key, parent.length);
  if (index === undefined)
    throw bad(`replace operation does not apply: doc is missing key: ${path}: missing value`);
  parent[index] = value;
}

function move(work: Work, operation: JsonPatchOperation): void {
  const from = fromOf(operation, "move");
  const found = findParent(work, from);
  if (found === undefined)
    throw bad(`move operation does not apply: doc is missing from path: ${from}: missing value`);
  const value = findMember(found.parent, found.key) ?? null;
  removeFrom(found.parent, found.key, `error in move for path: '${found.key}'`);
  add(work, pathOf(operation, "move"), value, "move");
}

function copy(work: Work, operation: JsonPatchOperation): void {
  const from = fromOf(operation, "copy");
  const found = findParent(work, from);
  if (found === undefined)
    throw bad(`copy operation does not apply: doc is missing from path: ${from}: missing value`);
  const { parent, key } = found;
  if (Array.isArray(parent) && indexOf(key, parent.length) === undefined)
    throw bad(`error in copy for from: '${from}': ${badIndex(key)}`);
  const text = JSON.stringify(findMember(parent, key) ?? null);
  work.copiedBytes += bytes(text);
  if (work.copiedBytes > mostCopied)
    throw bad(
      `Unable to complete the copy, the accumulated size increase of copy is ${work.copiedBytes}, exceeding the limit ${mostCopied}`,
    );
  add(work, pathOf(operation, "copy"), JSON.parse(text), "copy");
}

function check(work: Work, path: string, value: unknown): void {
  if (path === "") return checkSame(work.root, path, value);
  const found = findParent(work, path);
  if (found === undefined)
    throw bad(`test operation does not apply: is missing path: ${path}: missing value`);
  const { parent, key } = found;
  if (Array.isArray(parent) && indexOf(key, parent.length) === undefined)
    throw bad(`error in test for path: '${path}': ${badIndex(key)}`);
  checkSame(findMember(parent, key) ?? null, path, value);
}

function checkSame(found: unknown, path: string, value: unknown): void {
  if (!isSameJson(found, value)) throw bad(`testing value ${path} failed: test failed`);
}

function bad(message: string): Fault {
  return new Fault("invalid", message);
}

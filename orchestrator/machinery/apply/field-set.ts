import { byElement, findElement, type PathElement, shownElement } from "./path-element.ts";

/**
 * A set of fields of an object, as a tree of path elements. That a field is in the set says nothing of those around or within it.
 * Never changed, but by {@link insert} while its maker still has it for itself.
 */
export type FieldSet = ReadonlyMap<PathElement, FieldNode>;

interface FieldNode {
  readonly isMember: boolean;
  readonly children: FieldSet;
}

export type Path = readonly PathElement[];

export const emptySet: FieldSet = new Map();
const leaf: FieldNode = { isMember: true, children: emptySet };

/** A set that is being made. */
export type FieldSetBuilder = Map<PathElement, NodeBuilder>;

export interface NodeBuilder {
  isMember: boolean;
  children: FieldSetBuilder;
}

export function insert(set: FieldSetBuilder, path: Path): void {
  nodeAt(set, path).isMember = true;
}

/** What stands at a path; made where there is nothing yet. The root is no field: what is set of it is lost. */
export function nodeAt(set: FieldSetBuilder, path: Path): NodeBuilder {
  let node: NodeBuilder = { isMember: false, children: set };
  for (const element of path) node = childOf(node.children, element);
  return node;
}

export function childOf(set: FieldSetBuilder, element: PathElement): NodeBuilder {
  const known = set.get(element);
  if (known !== undefined) return known;
  const made = { isMember: false, children: new Map() };
  set.set(element, made);
  return made;
}

export function setOf(...paths: readonly Path[]): FieldSet {
  const set: FieldSetBuilder = new Map();
  for (const path of paths) insert(set, path);
  return set;
}

export function has(set: FieldSet, path: Path): boolean {
  let nodes = set;
  for (const [at, element] of path.entries()) {
    const node = nodes.get(element);
    if (node === undefined) return false;
    if (at === path.length - 1) return node.isMember;
    nodes = node.children;
  }
  return false;
}

export function isEmpty(set: FieldSet): boolean {
  for (const { isMember, children } of set.values()) if (isMember || !isEmpty(children)) return false;
  return true;
}

export function union(a: FieldSet, b: FieldSet): FieldSet {
  if (a.size === 0) return b;
  if (b.size === 0) return a;
  const all = new Map(a);
  for (const [element, node] of b) {
    const own = all.get(element);
    const isMember = node.isMember || own?.isMember === true;
    all.set(element, own === undefined ? node : { isMember, children: union(own.children, node.children) });
  }
  return all;
}

export function intersection(a: FieldSet, b: FieldSet): FieldSet {
  return joined(a, b, (own, other) =>
    other === undefined
      ? undefined
      : {
          isMember: own.isMember && other.isMember,
          children: intersection(own.children, other.children),
        },
  );
}

/** What is in the first and not in the second; that a field is in the second does not take what is within it. */
export function difference(a: FieldSet, b: FieldSet): FieldSet {
  return joined(a, b, (own, other) =>
    other === undefined
      ? own
      : { isMember: own.isMember && !other.isMember, children: difference(own.children, other.children) },
  );
}

/** The same, but a field that is in the second takes all within it. */
export function recursiveDifference(a: FieldSet, b: FieldSet): FieldSet {
  return joined(a, b, (own, other) => {
    if (other === undefined) return own;
    if (other.isMember) return undefined;
    return { isMember: own.isMember, children: recursiveDifference(own.children, other.children) };
  });
}

function joined(
  a: FieldSet,
  b: FieldSet,
  join: (own: FieldNode, other: FieldNode | undefined) => FieldNode | undefined,
): FieldSet {
  if (a.size === 0) return a;
  const all = new Map<PathElement, FieldNode>();
  for (const [element, own] of a) {
    const node = join(own, b.get(element));
    if (node !== undefined && (node.isMember || node.children.size > 0)) all.set(element, node);
  }
  return all;
}

/** Every member, in order: those of a level before what is within them. */
export function pathsOf(set: FieldSet, prefix: Path = []): readonly Path[] {
  const elements = [...set.keys()].sort(byElement);
  return [
    ...elements.filter((element) => set.get(element)?.isMember).map((element) => [...prefix, element]),
    ...elements.flatMap((element) => pathsOf(set.get(element)?.children ?? emptySet, [...prefix, element])),
  ];
}

/** `.spec.containers[name="a"].image` */
export function shownPath(path: Path): string {
  return path.map(shownElement).join("");
}

/**
 * Reads a set as JSON has it; undefined for what is none.
 *
 * @see Kubernetes API 1.36, meta/v1 FieldsV1
 */
export function findFieldSet(fields: unknown): FieldSet | undefined {
  if (typeof fields !== "object" || fields === null || Array.isArray(fields)) return undefined;
  const set = new Map<PathElement, FieldNode>();
  for (const [text, value] of Object.entries(fields)) {
    if (text === ".") continue;
    const element = findElement(text);
    const children = findFieldSet(value);
    if (element === undefined || children === undefined) return undefined;
    const names = Object.keys(value as object);
    const isMember = names.length === 0 || names.includes(".");
    if (isMember || children.size > 0) set.set(element, children.size === 0 ? leaf : { isMember, children });
  }
  return set;
}

/** The set as JSON has it. */
export function fieldsOf(set: FieldSet): Record<string, unknown> {
  const fields: Record<string, unknown> = {};
  addFields(fields, set);
  return fields;
}

function addFields(into: Record<string, unknown>, set: FieldSet): void {
  const elements = [...set.keys()];
  if (elements.length > 1) elements.sort(byElement);
  for (const element of elements) {
    const { isMember, children } = set.get(element) ?? leaf;
    const within: Record<string, unknown> = {};
    if (children.size > 0) {
      if (isMember) within["."] = {};
      addFields(within, children);
    }
    into[element] = within;
  }
}

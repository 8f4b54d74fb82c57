/** What a compose file is before it has a shape: plain data. */
export type Tree = null | boolean | number | string | readonly Tree[] | Dict;

export interface Dict {
  readonly [key: string]: Tree;
}

/** Keys from the root; list items by `[]`. */
export type Path = readonly string[];

export function isDict(tree: Tree | undefined): tree is Dict {
  return typeof tree === "object" && tree !== null && !Array.isArray(tree);
}

export function isList(tree: Tree | undefined): tree is readonly Tree[] {
  return Array.isArray(tree);
}

export function dictOf(tree: Tree | undefined): Dict {
  return isDict(tree) ? tree : {};
}

export function listOf(tree: Tree | undefined): readonly Tree[] {
  return isList(tree) ? tree : [];
}

export function textOf(tree: Tree | undefined): string | undefined {
  return typeof tree === "string" ? tree : undefined;
}

/** Text of a scalar as Go prints it. */
export function scalarText(tree: Tree): string {
  return tree === null ? "" : typeof tree === "object" ? JSON.stringify(tree) : String(tree);
}

export function mapDict(dict: Dict, change: (value: Tree, key: string) => Tree | undefined): Dict {
  const changed: Record<string, Tree> = {};
  for (const [key, value] of Object.entries(dict)) {
    const next = change(value, key);
    if (next !== undefined) changed[key] = next;
  }
  return changed;
}

/** The dict without one key. */
export function without(dict: Dict, ...keys: readonly string[]): Dict {
  return mapDict(dict, (value, key) => (keys.includes(key) ? undefined : value));
}

/** Whether the path fits a pattern in which `*` stands for any key. */
export function fits(path: Path, pattern: string): boolean {
  const parts = pattern.split(".");
  return parts.length === path.length && parts.every((part, at) => part === "*" || part === path[at]);
}

/** The tree without what is at the path; the same tree when nothing is. */
export function dropAt(tree: Tree, path: Path): Tree {
  const [key, ...rest] = path;
  if (key === undefined || !isDict(tree) || !Object.hasOwn(tree, key)) return tree;
  if (rest.length === 0) return without(tree, key);
  return { ...tree, [key]: dropAt(tree[key] ?? null, rest) };
}

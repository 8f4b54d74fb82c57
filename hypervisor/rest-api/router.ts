import type { Route } from "./route.ts";

export type Match =
  | { readonly is: "route"; readonly route: Route; readonly params: Readonly<Record<string, string>> }
  /** The path is known, for other methods. */
  | { readonly is: "other-method"; readonly methods: readonly string[] }
  | { readonly is: "unknown" };

interface Node {
  readonly fixed: Map<string, Node>;
  open?: Node;
  readonly routes: Map<string, { readonly route: Route; readonly names: readonly string[] }>;
}

/** Finds routes part by part of the path: a fixed part goes before a parameter, a slash at the end means nothing. */
export class Router {
  readonly #root = newNode();

  constructor(routes: readonly Route[]) {
    for (const route of routes) {
      let node = this.#root;
      const names: string[] = [];
      for (const part of partsOf(route.path)) {
        const [, name] = /^\{(\w+)\}$/.exec(part) ?? [];
        if (name === undefined) node = childOf(node.fixed, part);
        else {
          names.push(name);
          node = node.open ??= newNode();
        }
      }
      node.routes.set(route.method, { route, names });
    }
  }

  find(method: string, path: string): Match {
    const values: string[] = [];
    const node = this.#walk(this.#root, partsOf(path), values);
    if (node === undefined) return { is: "unknown" };
    const found = node.routes.get(method);
    if (found === undefined) return { is: "other-method", methods: [...node.routes.keys()] };
    const params = Object.fromEntries(found.names.map((name, i) => [name, values[i] ?? ""]));
    return { is: "route", route: found.route, params };
  }

  #walk(node: Node, [part, ...rest]: readonly string[], values: string[]): Node | undefined {
    if (part === undefined) return node.routes.size === 0 ? undefined : node;
    const fixed = node.fixed.get(part);
    const found = fixed === undefined ? undefined : this.#walk(fixed, rest, values);
    if (found !== undefined || node.open === undefined) return found;
    values.push(part);
    return this.#walk(node.open, rest, values);
  }
}

function newNode(): Node {
  return { fixed: new Map(), routes: new Map() };
}

function childOf(children: Map<string, Node>, part: string): Node {
  const known = children.get(part);
  if (known !== undefined) return known;
  const made = newNode();
  children.set(part, made);
  return made;
}

function partsOf(path: string): readonly string[] {
  return path.split("/").filter((part) => part !== "");
}

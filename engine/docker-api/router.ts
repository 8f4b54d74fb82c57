import type { Handler, Route } from "./call.ts";

interface Match {
  readonly handle: Handler;
  /** What stands in the parameter's place; empty when the path has none. */
  readonly name: string;
}

/**
 * Finds routes by table look-ups only. A path has at most one parameter, always its second part: `{id}` is one part of the
 * path, `{name}` may contain slashes, as image names do, and takes as much as it can. Another parameter at the end of a path is
 * one part of it, and told with everything before it.
 */
export class Router {
  readonly #fixed = new Map<string, Handler>();
  /** Keyed by method, first part, and what follows the parameter. */
  readonly #open = new Map<string, Handler>();
  readonly #greedy = new Set<string>();

  constructor(routes: readonly Route[]) {
    for (const { method, path, handle } of routes) {
      const parameter = /^(\/[^/]+\/)\{(id|name)\}(.*)$/.exec(path);
      if (parameter === null) {
        this.#fixed.set(`${method} ${path}`, handle);
        continue;
      }
      const [, first = "", kind, rest = ""] = parameter;
      this.#open.set(`${method} ${first}*${rest.replace(/\{\w+\}$/, "*")}`, handle);
      if (kind === "name") this.#greedy.add(first);
    }
  }

  find(method: string, path: string): Match | undefined {
    const fixed = this.#fixed.get(`${method} ${path}`);
    if (fixed !== undefined) return { handle: fixed, name: "" };
    const second = path.indexOf("/", 1) + 1;
    if (second === 0) return undefined;
    const first = path.slice(0, second);
    const isGreedy = this.#greedy.has(first);
    const end = isGreedy ? path.lastIndexOf("/") : path.indexOf("/", second);
    if (end >= second) {
      const handle = this.#open.get(`${method} ${first}*${path.slice(end)}`);
      if (handle !== undefined && end > second) return { handle, name: path.slice(second, end) };
      if (isGreedy) return this.#findWhole(method, first, path.slice(second));
      return this.#findNested(method, first, path.slice(second), end - second);
    }
    return this.#findWhole(method, first, path.slice(second));
  }

  #findWhole(method: string, first: string, name: string): Match | undefined {
    const handle = this.#open.get(`${method} ${first}*`);
    return handle === undefined || name === "" ? undefined : { handle, name };
  }

  /** @param nameLength up to the first slash in `name` */
  #findNested(method: string, first: string, name: string, nameLength: number): Match | undefined {
    const last = name.lastIndexOf("/");
    const handle = this.#open.get(`${method} ${first}*${name.slice(nameLength, last)}/*`);
    return handle === undefined || nameLength === 0 || last === name.length - 1
      ? undefined
      : { handle, name };
  }
}

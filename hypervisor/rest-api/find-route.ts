import { Fault } from "#base/fault.ts";
import type { Route } from "./route.ts";
import type { Router } from "./router.ts";

/** A path that there is, asked in a way that it does not take. */
export class MethodNotAllowed extends Error {
  override readonly name = "MethodNotAllowed";
  readonly allowed: readonly string[];

  constructor(method: string, allowed: readonly string[]) {
    super(`Method ${method} is not allowed here`);
    this.allowed = allowed;
  }
}

export interface FoundRoute {
  readonly route: Route;
  readonly params: Readonly<Record<string, string>>;
  readonly query: URLSearchParams;
}

/**
 * @throws {Fault} `not-found` for a path that there is not, `invalid` for a query that the route does not have
 * @throws {MethodNotAllowed}
 */
export function findRoute(router: Router, method: string, url: string): FoundRoute {
  const at = url.indexOf("?");
  const path = at === -1 ? url : url.slice(0, at);
  const query = new URLSearchParams(at === -1 ? "" : url.slice(at));
  const match = router.find(method, path);
  if (match.is === "unknown") throw new Fault("not-found", `Unknown path '${path}'`);
  if (match.is === "other-method") throw new MethodNotAllowed(method, match.methods);
  const known = match.route.query ?? [];
  const stray = [...query.keys()].find((name) => !known.includes(name));
  if (stray !== undefined) throw new Fault("invalid", `Unknown query parameter '${stray}'`);
  return { route: match.route, params: match.params, query };
}

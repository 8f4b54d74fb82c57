import type { Permission } from "#hypervisor/access/roles.ts";
import { noBody, reply, type Route, type RouteBody } from "./route.ts";

/** A collection, and one of it by its uuid, in a list that is empty when there is none. */
export function readable<T extends { readonly uuid: string }>(
  type: string,
  list: () => readonly T[],
): readonly Route[] {
  return readableBy(type, "uuid", list, (given) => list().find(({ uuid }) => uuid === given));
}

/** The same where one is found by another name, or without looking at all of them. */
export function readableBy<T>(
  type: string,
  parameter: string,
  list: () => readonly T[],
  find: (name: string) => T | undefined,
): readonly Route[] {
  const path = `/rest/v1/${type}`;
  return [
    { method: "GET", path, needs: "read", body: noBody, handle: () => reply(list()) },
    {
      method: "GET",
      path: `${path}/{${parameter}}`,
      needs: "read",
      body: noBody,
      handle: ({ params }) => {
        const found = find(params[parameter] ?? "");
        return reply(found === undefined ? [] : [found]);
      },
    },
  ];
}

/** One of a collection is changed by POST as by PATCH, of which it takes any part, or none. */
export function updatable(
  type: string,
  needs: Permission,
  handle: Route["handle"],
  parameter = "uuid",
): readonly Route[] {
  const path = `/rest/v1/${type}/{${parameter}}`;
  const body: RouteBody = { kind: "json", shape: { type, isPartial: true }, isOptional: true };
  return [
    { method: "POST", path, needs, body, handle },
    { method: "PATCH", path, needs, body, handle },
  ];
}

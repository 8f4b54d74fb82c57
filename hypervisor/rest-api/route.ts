import type { BodyShape, Json } from "#api/hypercore/decode.ts";
import type { UserRecord } from "#hypervisor/access/users.ts";
import type { Permission } from "#hypervisor/access/roles.ts";

/** A request that has been let in. */
export interface Call {
  /** What stands in the path's parameters. */
  readonly params: Readonly<Record<string, string>>;
  readonly query: URLSearchParams;
  /** Checked against the route's shape; a list for routes that take one; empty when there was none. */
  readonly body: Json | readonly Json[];
  /** Of routes that take a file. Must be read to its end. */
  readonly upload?: { readonly lengthBytes: number; readonly chunks: AsyncIterable<Buffer> };
  readonly caller: Caller;
  /** Aborted when the client leaves. */
  readonly signal: AbortSignal;
}

export interface Caller {
  readonly address: string;
  /** Absent for routes that are open to everybody. */
  readonly user?: UserRecord;
  readonly sessionID: string;
}

export interface Reply {
  readonly value: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  /** By default application/json, in which `value` is encoded; with a type it is text already. */
  readonly type?: string;
}

export type RouteBody =
  | { readonly kind: "none" }
  /** An absent body is an empty object. */
  | { readonly kind: "json"; readonly shape: BodyShape; readonly isOptional?: boolean }
  | { readonly kind: "list"; readonly shape: BodyShape }
  | { readonly kind: "upload" };

export interface Route {
  readonly method: "GET" | "POST" | "PATCH" | "PUT" | "DELETE" | "OPTIONS";
  /** From the host on; `{name}` is one part of it. */
  readonly path: string;
  /** What its user must be allowed; `open`: nobody is asked who they are. */
  readonly needs: Permission | "open";
  readonly body: RouteBody;
  /** The names that its query may have. */
  readonly query?: readonly string[];
  handle(call: Call): Promise<Reply> | Reply;
}

export const noBody: RouteBody = { kind: "none" };

export function reply(value: unknown): Reply {
  return { value };
}

/** What every change answers. An empty tag says that it is done already. */
export function result(taskTag: string, createdUUID = ""): Reply {
  return { value: { taskTag, createdUUID } };
}

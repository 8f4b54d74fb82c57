import type { User } from "#orchestrator/authn/user.ts";

/** What somebody wants to do. */
export type Attributes =
  | {
      readonly user: User;
      /** Of the API: get, list, watch, create, update, patch, delete, deletecollection, or a special one such as `impersonate`. */
      readonly verb: string;
      readonly type: "resource";
      readonly group: string;
      readonly version: string;
      readonly resource: string;
      readonly subresource?: string;
      readonly namespace?: string;
      readonly name?: string;
      readonly fieldSelector?: string;
    }
  | {
      readonly user: User;
      /** The method in lower case. */
      readonly verb: string;
      readonly type: "path";
      readonly path: string;
    };

export type Decision =
  | { readonly is: "allowed"; readonly reason: string }
  /** Whoever is asked next may allow it. */
  | { readonly is: "no-opinion"; readonly reason: string }
  | { readonly is: "denied"; readonly reason: string };

export interface Authorizer {
  authorize(attributes: Attributes): Decision;
}

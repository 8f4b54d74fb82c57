import type { DeleteOptions } from "#api/kube/meta.ts";
import type { User } from "#orchestrator/authn/user.ts";
import type { Draft, ResourceDefinition } from "#orchestrator/machinery/resource.ts";

/** A write that has been authorised, decoded and defaulted, before it is validated and stored. */
export interface Admission {
  readonly operation: "CREATE" | "UPDATE" | "DELETE" | "CONNECT";
  readonly resource: ResourceDefinition;
  readonly subresource: string;
  readonly namespace?: string;
  /** Empty when it will be generated. */
  readonly name: string;
  /** Changed in place by {@link AdmissionPlugin.admit}; absent for a deletion. */
  readonly object?: Draft;
  readonly old?: Draft;
  readonly user: User;
  readonly isDryRun: boolean;
  readonly options?: DeleteOptions | Draft;
  /** A `Warning` header of the answer. */
  warn(text: string): void;
  /** An annotation of the request's audit event. */
  annotate(key: string, value: string): void;
}

/**
 * Changes or refuses writes. All plugins that admit run in their order, then all that validate. Nothing is stored when one throws.
 *
 * @throws {StatusError} usually `Forbidden`, in the plugin's own words
 */
export interface AdmissionPlugin {
  readonly name: string;
  admit?(request: Admission, signal: AbortSignal): Promise<void>;
  validate?(request: Admission, signal: AbortSignal): Promise<void>;
  /** Called for every request that {@link validate} let through: whether it was stored. What was reserved for it is freed or kept. */
  settled?(request: Admission, isStored: boolean): void;
}

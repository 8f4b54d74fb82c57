import type { ObjectMeta } from "#api/kube/meta.ts";
import type { User } from "#orchestrator/authn/user.ts";
import type { Draft, ResourceDefinition } from "#orchestrator/machinery/resource.ts";

/** Who writes, and how. */
export interface WriteRequest {
  readonly definition: ResourceDefinition;
  /** Empty for the resource itself. */
  readonly subresource: string;
  readonly namespace?: string;
  readonly user: User;
  readonly isDryRun: boolean;
  /** In whose name fields are owned. */
  readonly manager: string;
  /** Who owns which fields is settled already, as after an apply. */
  readonly ownsFields?: boolean;
  readonly warn: (text: string) => void;
  readonly annotate: (key: string, value: string) => void;
  readonly options?: Draft;
}

/** While a write changes it. */
export type Metadata = { -readonly [Field in keyof ObjectMeta]: ObjectMeta[Field] } & { selfLink?: string };

/** The metadata of an object that is being changed; it gets some when it has none. */
export function metadataOf(object: Draft): Metadata {
  if (typeof object["metadata"] !== "object" || object["metadata"] === null) object["metadata"] = {};
  return object["metadata"] as Metadata;
}

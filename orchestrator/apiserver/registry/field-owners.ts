import type { Draft, ResourceDefinition } from "#orchestrator/machinery/resource.ts";

export interface FieldWrite {
  readonly definition: ResourceDefinition;
  readonly subresource: string;
  readonly manager: string;
  readonly now: Date;
}

/** Keeps `metadata.managedFields`: who owns which fields. @see Kubernetes API 1.36, server-side apply */
export interface FieldOwners {
  /** After a write that is no apply: the manager owns what it changed. Changes `next` in place. */
  update(write: FieldWrite, old: Draft | undefined, next: Draft): void;
  /**
   * What an object becomes when somebody applies fields to it.
   *
   * @param old absent when there is none yet
   * @throws {StatusError} `Conflict` with a cause for each field that another manager owns
   */
  apply(write: FieldWrite & { readonly force: boolean }, old: Draft | undefined, applied: Draft): Draft;
}

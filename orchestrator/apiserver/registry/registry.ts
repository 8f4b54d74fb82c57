import type { Log } from "#base/log.ts";
import type { Draft } from "#orchestrator/machinery/resource.ts";
import type { Store } from "#orchestrator/storage/store.ts";
import type { CachedObject } from "../cache/cached-object.ts";
import type { ObjectCache } from "../cache/object-cache.ts";
import type { AdmissionChain } from "./admission-chain.ts";
import type { FieldOwners } from "./field-owners.ts";
import type { ResourceTable } from "./resource-table.ts";

/** What writes of every resource need. */
export interface RegistryDeps {
  readonly store: Store;
  readonly cache: ObjectCache;
  readonly resources: ResourceTable;
  readonly admission: AdmissionChain;
  readonly owners: FieldOwners;
  /** By place: what gives objects of a kind what only one of them may have. */
  readonly allocators: ReadonlyMap<string, Allocator>;
  readonly now: () => Date;
  readonly newUid: () => string;
  /** From 0 up to, but without, 1. */
  readonly random: () => number;
  readonly log: Log;
}

export interface Allocator {
  /** Changes `next` in place; what it was given is held until the claims are disposed of. */
  allocate(next: Draft, old: Draft | undefined): Disposable;
}

/** Nothing was given. */
export const noClaims: Disposable = { [Symbol.dispose]() {} };

/** An object after a write, and whether the write made it. */
export interface Written {
  readonly object: Draft;
  readonly isNew: boolean;
  /** What the store has of it now; absent: nothing was stored. */
  readonly stored?: CachedObject;
}

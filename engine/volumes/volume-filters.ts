import {
  booleanFilter,
  type Filters,
  matchesLabels,
  matchesPattern,
  valuesFor,
} from "#api/docker/filters.ts";
import { isAnonymous, type VolumeRecord } from "./volume-record.ts";
import type { Volumes } from "./volume-service.ts";

/** What `GET /volumes` may be filtered by. */
export const volumeListFilters = ["dangling", "driver", "label", "name"] as const;
/** What `POST /volumes/prune` may be filtered by. */
export const volumePruneFilters = ["all", "label", "label!"] as const;

/** @throws {Fault} `invalid` for a value of `dangling` that is no boolean */
export function volumeListFilter(
  filters: Filters,
  volumes: Pick<Volumes, "usersOf">,
): (record: VolumeRecord) => boolean {
  const isDangling = booleanFilter(filters, "dangling");
  const drivers = valuesFor(filters, "driver");
  return (record) =>
    (isDangling === undefined || (volumes.usersOf(record.name).length === 0) === isDangling) &&
    (drivers.length === 0 || drivers.includes("local")) &&
    matchesPattern(filters, "name", record.name) &&
    matchesLabels(filters, record.labels ?? {});
}

/**
 * Only anonymous volumes, unless `all` is set, which clients of API versions below 1.42 mean without saying it.
 *
 * Never those with options of the driver's, which are file systems of somebody else's. @throws {Fault} `invalid` for a value of
 * `all` that is no boolean
 */
export function volumePruneFilter(filters: Filters): (record: VolumeRecord) => boolean {
  const all = booleanFilter(filters, "all") ?? false;
  return (record) =>
    Object.keys(record.options ?? {}).length === 0 &&
    (all || isAnonymous(record)) &&
    matchesLabels(filters, record.labels ?? {});
}

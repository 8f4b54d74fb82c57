import { Fault } from "./fault.ts";

/** Consecutive user and group IDs of the host's that are 0, 1, … in a user namespace. */
export interface IdRange {
  /** What the namespace's root is outside. */
  readonly base: number;
  readonly size: number;
}

/** What an ID that a user namespace has no place for is shown as. @see /proc/sys/kernel/overflowuid */
export const overflowId = 65534;

/** The host's ID of one in the namespace. @throws {Fault} `invalid` for one that it does not have */
export function toHostId({ base, size }: IdRange, id: number): number {
  if (id < size) return base + id;
  throw new Fault("invalid", `Container ID ${id} cannot be mapped to a host ID`);
}

/** The ID in the namespace of one of the host's. */
export function toContainerId({ base, size }: IdRange, id: number): number {
  return id >= base && id < base + size ? id - base : overflowId;
}

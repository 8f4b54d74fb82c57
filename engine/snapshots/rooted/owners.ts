import { type IdRange, toContainerId, toHostId } from "#base/id-range.ts";

/** Owners on disk and in archives. They differ where the tree is seen from outside of its user namespace. */
export interface Owners {
  /** As an archive has them. */
  shown(id: number): number;
  /** As the disk gets them. @throws {Fault} `invalid` for IDs that the namespace does not have */
  kept(id: number): number;
  /** Whose file capabilities count; 0 is the host's root. */
  readonly root: number;
}

export function ownersOf(ids: IdRange | undefined): Owners {
  if (ids === undefined) return { shown: (id) => id, kept: (id) => id, root: 0 };
  return {
    shown: (id) => toContainerId(ids, id),
    kept: (id) => toHostId(ids, id),
    root: ids.base,
  };
}

const magic = { revision2: 0x02000000, revision3: 0x03000000, mask: 0xff000000 };
const revision2Bytes = 20;
const revision3Bytes = 24;

/** `security.capability` as archives have it, without whose it is. @see Linux, include/uapi/linux/capability.h */
export function shownCapability(value: Buffer, { root }: Owners): Buffer {
  if (value.length !== revision3Bytes || value.readUInt32LE(revision2Bytes) !== root) return value;
  const shown = Buffer.from(value.subarray(0, revision2Bytes));
  const flags = shown.readUInt32LE(0) & ~magic.mask;
  shown.writeUInt32LE((magic.revision2 | flags) >>> 0, 0);
  return shown;
}

/** {@link shownCapability} the other way. */
export function keptCapability(value: Uint8Array, { root }: Owners): Uint8Array {
  if (root === 0 || value.length !== revision2Bytes) return value;
  const kept = Buffer.alloc(revision3Bytes);
  kept.set(value);
  kept.writeUInt32LE((magic.revision3 | (kept.readUInt32LE(0) & ~magic.mask)) >>> 0, 0);
  kept.writeUInt32LE(root, revision2Bytes);
  return kept;
}

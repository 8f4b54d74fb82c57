import { Fault } from "#base/fault.ts";
import type { BlobInfo, Expected } from "./content-store.ts";

/** @throws {Fault} `invalid` as soon as there is more than there should be. */
export function checkGrowth(size: number, expected: Expected): void {
  if (expected.size !== undefined && size > expected.size)
    throw new Fault("invalid", `content is longer than the ${expected.size} bytes it should have`);
}

/** @throws {Fault} `invalid` when the whole content is not what was expected. */
export function checkWhole(info: BlobInfo, expected: Expected): void {
  if (expected.size !== undefined && info.size !== expected.size)
    throw new Fault("invalid", `content has ${info.size} bytes, expected ${expected.size}`);
  if (expected.digest !== undefined && info.digest !== expected.digest)
    throw new Fault("invalid", `content has digest ${info.digest}, expected ${expected.digest}`);
}

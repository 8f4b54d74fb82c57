import type { Digest } from "./digest.ts";

/**
 * Chain IDs, base first, one for each diff ID. `sha256` hashes the UTF-8 bytes of a text.
 *
 * @see OCI image-spec v1.1.1, config.md#layer-chainid
 */
export function chainIdsOf(diffIds: readonly Digest[], sha256: (text: string) => Digest): readonly Digest[] {
  const chain: Digest[] = [];
  for (const diffId of diffIds) {
    const below = chain.at(-1);
    chain.push(below === undefined ? diffId : sha256(`${below} ${diffId}`));
  }
  return chain;
}

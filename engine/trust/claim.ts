import type { Digest } from "#oci/digest.ts";

/** What a signature says, once it is known who says it. */
export interface Claim {
  /** Of the manifest or index. */
  readonly digest: Digest;
  /** The name that the signer had in mind, as it stands there. */
  readonly reference?: string;
}

/** What is to be verified: an image's manifest, and indexes that are known to lead to it. */
export interface Subjects {
  readonly digests: readonly Digest[];
  /** The very bytes that have the digest. */
  read(digest: Digest): Promise<Uint8Array>;
}

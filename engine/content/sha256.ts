import { createHash, type Hash } from "node:crypto";
import { type Digest, parseDigest } from "#oci/digest.ts";

/** Of a text's UTF-8 bytes or of bytes. */
export function sha256Of(content: string | Uint8Array): Digest {
  return digestOf(createHash("sha256").update(content));
}

/** Ends the hash. */
export function digestOf(hash: Hash): Digest {
  return parseDigest(`sha256:${hash.digest("hex")}`);
}

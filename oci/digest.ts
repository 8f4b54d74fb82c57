import { Fault } from "#base/fault.ts";

/** `sha256:` and 64 lowercase hex digits. Made only by {@link parseDigest} and the content store. */
export type Digest = string & { readonly __digest: true };

const digestPattern = /^sha256:[0-9a-f]{64}$/;

/**
 * Parses a digest.
 *
 * @throws {Fault} `invalid` when the text is not `sha256:` followed by 64 lowercase hex digits.
 * @see OCI image-spec v1.1.1, descriptor.md#digests
 */
export function parseDigest(text: string): Digest {
  if (!isDigest(text)) throw new Fault("invalid", `invalid digest: ${text.slice(0, 100)}`);
  return text;
}

export function isDigest(text: string): text is Digest {
  return digestPattern.test(text);
}

/** The 64 hex digits. */
export function hexOf(digest: Digest): string {
  return digest.slice("sha256:".length);
}

import { type Digest, isDigest } from "#oci/digest.ts";

/** `sha256:` or `sha512:` with their digits: how a client may call content. Made only by {@link findContentDigest}. */
export type ContentDigest = string & { readonly __contentDigest: true };

const MAX_NAME_LENGTH = 255;
const namePattern = /^[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*(?:\/[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*)*$/;
const tagPattern = /^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$/;
const sha512Pattern = /^sha512:[0-9a-f]{128}$/;

/** @see OCI distribution-spec v1.1.1, pulling manifests: `<name>`; with Docker's limit of 255 characters */
export function isRepositoryName(text: string): boolean {
  return text.length <= MAX_NAME_LENGTH && namePattern.test(text);
}

/** @see OCI distribution-spec v1.1.1, pulling manifests: `<reference>` */
export function isTag(text: string): boolean {
  return tagPattern.test(text);
}

/** Undefined for what is no digest of the two algorithms that OCI image-spec v1.1.1 registers. */
export function findContentDigest(text: string): ContentDigest | undefined {
  return isDigest(text) || sha512Pattern.test(text) ? (text as string as ContentDigest) : undefined;
}

/** The digest as the content store's own, where it is that. */
export function storedDigestOf(digest: ContentDigest): Digest | undefined {
  const text: string = digest;
  return isDigest(text) ? text : undefined;
}

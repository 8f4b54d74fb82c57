import type { Digest } from "#oci/digest.ts";

/** Something that claims to sign an image, as it was found: nothing of it has been believed yet. */
export type FoundSignature =
  /** A Sigstore bundle, version 0.1 to 0.3, as JSON. */
  | { readonly format: "sigstore-bundle"; readonly bytes: Uint8Array }
  /** Cosign's older form: a JSON payload, and its signature in base64 beside it. */
  | {
      readonly format: "simple-signing";
      readonly payload: Uint8Array;
      readonly signature: string;
      /** PEM. */
      readonly certificate?: string;
      /** PEM, intermediates first. */
      readonly chain?: string;
    }
  /** An envelope of the Notary Project. */
  | { readonly format: "notation-jws" | "notation-cose"; readonly bytes: Uint8Array }
  /** A format that is known by name only. */
  | { readonly format: "unsupported"; readonly mediaType: string };

/** Where signatures come from: the image store, a folder, a registry. */
export interface SignatureSource {
  /** Everything there is about one of these manifests or indexes, in no order. What cannot be read is left out. */
  find(subjects: readonly Digest[], signal: AbortSignal): Promise<readonly FoundSignature[]>;
}

/** More than anybody needs; the rest is not looked at. */
export const MAX_SIGNATURES = 64;

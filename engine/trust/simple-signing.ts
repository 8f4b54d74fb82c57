import { Fault } from "#base/fault.ts";
import { type Digest, parseDigest } from "#oci/digest.ts";
import { asObject, asString, onlyKeys, optionalObject } from "#oci/shape.ts";
import { parseStrictJson } from "#oci/strict-json.ts";
import type { Claim } from "./claim.ts";

const cosignType = "cosign container image signature";

/**
 * What a simple signing payload of cosign's says. `critical` must have its three fields and no other.
 *
 * @throws {Fault} `invalid`
 * @see containers-signature(5), "JSON data format"; cosign SIGNATURE_SPEC.md
 */
export function parseSimpleSigning(payload: Uint8Array): Claim {
  const document = asObject(parseStrictJson(payload, "signature payload"), "signature payload");
  onlyKeys(document, ["critical", "optional"], "payload");
  optionalObject(document["optional"], "optional");
  const critical = asObject(document["critical"], "critical");
  onlyKeys(critical, ["identity", "image", "type"], "critical");
  if (critical["type"] !== cosignType) throw new Fault("invalid", "not the payload of a cosign signature");
  const image = asObject(critical["image"], "image");
  const identity = asObject(critical["identity"], "identity");
  onlyKeys(image, ["docker-manifest-digest"], "image");
  onlyKeys(identity, ["docker-reference"], "identity");
  const reference = asString(identity["docker-reference"], "docker-reference");
  const digest = parseDigest(asString(image["docker-manifest-digest"], "docker-manifest-digest"));
  return { digest, ...(reference !== "" && { reference }) };
}

/** A payload to sign. */
export function simpleSigningOf(digest: Digest, reference: string): Buffer {
  return Buffer.from(
    JSON.stringify({
      critical: {
        identity: { "docker-reference": reference },
        image: { "docker-manifest-digest": digest },
        type: cosignType,
      },
      optional: null,
    }),
  );
}

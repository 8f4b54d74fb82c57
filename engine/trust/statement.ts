import { Fault } from "#base/fault.ts";
import { type Digest, isDigest } from "#oci/digest.ts";
import { asArray, asObject, asString, optionalString } from "#oci/shape.ts";
import { parseStrictJson } from "#oci/strict-json.ts";
import type { Claim } from "./claim.ts";

export const statementType = "application/vnd.in-toto+json";
/** The predicate by which cosign 3 says "this is signed", and nothing more. */
export const signPredicate = "https://sigstore.dev/cosign/sign/v1";

const versions: ReadonlySet<unknown> = new Set([
  "https://in-toto.io/Statement/v1",
  "https://in-toto.io/Statement/v0.1",
]);
const MAX_SUBJECTS = 1000;

/**
 * What an in-toto statement signs. Attestations are signed with the same keys and say something else, so they do not count.
 *
 * @throws {Fault} `invalid`
 * @see in-toto Attestation Framework v1, statement.md
 */
export function claimsOfStatement(payloadType: string, payload: Uint8Array): readonly Claim[] {
  if (payloadType !== statementType)
    throw new Fault("invalid", `an envelope with a payload of type ${payloadType.slice(0, 100)}`);
  const statement = asObject(parseStrictJson(payload, "statement"), "statement");
  if (!versions.has(statement["_type"])) throw new Fault("invalid", "a statement of an unknown version");
  const predicate = asString(statement["predicateType"], "predicateType");
  if (predicate !== signPredicate)
    throw new Fault("invalid", `an attestation (${predicate.slice(0, 100)}), not a signature`);
  const claims: Claim[] = [];
  for (const value of asArray(statement["subject"], "subject", MAX_SUBJECTS)) {
    const subject = asObject(value, "subject");
    const digest = `sha256:${optionalString(asObject(subject["digest"], "digest")["sha256"], "sha256") ?? ""}`;
    const name = optionalString(subject["name"], "name") ?? "";
    if (isDigest(digest)) claims.push({ digest, ...(name !== "" && { reference: name }) });
  }
  return claims;
}

/** The statement that `trust sign` puts into a bundle: cosign's, with the name in it. */
export function statementOf(digest: Digest, reference: string): Buffer {
  return Buffer.from(
    JSON.stringify({
      _type: "https://in-toto.io/Statement/v1",
      subject: [{ name: reference, digest: { sha256: digest.slice("sha256:".length) } }],
      predicateType: signPredicate,
      predicate: {},
    }),
  );
}

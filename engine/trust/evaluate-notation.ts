import { Fault, messageOf } from "#base/fault.ts";
import { formatReference, type Reference } from "#oci/reference.ts";
import type { Certificate } from "./certificate.ts";
import { checkSigner, verifyChain } from "./chain.ts";
import type { Evidence } from "./evaluate-containers.ts";
import { openCoseEnvelope } from "./cose-envelope.ts";
import { openNotationEnvelope } from "./notation-envelope.ts";
import type { NotationEnvelope } from "./notation-headers.ts";
import {
  type NotationCheck,
  type NotationPolicy,
  type NotationStatement,
  statementFor,
} from "./notation-policy.ts";
import type { FoundSignature } from "./signature-source.ts";
import { joinReasons, refused, trusted, type Verdict } from "./verdict.ts";

/** Whether the policy lets an image of that name be used: one signature that passes all that is enforced will do. */
export async function evaluateNotation(
  policy: NotationPolicy,
  name: Reference | undefined,
  { subjects, signatures, now }: Evidence,
): Promise<Verdict> {
  const statement = statementFor(policy, name);
  if (statement === undefined)
    return refused(
      `no trust policy is for ${name === undefined ? "images without a name" : formatReference(name)}`,
    );
  const rule = `trust policy ${JSON.stringify(statement.name)}`;
  if (statement.actions === undefined) return trusted(`${rule}: skip`);
  const found = (await signatures()).filter(
    ({ format }) => format === "notation-jws" || format === "notation-cose" || format === "unsupported",
  );
  const reasons: string[] = [];
  for (const signature of found)
    try {
      const envelope = openEnvelope(signature);
      if (!subjects.digests.includes(envelope.digest)) throw new Fault("invalid", "it is for another image");
      const failed = failures(statement, envelope, now);
      const enforced = failed.filter(({ check }) => statement.actions?.[check] === "enforce");
      if (enforced.length > 0) throw new Fault("invalid", enforced.map(({ why }) => why).join(", "));
      const logged = failed.filter(({ check }) => statement.actions?.[check] === "log");
      const note =
        logged.length === 0 ? "signed" : `signed, though ${logged.map(({ why }) => why).join(", ")}`;
      const ends = [envelope.expiry, ...envelope.chain.map(({ notAfter }) => notAfter)];
      const until = Math.min(...ends.filter((end) => end !== undefined && end > now).map(Number));
      return trusted(`${rule}: ${note}`, Number.isFinite(until) ? until : undefined);
    } catch (error) {
      if (!(error instanceof Fault)) throw error;
      reasons.push(`a signature does not count: ${error.message}`);
    }
  if (reasons.length === 0) return refused(`${rule}: a Notation signature was required, but there is none`);
  return refused(`${rule}: ${joinReasons(reasons)}`);
}

function openEnvelope(signature: FoundSignature): NotationEnvelope {
  if (signature.format === "notation-jws") return openNotationEnvelope(signature.bytes);
  if (signature.format === "notation-cose") return openCoseEnvelope(signature.bytes);
  throw new Fault("invalid", "its format is not supported");
}

interface Failure {
  readonly check: NotationCheck;
  readonly why: string;
}

function failures(
  { authorities, signingAuthorities, identities }: NotationStatement,
  envelope: NotationEnvelope,
  now: number,
): readonly Failure[] {
  const { chain, scheme, expiry, signingTime } = envelope;
  const [leaf, ...rest] = chain as [Certificate, ...Certificate[]];
  const bySigner = scheme === "notary.x509";
  const roots = bySigner ? authorities : signingAuthorities;
  const found: Failure[] = [];
  const attempt = (check: NotationCheck, work: () => void) => {
    try {
      work();
    } catch (error) {
      found.push({ check, why: messageOf(error) });
    }
  };
  attempt("authenticity", () => {
    checkSigner(leaf);
    // Whether the way is valid at a time is a question of its own.
    verifyChain(leaf, rest, roots, leaf.notBefore < now && now < leaf.notAfter ? now : leaf.notBefore);
    if (identities !== undefined && !identities.some((identity) => hasAttributes(leaf, identity)))
      throw new Fault("invalid", "its signer is not a trusted identity");
  });
  attempt("authenticTimestamp", () => {
    const at = bySigner ? now : signingTime;
    for (const { notBefore, notAfter } of chain)
      if (at < notBefore || at > notAfter)
        throw new Fault("invalid", "a certificate was not valid at the time that counts");
  });
  attempt("expiry", () => {
    if (expiry !== undefined && now > expiry) throw new Fault("invalid", "it has expired");
  });
  attempt("revocation", () => {
    if (chain.some(({ namesRevocation }) => namesRevocation))
      throw new Fault("invalid", "whether its certificate was revoked cannot be asked without a network");
  });
  return found;
}

function hasAttributes({ subject }: Certificate, identity: ReadonlyMap<string, string>): boolean {
  return Array.from(identity).every(([key, value]) => subject.get(key)?.includes(value) ?? false);
}

import { Fault } from "#base/fault.ts";
import type { Reference } from "#oci/reference.ts";
import type { Subjects } from "./claim.ts";
import type { ContainersPolicy, Requirement } from "./containers-policy.ts";
import { identityMatches } from "./image-identity.ts";
import { requirementsFor } from "./scopes.ts";
import type { FoundSignature } from "./signature-source.ts";
import { joinReasons, refused, trusted, type Verdict } from "./verdict.ts";
import { verifySigstore } from "./verify-sigstore.ts";

export interface Evidence {
  readonly subjects: Subjects;
  /** Asked for only when a rule needs them. */
  readonly signatures: () => Promise<readonly FoundSignature[]>;
  /** Milliseconds since 1970. */
  readonly now: number;
}

/** Whether the policy lets an image of that name be used: every requirement of its scope must hold. */
export async function evaluateContainers(
  policy: ContainersPolicy,
  name: Reference | undefined,
  evidence: Evidence,
): Promise<Verdict> {
  const { scope, requirements } = requirementsFor(policy, name);
  const rule = scope === undefined ? "default" : `scope ${JSON.stringify(scope)}`;
  const times: number[] = [];
  for (const requirement of requirements) {
    const verdict = await evaluateOne(requirement, name, evidence);
    if (!verdict.isTrusted) return refused(`${rule}: ${verdict.reason}`);
    if (verdict.until !== undefined) times.push(verdict.until);
  }
  const names = requirements.map(({ type }) => type).join(", ");
  return trusted(`${rule}: ${names}`, times.length > 0 ? Math.min(...times) : undefined);
}

async function evaluateOne(
  requirement: Requirement,
  name: Reference | undefined,
  evidence: Evidence,
): Promise<Verdict> {
  switch (requirement.type) {
    case "insecureAcceptAnything":
      return trusted("anything is accepted");
    case "reject":
      return refused("everything is rejected");
    case "unsupported":
      return refused(requirement.why);
    case "sigstoreSigned":
      return await evaluateSigned(requirement, name, evidence);
    default:
      return requirement satisfies never;
  }
}

async function evaluateSigned(
  { anchor, identity }: Extract<Requirement, { type: "sigstoreSigned" }>,
  name: Reference | undefined,
  { subjects, signatures, now }: Evidence,
): Promise<Verdict> {
  const found = await signatures();
  if (found.length === 0) return refused("a signature was required, but there is none");
  const reasons: string[] = [];
  for (const signature of found)
    try {
      const claims = await verifySigstore(signature, anchor, subjects, now);
      const about = claims.filter(({ digest }) => subjects.digests.includes(digest));
      if (about.some(({ reference }) => identityMatches(identity, name, reference)))
        return trusted("signed", anchor.kind === "pki" ? now + CERTIFICATE_MS : undefined);
      const [other] = about;
      if (other === undefined) reasons.push("a signature is for another image");
      else
        reasons.push(
          `a signature is for ${other.reference ?? "no name"}, which ${identity.type} does not accept`,
        );
    } catch (error) {
      if (!(error instanceof Fault)) throw error;
      reasons.push(`a signature does not count: ${error.message}`);
    }
  return refused(joinReasons(reasons));
}

/** How long a verdict that rests on a certificate is believed without another look. */
const CERTIFICATE_MS = 60_000;

import { Fault } from "#base/fault.ts";
import type { ImageTrust } from "#engine/images/image-trust.ts";
import type { FoundSignature } from "#engine/trust/signature-source.ts";
import { json } from "./answer.ts";
import type { Route } from "./call.ts";

/** Gantry's own: what is known of images' origin. Docker has no such paths. @see docs/trust.md */
export function trustRoutes(trust: ImageTrust | undefined): readonly Route[] {
  if (trust === undefined) return [];
  return [
    { method: "GET", path: "/trust/policy", handle: () => json(policyOf(trust)) },
    {
      method: "GET",
      path: "/images/{name}/trust",
      handle: async ({ name, signal }) => {
        const verdict = await trust.judge(name, signal);
        if (verdict === undefined) return json({ Trusted: true, Reason: "no trust policy is in force" });
        return json({ Trusted: verdict.isTrusted, Reason: verdict.reason });
      },
    },
    {
      method: "GET",
      path: "/images/{name}/verify",
      handle: async ({ name, signal }) => {
        const { id, problems } = await trust.verify(name, signal);
        return json({ Id: id, Problems: problems });
      },
    },
    {
      method: "GET",
      path: "/images/{name}/signatures",
      handle: async ({ name, signal }) => {
        const { image, reference, subjects, signatures } = await trust.originOf(name, signal);
        return json({
          Id: image.id,
          Descriptor: image.descriptor,
          Reference: reference ?? "",
          Subjects: subjects,
          Signatures: signatures.map(signatureOf),
        });
      },
    },
  ];
}

function policyOf({ policy }: ImageTrust): object {
  if (policy === undefined) throw new Fault("not-found", "no trust policy is in force");
  return { File: policy.file, Digest: policy.digest, Kind: policy.rules.kind, Policy: policy.text };
}

function signatureOf(signature: FoundSignature): object {
  switch (signature.format) {
    case "sigstore-bundle":
    case "notation-jws":
    case "notation-cose":
      return { Format: signature.format, Content: Buffer.from(signature.bytes).toString("base64") };
    case "simple-signing":
      return {
        Format: signature.format,
        Content: Buffer.from(signature.payload).toString("base64"),
        Signature: signature.signature,
        Certificate: signature.certificate,
        Chain: signature.chain,
      };
    case "unsupported":
      return { Format: signature.mediaType };
    default:
      return signature satisfies never;
  }
}

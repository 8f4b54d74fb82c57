import { readFileSync } from "node:fs";
import { Fault } from "#base/fault.ts";
import type { Descriptor } from "#oci/descriptor.ts";
import { formatReference, parseReference, withDefaultTag } from "#oci/reference.ts";
import type { DockerClient } from "#client/docker-client.ts";
import { parsePemCertificates } from "#engine/trust/certificate.ts";
import { evaluateContainers } from "#engine/trust/evaluate-containers.ts";
import { evaluateNotation } from "#engine/trust/evaluate-notation.ts";
import {
  type NotationForm,
  notationArtifactType,
  signNotation,
  thumbprints,
} from "#engine/trust/notation-sign.ts";
import { parsePublicKey } from "#engine/trust/public-key.ts";
import { type SignatureLayer, signatureArchive } from "#engine/trust/signature-archive.ts";
import type { FoundSignature } from "#engine/trust/signature-source.ts";
import { signBundle, type Signer, signSimple } from "#engine/trust/sign.ts";
import { readTrustPolicy, type TrustPolicy } from "#engine/trust/trust-policy.ts";
import { defineCommand } from "../context.ts";
import { bool, text } from "../flags.ts";
import { passphraseFile, readSigner } from "./trust-key.ts";

/** What `GET /images/{name}/signatures` answers. */
interface Origin {
  readonly Id: string;
  readonly Descriptor: Descriptor;
  readonly Reference: string;
  readonly Subjects: readonly Descriptor["digest"][];
  readonly Signatures: readonly {
    readonly Format: string;
    readonly Content?: string;
    readonly Signature?: string;
    readonly Certificate?: string;
    readonly Chain?: string;
  }[];
}

export const sign = defineCommand({
  isOwn: true,
  usage: "[OPTIONS] IMAGE [IMAGE...]",
  about: [
    "Signs images with a key of yours. The signature is kept beside the image, and goes where it is saved to.",
    "The private key stays with this program; nobody is asked over a network.",
  ].join("\n"),
  flags: {
    key: text("FILE", "The private key", undefined, { complete: "file" }),
    "passphrase-file": passphraseFile,
    certificate: text(
      "FILE",
      "A certificate of the key in PEM, for policies that name an authority",
      undefined,
      {
        complete: "file",
      },
    ),
    identity: text("REFERENCE", "The name that is signed (default the image's)"),
    notation: text("FORM", "Notation's format, as jws or cose; needs --certificate", undefined, {
      complete: ["jws", "cose"],
    }),
    simple: bool("Cosign's older format, for readers that know no Sigstore bundles"),
  },
  operands: [1, Infinity],
  complete: ["image"],
  examples: [
    ["gantry trust sign --key acme.key acme/app:1", "then: gantry save acme/app:1, or push it"],
    ["gantry trust sign --key acme.key --certificate acme.pem --notation cose acme/app:1", "for Notation"],
  ],
  async run(context, values, names) {
    if (values.key === undefined)
      throw new Fault("invalid", "--key is needed: gantry trust key generate makes one");
    const signer = await readSigner(context, values.key, values["passphrase-file"]);
    const certified = values.certificate === undefined ? signer : withCertificate(signer, values.certificate);
    const form = notationForm(values.notation);
    if (form !== undefined && (values.simple || values.identity !== undefined))
      throw new Fault("invalid", "--notation excludes --simple and --identity: its signatures carry no name");
    for (const name of names) {
      const engine = context.engine();
      const origin = await originOf(engine, name, context.signal);
      if (form !== undefined) {
        const time = Math.floor(context.now().getTime() / 1000);
        await engine.loadImage(
          onePiece(notationArchive(form, certified, origin.Descriptor, time)),
          context.signal,
        );
        context.out.write(`${origin.Descriptor.digest} signed\n`);
        continue;
      }
      const reference = values.identity ?? origin.Reference;
      if (reference === "")
        throw new Fault("invalid", `${name} has no name that could be signed: use --identity`);
      const identity = formatReference(withDefaultTag(parseReference(reference)));
      const layer = values.simple
        ? simpleLayer(certified, origin.Descriptor, identity, values.certificate)
        : bundleLayer(certified, origin.Descriptor, identity);
      const archive = signatureArchive(origin.Descriptor, [layer]);
      await engine.loadImage(onePiece(archive), context.signal);
      context.out.write(`${origin.Descriptor.digest} signed as ${identity}\n`);
    }
    return 0;
  },
});

export const verify = defineCommand({
  isOwn: true,
  usage: "[OPTIONS] IMAGE",
  about: [
    "Tells whether an image may be used, and why: by a key, by a policy, or by the policy that the engine has.",
    "Only what is kept beside the image is looked at.",
  ].join("\n"),
  flags: {
    key: text("FILE", "A public key that must have signed it", undefined, { complete: "file" }),
    policy: text("FILE", "A policy that must accept it", undefined, { complete: "file" }),
    "any-name": bool("With --key: also a signature for another name, or for none"),
  },
  operands: [1, 1],
  complete: ["image"],
  examples: [["gantry trust verify --key acme.pub acme/app:1", "signed with that key, for that repository"]],
  exitCodes: [
    [0, "it may be used"],
    [1, "it may not"],
  ],
  async run(context, values, [name = ""]) {
    const { key, policy } = values;
    if (key !== undefined && policy !== undefined)
      throw new Fault("invalid", "--key and --policy exclude each other");
    const rules =
      key === undefined
        ? policy === undefined
          ? undefined
          : readTrustPolicy(policy).rules
        : keyRules(readFileSync(key, "utf8"), values["any-name"]);
    const { isTrusted, reason } =
      rules === undefined
        ? await askEngine(context.engine(), name, context.signal)
        : await judge(rules, await originOf(context.engine(), name, context.signal), context.now().getTime());
    context.out.write(`${name}: ${isTrusted ? "trusted" : "refused"}: ${reason}\n`);
    return isTrusted ? 0 : 1;
  },
});

export const policyShow = defineCommand({
  isOwn: true,
  usage: "",
  about: "Prints the trust policy that the engine has.",
  flags: {},
  operands: [0, 0],
  examples: [["gantry trust policy show", "what gantry up --trust-policy FILE gave it"]],
  async run(context) {
    const { api } = context.engine();
    const shown = await api.json<{ readonly File: string; readonly Digest: string; readonly Policy: string }>(
      "GET",
      "/trust/policy",
      {},
      context.signal,
    );
    context.err.write(`${shown.File} ${shown.Digest}\n`);
    context.out.write(`${shown.Policy.trimEnd()}\n`);
    return 0;
  },
});

export const policyTest = defineCommand({
  isOwn: true,
  usage: "IMAGE",
  about: "Tells what the engine's trust policy says of an image, and by which rule.",
  flags: {},
  operands: [1, 1],
  complete: ["image"],
  examples: [["gantry trust policy test acme/app:1", "before a container needs it"]],
  exitCodes: [
    [0, "it may be used"],
    [1, "it may not"],
  ],
  async run(context, _values, [name = ""]) {
    const { isTrusted, reason } = await askEngine(context.engine(), name, context.signal);
    context.out.write(`${name}: ${isTrusted ? "trusted" : "refused"}: ${reason}\n`);
    return isTrusted ? 0 : 1;
  },
});

async function originOf({ api }: DockerClient, name: string, signal: AbortSignal): Promise<Origin> {
  return await api.json("GET", `${at(name)}/signatures`, {}, signal);
}

async function askEngine({ api }: DockerClient, name: string, signal: AbortSignal) {
  const answer = await api.json<{ readonly Trusted: boolean; readonly Reason: string }>(
    "GET",
    `${at(name)}/trust`,
    {},
    signal,
  );
  return { isTrusted: answer.Trusted, reason: answer.Reason };
}

function at(name: string): string {
  return `/images/${name.split("/").map(encodeURIComponent).join("/")}`;
}

function withCertificate(signer: Signer, file: string): Signer {
  const certificates = parsePemCertificates(readFileSync(file, "utf8"));
  if (certificates[0]?.x509.checkPrivateKey(signer.privateKey) !== true)
    throw new Fault("invalid", `${file} is not a certificate of the key`);
  return { ...signer, certificates: certificates.map(({ x509 }) => x509.raw) };
}

function notationForm(given: string | undefined): NotationForm | undefined {
  if (given === undefined || given === "jws" || given === "cose") return given;
  throw new Fault("invalid", `unknown form ${given}: use jws or cose`);
}

function notationArchive(form: NotationForm, signer: Signer, subject: Descriptor, time: number): Buffer {
  const layer = signNotation(form, signer, subject, { time });
  return signatureArchive(subject, [layer], {
    type: notationArtifactType,
    annotations: thumbprints(signer.certificates ?? []),
  });
}

function bundleLayer(signer: Signer, { digest }: Descriptor, identity: string): SignatureLayer {
  return {
    mediaType: "application/vnd.dev.sigstore.bundle.v0.3+json",
    content: signBundle(signer, digest, identity),
  };
}

function simpleLayer(
  signer: Signer,
  { digest }: Descriptor,
  identity: string,
  certificate: string | undefined,
): SignatureLayer {
  const { payload, signature } = signSimple(signer, digest, identity);
  return {
    mediaType: "application/vnd.dev.cosign.simplesigning.v1+json",
    content: payload,
    annotations: {
      "dev.cosignproject.cosign/signature": signature,
      ...(certificate !== undefined && {
        "dev.sigstore.cosign/certificate": readFileSync(certificate, "utf8"),
      }),
    },
  };
}

async function* onePiece(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}

function keyRules(pem: string, isAnyName: boolean): TrustPolicy["rules"] {
  const anchor = { kind: "keys", keys: [parsePublicKey(pem)] } as const;
  const identity = { type: isAnyName ? "matchDigest" : "matchRepository" } as const;
  return {
    kind: "containers",
    default: [{ type: "sigstoreSigned", anchor, identity }],
    transports: new Map(),
  };
}

async function judge(rules: TrustPolicy["rules"], origin: Origin, now: number) {
  const name = origin.Reference === "" ? undefined : parseReference(origin.Reference);
  const evidence = {
    subjects: {
      digests: origin.Subjects,
      read: async () => {
        throw new Fault("invalid", "it is over the manifest itself, which only the engine has");
      },
    },
    signatures: async () => origin.Signatures.map(foundOf),
    now,
  };
  return rules.kind === "containers"
    ? await evaluateContainers(rules, name, evidence)
    : await evaluateNotation(rules, name, evidence);
}

function foundOf({
  Format,
  Content = "",
  Signature = "",
  Certificate,
  Chain,
}: Origin["Signatures"][number]): FoundSignature {
  const bytes = Buffer.from(Content, "base64");
  if (Format === "sigstore-bundle" || Format === "notation-jws" || Format === "notation-cose")
    return { format: Format, bytes };
  if (Format !== "simple-signing") return { format: "unsupported", mediaType: Format };
  return {
    format: "simple-signing",
    payload: bytes,
    signature: Signature,
    ...(Certificate !== undefined && { certificate: Certificate }),
    ...(Chain !== undefined && { chain: Chain }),
  };
}

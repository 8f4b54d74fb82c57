import { constants, generateKeyPairSync, sign } from "node:crypto";
import type { Digest } from "#oci/digest.ts";
import { type IssuedBy, issue, pemOf, publicPem } from "#engine/trust/certificates.fixture.ts";
import { bundleOf, signBundle, type Signer, signSimple, signWith } from "#engine/trust/sign.ts";
import {
  type ArtifactParts,
  type CoseChanges,
  coseEnvelope,
  notationEnvelope,
  signatureArtifact,
} from "#engine/trust/signatures.fixture.ts";
import { statementOf, statementType } from "#engine/trust/statement.ts";
import {
  descriptorOf,
  digestOfBytes,
  dockerArchive,
  layerOf,
  ociImage,
  ociIndexType,
  ociLayout,
  ociManifestType,
} from "./archives.fixture.ts";

/** One image, its signatures in every way there is, and what a policy says of it. */
export interface TrustCase {
  readonly name: string;
  readonly policy: object;
  readonly archive: Buffer;
}

export const now = Date.parse("2026-06-01T00:00:00Z");
const day = 86_400_000;
const layer = layerOf("base");
export const image = ociImage([layer]);
export const digest = digestOfBytes(image.manifest) as Digest;
const subject = descriptorOf(ociManifestType, image.manifest);
const other = digestOfBytes("something else") as Digest;
export const reference = "docker.io/acme/app:1";
const bundleType = "application/vnd.dev.sigstore.bundle.v0.3+json";
const simpleType = "application/vnd.dev.cosign.simplesigning.v1+json";
const b64 = (text: string | Uint8Array) => Buffer.from(text).toString("base64");

const signers = {
  p256: generateKeyPairSync("ec", { namedCurve: "prime256v1" }),
  p384: generateKeyPairSync("ec", { namedCurve: "secp384r1" }),
  ed25519: generateKeyPairSync("ed25519"),
  rsa: generateKeyPairSync("rsa", { modulusLength: 2048 }),
  stranger: generateKeyPairSync("ec", { namedCurve: "prime256v1" }),
} satisfies Record<string, Signer>;
export const mainSigner: Signer = signers.p256;

const root = issue({
  notBefore: now - 100 * day,
  notAfter: now + 100 * day,
  isAuthority: true,
  subject: { C: "DE", ST: "BE", O: "Root", CN: "root" },
});
const rogue = issue({
  notBefore: now - 100 * day,
  notAfter: now + 100 * day,
  isAuthority: true,
  subject: { C: "DE", ST: "BE", O: "Root", CN: "root" },
});
const usual = { notBefore: now - day, notAfter: now + day, email: "a@acme.test", hostname: "ci.acme.test" };
const leaf = issue({ ...usual, issuer: root });

// ------------------------------------------------------------------ archives

function withSignatures(
  artifacts: readonly ArtifactParts[],
  options: { readonly names?: readonly string[]; readonly tag?: string } = {},
): Buffer {
  const names = options.names ?? [reference];
  const entries = names.map((name) =>
    descriptorOf(ociManifestType, image.manifest, { annotations: { "io.containerd.image.name": name } }),
  );
  const tag =
    options.tag === undefined ? {} : { annotations: { "org.opencontainers.image.ref.name": options.tag } };
  return ociLayout(
    [
      ...(names.length === 0 ? [subject] : entries),
      ...artifacts.map(({ manifest }) => descriptorOf(ociManifestType, manifest, tag)),
    ],
    [...image.blobs, ...artifacts.flatMap(({ blobs }) => blobs)],
  );
}

const bundled = (content: string | Uint8Array, options: Parameters<typeof withSignatures>[1] = {}) =>
  withSignatures(
    [signatureArtifact({ mediaType: bundleType, content }, { artifactType: bundleType, subject })],
    options,
  );

export const signedArchive = (signer: Signer, ref = reference, names: readonly string[] = [reference]) =>
  bundled(signBundle(signer, digest, ref), { names });

function simple(payload: string | Uint8Array, annotations: Record<string, string>): Buffer {
  const artifact = signatureArtifact(
    { mediaType: simpleType, content: payload, annotations },
    { configType: "application/vnd.oci.image.config.v1+json" },
  );
  return withSignatures([artifact], { tag: `sha256-${digest.slice(7)}.sig` });
}

function simpleBy(signer: Signer, about: Digest = digest, ref = reference): Buffer {
  const { payload, signature } = signSimple(signer, about, ref);
  return simple(payload, { "dev.cosignproject.cosign/signature": signature });
}

function simpleOver(document: object | string): Buffer {
  const payload = Buffer.from(typeof document === "string" ? document : JSON.stringify(document));
  const signature = b64(signWith(signers.p256.privateKey, payload));
  return simple(payload, { "dev.cosignproject.cosign/signature": signature });
}

const critical = {
  identity: { "docker-reference": reference },
  image: { "docker-manifest-digest": digest },
  type: "cosign container image signature",
};

function altered(bundle: Buffer, change: (bundle: AnyObject) => void): Buffer {
  const document = JSON.parse(bundle.toString()) as AnyObject;
  change(document);
  return bundled(JSON.stringify(document));
}

// oxlint-disable-next-line typescript/no-explicit-any -- documents of every shape are bent here
type AnyObject = any;

function statement(change: (statement: AnyObject) => void, type = statementType): Buffer {
  const document = JSON.parse(statementOf(digest, reference).toString()) as AnyObject;
  change(document);
  return bundled(bundleOf(signers.p256, type, Buffer.from(JSON.stringify(document))));
}

function message(
  over: string | Uint8Array,
  claimed: string | Uint8Array = over,
  algorithm = "SHA2_256",
): Buffer {
  const signature = signWith(signers.p256.privateKey, Buffer.from(over));
  return bundled(
    JSON.stringify({
      mediaType: bundleType,
      verificationMaterial: { publicKey: { hint: "" } },
      messageSignature: {
        messageDigest: {
          algorithm,
          digest: Buffer.from(digestOfBytes(claimed).slice(7), "hex").toString("base64"),
        },
        signature: b64(signature),
      },
    }),
  );
}

const withCertificate = (signer: IssuedBy, chain: readonly IssuedBy[] = []) =>
  chain.length === 0
    ? bundled(signBundle({ ...signer, certificates: [signer.der] }, digest, reference))
    : altered(signBundle({ ...signer, certificates: [signer.der] }, digest, reference), (bundle) => {
        bundle.mediaType = "application/vnd.dev.sigstore.bundle+json;version=0.2";
        bundle.verificationMaterial = {
          x509CertificateChain: {
            certificates: [signer, ...chain].map(({ der }) => ({ rawBytes: b64(der) })),
          },
        };
      });

function notation(envelope: string | Uint8Array, mediaType = "application/jose+json"): Buffer {
  const type = "application/vnd.cncf.notary.signature";
  return withSignatures([
    signatureArtifact({ mediaType, content: envelope }, { artifactType: type, subject, configType: type }),
  ]);
}

const notationBy = (signer: IssuedBy, extra: object = {}) =>
  notation(notationEnvelope({ digest, signer, signingTime: now - 1000, ...extra }));

const coseBy = (signer: IssuedBy, extra: object = {}, changes: CoseChanges = {}) =>
  notation(coseEnvelope({ digest, signer, signingTime: now - 1000, ...extra }, changes), "application/cose");

/** All that is wrong with it was so when it was signed. */
const coseWith = (headers: NonNullable<CoseChanges["headers"]>) => coseBy(leaf, {}, { headers });

// ------------------------------------------------------------------ policies

const keyData = (signer: Signer) => b64(publicPem(signer.publicKey));
export const signedBy = (signer: Signer, signedIdentity: object | null = { type: "matchRepository" }) => ({
  type: "sigstoreSigned",
  keyData: keyData(signer),
  ...(signedIdentity !== null && { signedIdentity }),
});
export const policyOf = (...requirements: readonly object[]) => ({
  default: [{ type: "reject" }],
  transports: { docker: { "docker.io/acme": requirements } },
});
const usualPolicy = policyOf(signedBy(signers.p256));
const pki = (extra: object = { subjectEmail: "a@acme.test" }, by: IssuedBy = root) =>
  policyOf({
    type: "sigstoreSigned",
    pki: { caRootsData: b64(pemOf(by)), ...extra },
    signedIdentity: { type: "matchRepository" },
  });
const notationPolicy = (change: object = {}) => ({
  version: "1.0",
  trustPolicies: [
    {
      name: "acme",
      registryScopes: ["docker.io/acme/app"],
      signatureVerification: { level: "strict" },
      trustStores: ["ca:acme"],
      trustedIdentities: ["x509.subject: C=DE, ST=BE, O=Test"],
      ...change,
    },
  ],
});
/** The trust stores of {@link notationPolicy}. */
export const trustStores: Readonly<Record<string, string>> = {
  "ca/acme": pemOf(root),
  "signingAuthority/acme": pemOf(root),
};

const pssSignature = sign("sha256", signSimple(signers.rsa, digest, reference).payload, {
  key: signers.rsa.privateKey,
  padding: constants.RSA_PKCS1_PSS_PADDING,
  saltLength: 32,
});

const index = JSON.stringify({
  schemaVersion: 2,
  mediaType: ociIndexType,
  manifests: [{ ...subject, platform: { os: "linux", architecture: "amd64" } }],
});
const indexDigest = digestOfBytes(index) as Digest;
const indexSignature = signatureArtifact(
  { mediaType: bundleType, content: signBundle(signers.p256, indexDigest, reference) },
  { artifactType: bundleType, subject: descriptorOf(ociIndexType, index) },
);
const indexArchive = ociLayout(
  [
    descriptorOf(ociIndexType, index, { annotations: { "io.containerd.image.name": reference } }),
    descriptorOf(ociManifestType, indexSignature.manifest),
  ],
  [...image.blobs, index, ...indexSignature.blobs],
);

// --------------------------------------------------------------------- cases

const middle = issue({
  ...usual,
  issuer: root,
  isAuthority: true,
  subject: { C: "DE", ST: "BE", O: "Middle", CN: "middle" },
});
const short = issue({
  notBefore: now - 100 * day,
  notAfter: now + 100 * day,
  isAuthority: true,
  pathLength: 0,
  subject: { CN: "short" },
});
const good = signBundle(signers.p256, digest, reference);

/** What may run. */
export const acceptedCases: readonly TrustCase[] = [
  { name: "bundle by ECDSA P-256", policy: usualPolicy, archive: signedArchive(signers.p256) },
  {
    name: "bundle by ECDSA P-384",
    policy: policyOf(signedBy(signers.p384)),
    archive: signedArchive(signers.p384),
  },
  {
    name: "bundle by Ed25519",
    policy: policyOf(signedBy(signers.ed25519)),
    archive: signedArchive(signers.ed25519),
  },
  { name: "bundle by RSA", policy: policyOf(signedBy(signers.rsa)), archive: signedArchive(signers.rsa) },
  { name: "simple signing under its tag", policy: usualPolicy, archive: simpleBy(signers.p256) },
  {
    name: "simple signing by RSA-PSS",
    policy: policyOf(signedBy(signers.rsa)),
    archive: simple(signSimple(signers.rsa, digest, reference).payload, {
      "dev.cosignproject.cosign/signature": b64(pssSignature),
    }),
  },
  {
    name: "simple signing, exact",
    policy: policyOf(signedBy(signers.p256, null)),
    archive: simpleBy(signers.p256),
  },
  {
    name: "one of two keys",
    policy: policyOf({
      type: "sigstoreSigned",
      keyDatas: [keyData(signers.stranger), keyData(signers.p256)],
    }),
    archive: signedArchive(signers.p256),
  },
  {
    name: "exact reference",
    policy: policyOf(signedBy(signers.p256, { type: "exactReference", dockerReference: "quay.io/x/y:2" })),
    archive: signedArchive(signers.p256, "quay.io/x/y:2"),
  },
  {
    name: "exact repository",
    policy: policyOf(signedBy(signers.p256, { type: "exactRepository", dockerRepository: "quay.io/x/y" })),
    archive: signedArchive(signers.p256, "quay.io/x/y:3"),
  },
  {
    name: "remapped",
    policy: policyOf(
      signedBy(signers.p256, { type: "remapIdentity", prefix: "docker.io/acme", signedPrefix: "up.test/a" }),
    ),
    archive: signedArchive(signers.p256, "up.test/a/app:1"),
  },
  {
    name: "message signature, any name",
    policy: policyOf(signedBy(signers.p256, { type: "matchDigest" })),
    archive: message(image.manifest),
  },
  { name: "certificate by email", policy: pki(), archive: withCertificate(leaf) },
  {
    name: "certificate by host",
    policy: pki({ subjectHostname: "ci.acme.test" }),
    archive: withCertificate(leaf),
  },
  {
    name: "certificate through an intermediate",
    policy: pki(),
    archive: withCertificate(issue({ ...usual, issuer: middle }), [middle]),
  },
  { name: "signature of the index", policy: usualPolicy, archive: indexArchive },
  { name: "Notation, strict", policy: notationPolicy(), archive: notationBy(leaf) },
  { name: "COSE, strict", policy: notationPolicy(), archive: coseBy(leaf, { expiry: now + day }) },
  {
    name: "COSE, a signing authority's time",
    policy: notationPolicy({ trustStores: ["signingAuthority:acme"] }),
    archive: coseBy(issue({ notBefore: now - 10 * day, notAfter: now - 5 * day, issuer: root }), {
      scheme: "notary.x509.signingAuthority",
      signingTime: now - 7 * day,
    }),
  },
  {
    name: "COSE, through an intermediate",
    policy: notationPolicy(),
    archive: coseBy(issue({ ...usual, issuer: middle }), { chain: [middle] }),
  },
  {
    name: "COSE, its chain protected",
    policy: notationPolicy(),
    archive: coseBy(
      leaf,
      {},
      {
        headers: (headers) => headers.set(33, [leaf.der]),
        unprotected: (headers) => headers.delete(33),
      },
    ),
  },
  {
    name: "Notation, a signing authority's time",
    policy: notationPolicy({ trustStores: ["signingAuthority:acme"] }),
    archive: notationBy(issue({ notBefore: now - 10 * day, notAfter: now - 5 * day, issuer: root }), {
      scheme: "notary.x509.signingAuthority",
      signingTime: now - 7 * day,
    }),
  },
  {
    name: "Notation, expired under permissive",
    policy: notationPolicy({ signatureVerification: { level: "permissive" } }),
    archive: notationBy(leaf, { expiry: now - 1000 }),
  },
  {
    name: "Notation, skip",
    policy: notationPolicy({
      signatureVerification: { level: "skip" },
      trustStores: [],
      trustedIdentities: [],
    }),
    archive: withSignatures([]),
  },
  {
    name: "anything",
    policy: { default: [{ type: "insecureAcceptAnything" }] },
    archive: withSignatures([]),
  },
];

/** What must be refused before anything is unpacked. */
export const refusedCases: readonly TrustCase[] = [
  { name: "no signature", policy: usualPolicy, archive: withSignatures([]) },
  { name: "a stranger's key", policy: usualPolicy, archive: signedArchive(signers.stranger) },
  { name: "another kind of key", policy: usualPolicy, archive: signedArchive(signers.rsa) },
  {
    name: "a flipped bit in the signature",
    policy: usualPolicy,
    archive: altered(good, (bundle) => {
      const bytes = Buffer.from(bundle.dsseEnvelope.signatures[0].sig, "base64");
      bytes[20] = (bytes[20] ?? 0) ^ 1;
      bundle.dsseEnvelope.signatures[0].sig = b64(bytes);
    }),
  },
  {
    name: "an altered statement",
    policy: usualPolicy,
    archive: altered(good, (bundle) => {
      bundle.dsseEnvelope.payload = b64(statementOf(digest, "docker.io/acme/app:2"));
    }),
  },
  {
    name: "an altered payload type",
    policy: usualPolicy,
    archive: altered(good, (bundle) => {
      bundle.dsseEnvelope.payloadType = "text/plain";
    }),
  },
  {
    name: "a signature of another image",
    policy: usualPolicy,
    archive: bundled(signBundle(signers.p256, other, reference)),
  },
  {
    name: "another repository",
    policy: usualPolicy,
    archive: signedArchive(signers.p256, "docker.io/acme/other:1"),
  },
  {
    name: "another tag",
    policy: policyOf(signedBy(signers.p256, { type: "matchExact" })),
    archive: signedArchive(signers.p256, "docker.io/acme/app:2"),
  },
  {
    name: "a repository that begins alike",
    policy: policyOf(
      signedBy(signers.p256, { type: "remapIdentity", prefix: "docker.io/ac", signedPrefix: "up.test" }),
    ),
    archive: signedArchive(signers.p256, "up.test/me/app:1"),
  },
  {
    name: "no name in the statement",
    policy: usualPolicy,
    archive: statement((one) => delete one.subject[0].name),
  },
  {
    name: "an attestation",
    policy: usualPolicy,
    archive: statement((one) => {
      one.predicateType = "https://slsa.dev/provenance/v1";
    }),
  },
  {
    name: "a statement of an unknown version",
    policy: usualPolicy,
    archive: statement((one) => {
      one._type = "https://in-toto.io/Statement/v9";
    }),
  },
  {
    name: "an envelope of another type",
    policy: usualPolicy,
    archive: statement(() => {}, "application/json"),
  },
  {
    name: "a statement without subjects",
    policy: usualPolicy,
    archive: statement((one) => {
      one.subject = [];
    }),
  },
  {
    name: "a statement with a sha512 alone",
    policy: usualPolicy,
    archive: statement((one) => {
      one.subject[0].digest = { sha512: "00" };
    }),
  },
  {
    name: "a statement with keys twice",
    policy: usualPolicy,
    archive: bundled(
      bundleOf(
        signers.p256,
        statementType,
        Buffer.from(
          statementOf(digest, reference)
            .toString()
            .replace('"predicate":{}', '"predicate":{},"predicate":{}'),
        ),
      ),
    ),
  },
  {
    name: "an envelope without signatures",
    policy: usualPolicy,
    archive: altered(good, (bundle) => {
      bundle.dsseEnvelope.signatures = [];
    }),
  },
  {
    name: "a bundle with two contents",
    policy: usualPolicy,
    archive: altered(good, (bundle) => {
      bundle.messageSignature = {};
    }),
  },
  {
    name: "a bundle without material",
    policy: usualPolicy,
    archive: altered(good, (bundle) => {
      bundle.verificationMaterial = {};
    }),
  },
  {
    name: "a bundle of an unknown version",
    policy: usualPolicy,
    archive: altered(good, (bundle) => {
      bundle.mediaType = "application/vnd.dev.sigstore.bundle.v0.9+json";
    }),
  },
  { name: "a bundle that is no JSON", policy: usualPolicy, archive: bundled("{") },
  { name: "an empty bundle", policy: usualPolicy, archive: bundled("{}") },
  {
    name: "a signature that is no base64",
    policy: usualPolicy,
    archive: altered(good, (bundle) => {
      bundle.dsseEnvelope.signatures[0].sig = "*&%";
    }),
  },
  {
    name: "a message signature over something else",
    policy: policyOf(signedBy(signers.p256, { type: "matchDigest" })),
    archive: message("something else", image.manifest),
  },
  {
    name: "a message signature with another hash",
    policy: policyOf(signedBy(signers.p256, { type: "matchDigest" })),
    archive: message(image.manifest, image.manifest, "SHA2_512"),
  },
  { name: "a message signature, which has no name", policy: usualPolicy, archive: message(image.manifest) },
  { name: "simple signing by a stranger", policy: usualPolicy, archive: simpleBy(signers.stranger) },
  { name: "simple signing of another image", policy: usualPolicy, archive: simpleBy(signers.p256, other) },
  {
    name: "simple signing of another repository",
    policy: usualPolicy,
    archive: simpleBy(signers.p256, digest, "docker.io/acme/x:1"),
  },
  {
    name: "simple signing without a tag, where the tag counts",
    policy: policyOf(signedBy(signers.p256, null)),
    archive: simpleBy(signers.p256, digest, "docker.io/acme/app"),
  },
  {
    name: "simple signing with more that is critical",
    policy: usualPolicy,
    archive: simpleOver({ critical: { ...critical, more: 1 } }),
  },
  {
    name: "simple signing of another type",
    policy: usualPolicy,
    archive: simpleOver({ critical: { ...critical, type: "atomic container signature" } }),
  },
  {
    name: "simple signing with nothing critical",
    policy: usualPolicy,
    archive: simpleOver({ optional: {} }),
  },
  {
    name: "simple signing with keys twice",
    policy: usualPolicy,
    archive: simpleOver(`{"critical":${JSON.stringify(critical)},"critical":${JSON.stringify(critical)}}`),
  },
  {
    name: "simple signing without its signature",
    policy: usualPolicy,
    archive: simple(signSimple(signers.p256, digest, reference).payload, {}),
  },
  {
    name: "simple signing with an altered payload",
    policy: usualPolicy,
    archive: simple(signSimple(signers.p256, digest, reference).payload, {
      "dev.cosignproject.cosign/signature": signSimple(signers.p256, other, reference).signature,
    }),
  },
  {
    name: "everything is rejected",
    policy: policyOf({ type: "reject" }),
    archive: signedArchive(signers.p256),
  },
  {
    name: "GPG is asked for",
    policy: policyOf({ type: "signedBy", keyType: "GPGKeys", keyData: "AAAA" }),
    archive: signedArchive(signers.p256),
  },
  {
    name: "keyless is asked for",
    policy: policyOf({
      type: "sigstoreSigned",
      fulcio: { caData: "AAAA", oidcIssuer: "https://x", subjectEmail: "a@b" },
      rekorPublicKeyData: "AAAA",
    }),
    archive: signedArchive(signers.p256),
  },
  {
    name: "a transparency log is asked for",
    policy: policyOf({ ...signedBy(signers.p256), rekorPublicKeyData: "AAAA" }),
    archive: signedArchive(signers.p256),
  },
  {
    name: "one of two requirements fails",
    policy: policyOf(signedBy(signers.p256), signedBy(signers.rsa)),
    archive: signedArchive(signers.p256),
  },
  {
    name: "a name that only the default speaks of",
    policy: usualPolicy,
    archive: signedArchive(signers.p256, "quay.io/acme/app:1", ["quay.io/acme/app:1"]),
  },
  {
    name: "a narrower scope rejects",
    policy: {
      default: [{ type: "insecureAcceptAnything" }],
      transports: {
        docker: { "docker.io/acme": [signedBy(signers.p256)], "docker.io/acme/app:1": [{ type: "reject" }] },
      },
    },
    archive: signedArchive(signers.p256),
  },
  {
    name: "an image without a name",
    policy: usualPolicy,
    archive: signedArchive(signers.p256, reference, []),
  },
  {
    name: "a second name that is not signed for",
    policy: usualPolicy,
    archive: signedArchive(signers.p256, reference, [reference, "docker.io/acme/b:1"]),
  },
  {
    name: "a Docker archive, whose manifest is another one",
    policy: usualPolicy,
    archive: dockerArchive([{ layers: [layer], tags: ["acme/app:1"] }]),
  },
  {
    name: "a certificate that has expired",
    policy: pki(),
    archive: withCertificate(issue({ ...usual, issuer: root, notAfter: now - 1000 })),
  },
  {
    name: "a certificate that is not valid yet",
    policy: pki(),
    archive: withCertificate(issue({ ...usual, issuer: root, notBefore: now + 1000 })),
  },
  {
    name: "another authority of the same name",
    policy: pki(),
    archive: withCertificate(issue({ ...usual, issuer: rogue })),
  },
  { name: "a certificate that signs itself", policy: pki(), archive: withCertificate(issue(usual)) },
  {
    name: "a certificate for servers",
    policy: pki(),
    archive: withCertificate(issue({ ...usual, issuer: root, extendedKeyUsage: ["1.3.6.1.5.5.7.3.1"] })),
  },
  {
    name: "a certificate not for signatures",
    policy: pki(),
    archive: withCertificate(issue({ ...usual, issuer: root, keyUsage: 0x20 })),
  },
  {
    name: "an authority's certificate",
    policy: pki(),
    archive: withCertificate(issue({ ...usual, issuer: root, isAuthority: true })),
  },
  {
    name: "an issuer that is no authority",
    policy: pki(),
    archive: withCertificate(issue({ ...usual, issuer: leaf }), [leaf]),
  },
  {
    name: "an expired intermediate",
    policy: pki(),
    archive: (() => {
      const old = issue({
        notBefore: now - 9 * day,
        notAfter: now - day,
        issuer: root,
        isAuthority: true,
        subject: { CN: "old" },
      });
      return withCertificate(issue({ ...usual, issuer: old }), [old]);
    })(),
  },
  {
    name: "a chain that is longer than allowed",
    policy: pki(undefined, short),
    archive: (() => {
      const below = issue({ ...usual, issuer: short, isAuthority: true, subject: { CN: "below" } });
      return withCertificate(issue({ ...usual, issuer: below }), [below]);
    })(),
  },
  { name: "another person", policy: pki({ subjectEmail: "b@acme.test" }), archive: withCertificate(leaf) },
  { name: "another host", policy: pki({ subjectHostname: "acme.test" }), archive: withCertificate(leaf) },
  {
    name: "a person without the host",
    policy: pki({ subjectEmail: "a@acme.test", subjectHostname: "x.test" }),
    archive: withCertificate(leaf),
  },
  {
    name: "an unknown critical extension",
    policy: pki(),
    archive: withCertificate(issue({ ...usual, issuer: root, strange: true })),
  },
  {
    name: "another's certificate",
    policy: pki(),
    archive: bundled(signBundle({ ...signers.stranger, certificates: [leaf.der] }, digest, reference)),
  },
  { name: "a key where a certificate is asked for", policy: pki(), archive: signedArchive(signers.p256) },
  { name: "Notation: none", policy: notationPolicy(), archive: signedArchive(signers.p256) },
  { name: "Notation: expired", policy: notationPolicy(), archive: notationBy(leaf, { expiry: now - 1000 }) },
  { name: "Notation: another image", policy: notationPolicy(), archive: notationBy(leaf, { digest: other }) },
  {
    name: "Notation: another authority",
    policy: notationPolicy(),
    archive: notationBy(issue({ ...usual, issuer: rogue })),
  },
  {
    name: "Notation: another subject",
    policy: notationPolicy(),
    archive: notationBy(issue({ ...usual, issuer: root, subject: { C: "DE", ST: "BE", O: "Else" } })),
  },
  {
    name: "Notation: an expired certificate",
    policy: notationPolicy(),
    archive: notationBy(issue({ ...usual, issuer: root, notAfter: now - 1000 })),
  },
  {
    name: "Notation: an altered payload",
    policy: notationPolicy(),
    archive: (() => {
      const envelope = JSON.parse(
        notationEnvelope({ digest: other, signer: leaf, signingTime: now }),
      ) as AnyObject;
      const fine = JSON.parse(notationEnvelope({ digest, signer: leaf, signingTime: now })) as AnyObject;
      return notation(JSON.stringify({ ...envelope, payload: fine.payload }));
    })(),
  },
  {
    name: "Notation: an unknown critical header",
    policy: notationPolicy(),
    archive: notationBy(leaf, { critical: ["io.cncf.notary.signingScheme", "x"] }),
  },
  {
    name: "Notation: a scheme that is not critical",
    policy: notationPolicy(),
    archive: notationBy(leaf, { critical: [] }),
  },
  {
    name: "Notation: the wrong algorithm",
    policy: notationPolicy(),
    archive: notationBy(leaf, { algorithm: "ES384" }),
  },
  {
    name: "Notation: no algorithm",
    policy: notationPolicy(),
    archive: notationBy(leaf, { algorithm: "none" }),
  },
  {
    name: "Notation: another kind of payload",
    policy: notationPolicy(),
    archive: notationBy(leaf, { contentType: "text/plain" }),
  },
  {
    name: "Notation: an unknown scheme",
    policy: notationPolicy(),
    archive: notationBy(leaf, { scheme: "mine" }),
  },
  {
    name: "Notation: revocation cannot be asked",
    policy: notationPolicy(),
    archive: notationBy(issue({ ...usual, issuer: root, crl: "http://x" })),
  },
  {
    name: "Notation: no policy for the repository",
    policy: notationPolicy({ registryScopes: ["docker.io/acme/b"] }),
    archive: notationBy(leaf),
  },
  { name: "COSE: no CBOR", policy: notationPolicy(), archive: notation("x", "application/cose") },
  {
    name: "Notation: a signing authority that is trusted only as a signer",
    policy: notationPolicy({ trustStores: ["signingAuthority:acme"] }),
    archive: notationBy(leaf),
  },
  { name: "COSE: expired", policy: notationPolicy(), archive: coseBy(leaf, { expiry: now - 1000 }) },
  { name: "COSE: another image", policy: notationPolicy(), archive: coseBy(leaf, { digest: other }) },
  {
    name: "COSE: another authority",
    policy: notationPolicy(),
    archive: coseBy(issue({ ...usual, issuer: rogue })),
  },
  {
    name: "COSE: another subject",
    policy: notationPolicy(),
    archive: coseBy(issue({ ...usual, issuer: root, subject: { C: "DE", ST: "BE", O: "Else" } })),
  },
  {
    name: "COSE: an expired certificate",
    policy: notationPolicy(),
    archive: coseBy(issue({ ...usual, issuer: root, notAfter: now - 1000 })),
  },
  {
    name: "COSE: a certificate for servers",
    policy: notationPolicy(),
    archive: coseBy(issue({ ...usual, issuer: root, extendedKeyUsage: ["1.3.6.1.5.5.7.3.1"] })),
  },
  {
    name: "COSE: another's certificate",
    policy: notationPolicy(),
    archive: coseBy(
      issue({ ...usual, issuer: root }),
      {},
      {
        unprotected: (headers) => headers.set(33, [leaf.der]),
      },
    ),
  },
  {
    name: "COSE: no certificate",
    policy: notationPolicy(),
    archive: coseBy(leaf, {}, { unprotected: (headers) => headers.delete(33) }),
  },
  {
    name: "COSE: an altered payload",
    policy: notationPolicy(),
    archive: coseBy(
      leaf,
      { digest: other },
      {
        parts: (parts) => {
          parts[2] = Buffer.from((parts[2] as Buffer).toString().replace(other, digest));
        },
      },
    ),
  },
  {
    name: "COSE: an altered header",
    policy: notationPolicy(),
    archive: coseBy(
      leaf,
      { expiry: now - 1000 },
      {
        parts: (parts) => {
          const bytes = Buffer.from(parts[0] as Buffer);
          bytes[bytes.length - 1] = (bytes.at(-1) ?? 0) ^ 1;
          parts[0] = bytes;
        },
      },
    ),
  },
  {
    name: "COSE: an altered signature",
    policy: notationPolicy(),
    archive: coseBy(leaf, {}, { parts: (parts) => (parts[3] as Buffer).fill(1, 8, 12) }),
  },
  {
    name: "COSE: a signature in another encoding",
    policy: notationPolicy(),
    archive: coseBy(leaf, {}, { dsaEncoding: "der" }),
  },
  {
    name: "COSE: a signature made for another place",
    policy: notationPolicy(),
    archive: coseBy(leaf, {}, { contextText: "CounterSignature" }),
  },
  {
    name: "COSE: no signature",
    policy: notationPolicy(),
    archive: coseBy(leaf, {}, { parts: (parts) => (parts[3] = Buffer.alloc(0)) }),
  },
  {
    name: "COSE: the payload elsewhere",
    policy: notationPolicy(),
    archive: coseBy(leaf, {}, { parts: (parts) => (parts[2] = null) }),
  },
  { name: "COSE: without its tag", policy: notationPolicy(), archive: coseBy(leaf, {}, { tag: null }) },
  { name: "COSE: a MAC's tag", policy: notationPolicy(), archive: coseBy(leaf, {}, { tag: 17 }) },
  {
    name: "COSE: the wrong algorithm",
    policy: notationPolicy(),
    archive: coseWith((headers) => headers.set(1, -35)),
  },
  {
    name: "COSE: no algorithm",
    policy: notationPolicy(),
    archive: coseWith((headers) => headers.delete(1)),
  },
  {
    name: "COSE: the algorithm unprotected",
    policy: notationPolicy(),
    archive: coseBy(
      leaf,
      {},
      {
        headers: (headers) => headers.delete(1),
        unprotected: (headers) => headers.set(1, -7),
      },
    ),
  },
  {
    name: "COSE: a header that is protected and not",
    policy: notationPolicy(),
    archive: coseBy(
      leaf,
      {},
      {
        unprotected: (headers) => headers.set("io.cncf.notary.signingScheme", "notary.x509"),
      },
    ),
  },
  {
    name: "COSE: an unknown critical header",
    policy: notationPolicy(),
    archive: coseBy(leaf, { critical: ["io.cncf.notary.signingScheme", "x"] }),
  },
  {
    name: "COSE: a scheme that is not critical",
    policy: notationPolicy(),
    archive: coseBy(leaf, { critical: [] }),
  },
  {
    name: "COSE: an unknown scheme",
    policy: notationPolicy(),
    archive: coseBy(leaf, { scheme: "mine" }),
  },
  {
    name: "COSE: another kind of payload",
    policy: notationPolicy(),
    archive: coseBy(leaf, { contentType: "text/plain" }),
  },
  {
    name: "COSE: a hash envelope",
    policy: notationPolicy(),
    archive: coseWith((headers) => {
      headers.delete(3);
      headers.set(258, -16);
    }),
  },
  {
    name: "COSE: a time that is none",
    policy: notationPolicy(),
    archive: coseWith((headers) => headers.set("io.cncf.notary.signingTime", "2026-01-01T00:00:00Z")),
  },
  {
    name: "COSE: bytes behind the envelope",
    policy: notationPolicy(),
    archive: notation(
      Buffer.concat([coseEnvelope({ digest, signer: leaf, signingTime: now }), Buffer.from([0])]),
      "application/cose",
    ),
  },
  {
    name: "COSE: JWS under its media type",
    policy: notationPolicy(),
    archive: notation(notationEnvelope({ digest, signer: leaf, signingTime: now }), "application/cose"),
  },
  {
    name: "COSE: where cosign's signatures are asked for",
    policy: usualPolicy,
    archive: coseBy(leaf),
  },
];

import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { test } from "node:test";
import fc from "fast-check";
import { isFault } from "#base/fault.ts";
import { parseDigest } from "#oci/digest.ts";
import { parseReference } from "#oci/reference.ts";
import { parseCertificate } from "./certificate.ts";
import { issue } from "./certificates.fixture.ts";
import { parseContainersPolicy } from "./containers-policy.ts";
import { readDer } from "./der.ts";
import { identityMatches } from "./image-identity.ts";
import { generateKey, openPrivateKey, sealPrivateKey } from "./key-file.ts";
import { openNotationEnvelope } from "./notation-envelope.ts";
import { parseNotationPolicy } from "./notation-policy.ts";
import { notationEnvelope } from "./signatures.fixture.ts";
import { scopesOf } from "./scopes.ts";
import { signBundle } from "./sign.ts";
import { parseSigstoreBundle } from "./sigstore-bundle.ts";
import { parseSimpleSigning, simpleSigningOf } from "./simple-signing.ts";
import { claimsOfStatement, statementOf, statementType } from "./statement.ts";

const digest = parseDigest(`sha256:${"ab".repeat(32)}`);
const signer = issue({ notBefore: 0, notAfter: 4e12, email: "a@b" });
const samples: Readonly<Record<string, readonly [Buffer, (bytes: Uint8Array) => unknown]>> = {
  bundle: [
    signBundle(generateKeyPairSync("ec", { namedCurve: "prime256v1" }), digest, "a/b:1"),
    parseSigstoreBundle,
  ],
  statement: [statementOf(digest, "a/b:1"), (bytes) => claimsOfStatement(statementType, bytes)],
  "simple signing": [simpleSigningOf(digest, "a/b:1"), parseSimpleSigning],
  envelope: [Buffer.from(notationEnvelope({ digest, signer, signingTime: 1e12 })), openNotationEnvelope],
  certificate: [signer.der, parseCertificate],
  DER: [signer.der, readDer],
  policy: [
    Buffer.from('{"default":[{"type":"reject"}],"transports":{"docker":{"a.b/c":[{"type":"reject"}]}}}'),
    (bytes) => parseContainersPolicy(bytes, () => Buffer.from("no key")),
  ],
  "Notation policy": [
    Buffer.from(
      '{"version":"1.0","trustPolicies":[{"name":"a","registryScopes":["*"],"signatureVerification":{"level":"skip"}}]}',
    ),
    (bytes) => parseNotationPolicy(bytes, () => [signer.der]),
  ],
};

for (const [name, [sample, parse]] of Object.entries(samples))
  test(`trust parsers: ${name}: whatever stands there is read or refused, never anything else`, () => {
    assert.doesNotThrow(() => parse(sample));
    const bent = fc
      .tuple(fc.nat(sample.length), fc.nat(8), fc.uint8Array({ maxLength: 8 }))
      .map(([at, cut, put]) => Buffer.concat([sample.subarray(0, at), put, sample.subarray(at + cut)]));
    fc.assert(
      fc.property(
        fc.oneof(
          bent,
          fc.uint8Array({ maxLength: 64 }),
          fc.json().map((text) => Buffer.from(text)),
        ),
        (bytes) => {
          try {
            parse(bytes);
          } catch (error) {
            assert.ok(isFault(error, "invalid"), String(error));
          }
        },
      ),
      { numRuns: 300 },
    );
  });

const policy = (document: object) =>
  parseContainersPolicy(Buffer.from(JSON.stringify(document)), () => assert.fail());
const reject = [{ type: "reject" }];

test("trust policy: fields that are unknown, twice there or empty reject the file", () => {
  for (const document of [
    {},
    { default: [] },
    { default: reject, more: 1 },
    { default: [{ type: "reject", more: 1 }] },
    { default: [{ type: "other" }] },
    { default: [{ type: "sigstoreSigned" }] },
    { default: [{ type: "sigstoreSigned", keyData: "AAAA", keyPath: "/x" }] },
    { default: [{ type: "sigstoreSigned", pki: { caRootsData: "AAAA" } }] },
    { default: reject, transports: { docker: { "acme/app": reject } } },
    { default: reject, transports: { docker: { "docker.io/X": reject } } },
  ])
    assert.throws(
      () => policy(document),
      (error) => isFault(error, "invalid"),
      JSON.stringify(document),
    );
  const twice = '{"default":[{"type":"reject"}],"default":[{"type":"insecureAcceptAnything"}]}';
  assert.throws(() => parseContainersPolicy(Buffer.from(twice), () => assert.fail()), /occurs twice/);
});

test("trust policy: scopes go from the name to its host's domains", () => {
  assert.deepEqual(scopesOf(parseReference("a.b.example:5000/x/y:1")), [
    "a.b.example:5000/x/y:1",
    "a.b.example:5000/x/y",
    "a.b.example:5000/x",
    "a.b.example:5000",
    "*.b.example",
    "*.example",
  ]);
});

test("trust policy: a digest leaves the repository to compare, a tag must be the signed one", () => {
  const byDefault = { type: "matchRepoDigestOrExact" } as const;
  const exact = { type: "matchExact" } as const;
  const byDigest = parseReference(`a/b@${digest}`);
  assert.equal(identityMatches(byDefault, byDigest, "a/b:7"), true);
  assert.equal(identityMatches(byDefault, byDigest, "a/c:7"), false);
  assert.equal(identityMatches(exact, byDigest, "a/b:7"), false);
  assert.equal(identityMatches(byDefault, parseReference("a/b:7"), "docker.io/a/b:7"), true);
  assert.equal(identityMatches(byDefault, parseReference("a/b:7"), "a/b"), false);
  assert.equal(identityMatches(byDefault, undefined, "a/b:7"), false);
  assert.equal(identityMatches(byDefault, parseReference("a/b:7"), undefined), false);
});

test("trust keys: a sealed key opens with its passphrase alone", () => {
  const { privateKey } = generateKey("ed25519");
  const pem = sealPrivateKey(privateKey, "secret");
  assert.ok(openPrivateKey(pem, "secret").equals(privateKey));
  assert.throws(() => openPrivateKey(pem, "Secret"), /the passphrase is another/);
  assert.ok(openPrivateKey(sealPrivateKey(privateKey, ""), "").equals(privateKey));
});

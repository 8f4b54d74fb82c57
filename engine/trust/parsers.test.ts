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
import { readDer } from "#base/der.ts";
import { identityMatches } from "./image-identity.ts";
import { generateKey, openPrivateKey, sealPrivateKey } from "./key-file.ts";
import { decodeCbor, encodeCbor } from "./cbor.ts";
import { openCoseEnvelope } from "./cose-envelope.ts";
import { openNotationEnvelope } from "./notation-envelope.ts";
import { parseNotationPolicy } from "./notation-policy.ts";
import { notationForms, signNotation } from "./notation-sign.ts";
import { coseEnvelope, notationEnvelope } from "./signatures.fixture.ts";
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
  "COSE envelope": [coseEnvelope({ digest, signer, signingTime: 1e12 }), openCoseEnvelope],
  CBOR: [coseEnvelope({ digest, signer, signingTime: 1e12 }), decodeCbor],
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

test("CBOR: what is written is read again, in the shortest form", () => {
  const { item } = fc.letrec((tie) => ({
    item: fc.oneof(
      { maxDepth: 4 },
      fc.integer({ min: -(2 ** 40), max: 2 ** 40 }),
      fc.string({ unit: "grapheme" }),
      fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes)),
      fc.boolean(),
      fc.constant(null),
      fc.array(tie("item"), { maxLength: 5 }),
      fc
        .array(fc.tuple(fc.oneof(fc.integer({ min: 0, max: 70_000 }), fc.string()), tie("item")), {
          maxLength: 5,
        })
        .map((entries) => new Map(entries)),
      fc.record({ tag: fc.nat(), value: tie("item") }),
    ),
  }));
  fc.assert(
    fc.property(item, (value) => {
      const bytes = encodeCbor(value as Parameters<typeof encodeCbor>[0]);
      assert.deepEqual(encodeCbor(decodeCbor(bytes)), bytes);
    }),
  );
});

test("CBOR: what two readers could read differently is refused", () => {
  for (const hex of [
    "",
    "00 00",
    "5f4100ff",
    "a2616100616101",
    "a1a000",
    "62c328",
    "f97e00",
    "1bffffffffffffffff00",
    "9a00ffffff",
    "81".repeat(40),
  ])
    assert.throws(
      () => decodeCbor(Buffer.from(hex.replaceAll(" ", ""), "hex")),
      (error) => isFault(error, "invalid"),
      hex,
    );
});

test("COSE: an envelope that the Notary Project's own library made", () => {
  const envelope = openCoseEnvelope(Buffer.from(notationOwn.join(""), "base64"));
  assert.equal(envelope.digest, digest);
  assert.equal(envelope.scheme, "notary.x509");
  assert.equal(envelope.chain[0]?.subject.get("O")?.[0], "Test");
  assert.equal(envelope.chain.length, 2);
});

test("signNotation: both forms are read again, by every kind of key", () => {
  const subject = { mediaType: "application/vnd.oci.image.manifest.v1+json", digest, size: 7 };
  const certificates = [signer.der];
  for (const form of ["jws", "cose"] as const) {
    const layer = signNotation(form, { ...signer, certificates }, subject, { time: 1e9, expiry: 2e9 });
    assert.equal(layer.mediaType, notationForms[form]);
    const open = form === "cose" ? openCoseEnvelope : openNotationEnvelope;
    const { digest: said, expiry, signingTime } = open(layer.content);
    assert.deepEqual([said, signingTime, expiry], [digest, 1e12, 2e12]);
    const other = { ...generateKeyPairSync("ed25519"), certificates };
    assert.throws(() => signNotation(form, other, subject, { time: 1 }), /no algorithm for the key/);
    assert.throws(
      () => signNotation(form, { ...signer, certificates: [] }, subject, { time: 1 }),
      /certificate/,
    );
  }
});

/** Made by notation-core-go 1.3.0 with a P-384 key. */
const notationOwn: readonly string[] = [
  "0oRY0KYBOCICgngcaW8uY25jZi5ub3Rhcnkuc2lnbmluZ1NjaGVtZXVpby5jbmNmLm5vdGFyeS5leHBpcnkDeCthcHBsaWNhdGlv",
  "bi92bmQuY25jZi5ub3RhcnkucGF5bG9hZC52MStqc29udWlvLmNuY2Yubm90YXJ5LmV4cGlyecEafdR2NXgaaW8uY25jZi5ub3Rh",
  "cnkuc2lnbmluZ1RpbWXBGmsIczV4HGlvLmNuY2Yubm90YXJ5LnNpZ25pbmdTY2hlbWVrbm90YXJ5Lng1MDmiGCGCWQIrMIICJzCC",
  "AaygAwIBAgIUMiAvphSZVeeGJFwZTQBHERUz5lEwCgYIKoZIzj0EAwIwODELMAkGA1UEBhMCREUxCzAJBgNVBAgMAkJFMQ0wCwYD",
  "VQQKDARSb290MQ0wCwYDVQQDDARyb290MB4XDTI2MTEyNjE3NTgxMloXDTM1MDIxMjE3NTgxMlowOjELMAkGA1UEBhMCREUxCzAJ",
  "BgNVBAgMAkJFMQ0wCwYDVQQKDARUZXN0MQ8wDQYDVQQDDAZzaWduZXIwdjAQBgcqhkjOPQIBBgUrgQQAIgNiAAQg1hwuGWcXBMs0",
  "zp+XYseCqR3NK1HEAXkrJFRYZ23AWN3KuHs9xYCD+PayMxeirZNGJZRmYIMBV6lulxBYv+jwkzAbUa6NHdLf7FL73Uev184eJ13g",
  "XJZCYZyURHIZZCejdTBzMAwGA1UdEwEB/wQCMAAwDgYDVR0PAQH/BAQDAgeAMBMGA1UdJQQMMAoGCCsGAQUFBwMDMB0GA1UdDgQW",
  "BBS5g4ZxQ9XhmbB6I+QF4MxB/loG1TAfBgNVHSMEGDAWgBRDDpn0MyKTKw4VSGZflHhkiGNS7jAKBggqhkjOPQQDAgNpADBmAjEA",
  "tEEiXnk8e/gFxZeyiY7DHYsX/Pvm4eo/nZKpBHFDYGug4kzgGMMoVlEaD43ogxiPAjEAxXJ01KI3JXQXqeEA/6CQBcbOGRzSS9Wr",
  "BrGtlJCKBejetQl5kTo95BCAsal8yP1wWQIWMIICEjCCAZigAwIBAgIUVT3XlIZhPcd83YrTNWAT0cKvwZwwCgYIKoZIzj0EAwIw",
  "ODELMAkGA1UEBhMCREUxCzAJBgNVBAgMAkJFMQ0wCwYDVQQKDARSb290MQ0wCwYDVQQDDARyb290MB4XDTI2MTEyNjE3NTgxMloX",
  "DTM2MTEyMzE3NTgxMlowODELMAkGA1UEBhMCREUxCzAJBgNVBAgMAkJFMQ0wCwYDVQQKDARSb290MQ0wCwYDVQQDDARyb290MHYw",
  "EAYHKoZIzj0CAQYFK4EEACIDYgAE6taimevGPKgk1T7RkNTtC2D7AQNmAnG1xIOgCZSnrGzvJ8zErzSiprhcMHWdGsoVri3LcBgR",
  "RJQt0E+SN4Vh1deJirAEu2sbH/z+IGfBx4LDrTCuA+xogZMr32Cn3G4Yo2MwYTAdBgNVHQ4EFgQUQw6Z9DMikysOFUhmX5R4ZIhj",
  "Uu4wHwYDVR0jBBgwFoAUQw6Z9DMikysOFUhmX5R4ZIhjUu4wDwYDVR0TAQH/BAUwAwEB/zAOBgNVHQ8BAf8EBAMCAgQwCgYIKoZI",
  "zj0EAwIDaAAwZQIwfbVuXh7yR6RgiIfGCYxKd70S0ZoKF/3wnLZPmqHo4zei0JpPdgjlKbfiH8+yM55pAjEA1gn38v0hlLoajCZv",
  "CFrx9WVY1kwMCXYgCx4H3a0Up8ybwQjGUipyJbU/ogVZAVHseBtpby5jbmNmLm5vdGFyeS5zaWduaW5nQWdlbnRheFiqeyJ0YXJn",
  "ZXRBcnRpZmFjdCI6eyJtZWRpYVR5cGUiOiJhcHBsaWNhdGlvbi92bmQub2NpLmltYWdlLm1hbmlmZXN0LnYxK2pzb24iLCJkaWdl",
  "c3QiOiJzaGEyNTY6YWJhYmFiYWJhYmFiYWJhYmFiYWJhYmFiYWJhYmFiYWJhYmFiYWJhYmFiYWJhYmFiYWJhYmFiYWJhYmFiYWJh",
  "YiIsInNpemUiOjF9fQpYYPV6iYrXoAb6y/AzsrPnODbprbEIB2V0SFCP2BlPTp1axQozQ5e21ilR4vEKtxuKu0lC0VABqLwUITwC",
  "cZ1X1vzwfgC26NDL40BdKDuv5B8hMSDA4nosUZp8pMG75Hp8MA==",
];

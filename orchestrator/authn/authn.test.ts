import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { test } from "node:test";
import fc from "fast-check";
import * as jose from "jose";
import type { KubeObject } from "#api/kube/meta.ts";
import { isStatus } from "#api/kube/status.ts";
import { isFault } from "#base/fault.ts";
import { MemoryObjects } from "#orchestrator/machinery/memory-objects.ts";
import { chainAuthenticator } from "./authenticators.ts";
import { BootstrapTokens } from "./bootstrap-tokens.ts";
import { signingKeyOf, signToken } from "./json-web-token.ts";
import { parseServiceAccount } from "./service-account-name.ts";
import { ServiceAccountTokens } from "./service-account-tokens.ts";
import { StaticTokens } from "./static-tokens.ts";
import { createToken } from "./token-request.ts";
import { reviewSelf, reviewToken } from "./token-review.ts";

const { signal } = new AbortController();
const issuer = "https://kubernetes.default.svc.cluster.local";
const newKey = (namedCurve = "P-256") => signingKeyOf(generateKeyPairSync("ec", { namedCurve }).privateKey);

function setUp(start = "2026-01-01T00:00:00Z") {
  const objects = new MemoryObjects();
  let nowMs = Date.parse(start);
  const account = object("ServiceAccount", "builder", { namespace: "ci", uid: "sa-1" });
  objects.put("serviceaccounts", account);
  objects.put("nodes", object("Node", "node-a", { uid: "node-1" }));
  objects.put("pods", {
    ...object("Pod", "job", { namespace: "ci", uid: "pod-1" }),
    spec: { serviceAccountName: "builder", nodeName: "node-a" },
  } as KubeObject);
  const now = () => new Date(nowMs);
  const key = newKey();
  const tokens = new ServiceAccountTokens({
    keys: [key],
    issuer,
    apiAudiences: [issuer],
    objects,
    now,
    newId: () => "id-1",
  });
  const wait = (s: number) => {
    nowMs += s * 1000;
  };
  return { objects, account, tokens, key, now, wait };
}

function object(kind: string, name: string, metadata: KubeObject["metadata"]): KubeObject {
  return { apiVersion: "v1", kind, metadata: { name, ...metadata } };
}

const request = (spec: object) => ({ spec });
const of = { namespace: "ci", name: "builder" };
const tokenOf = (answer: Record<string, unknown>) => (answer["status"] as { token: string }).token;

test("ServiceAccountTokens: a token says what upstream's say, and jose verifies it with the published keys", async () => {
  const { tokens, objects, now } = setUp();
  const answer = await createToken({ tokens, objects }, of, request({}), signal);
  const keys = jose.createLocalJWKSet(tokens.keySet as jose.JSONWebKeySet);
  const { payload } = await jose.jwtVerify(tokenOf(answer), keys, { issuer, currentDate: now() });
  assert.deepEqual(payload, {
    aud: [issuer],
    exp: 1767229200,
    iat: 1767225600,
    iss: issuer,
    jti: "id-1",
    "kubernetes.io": { namespace: "ci", serviceaccount: { name: "builder", uid: "sa-1" } },
    nbf: 1767225600,
    sub: "system:serviceaccount:ci:builder",
  });
  assert.equal(
    (answer["status"] as { expirationTimestamp: string }).expirationTimestamp,
    "2026-01-01T01:00:00Z",
  );
  assert.deepEqual(tokens.discovery, {
    issuer,
    jwks_uri: `${issuer}/openid/v1/jwks`,
    response_types_supported: ["id_token"],
    subject_types_supported: ["public"],
    id_token_signing_alg_values_supported: ["ES256"],
  });
});

test("ServiceAccountTokens: an RSA key signs RS256", async () => {
  const { objects, now, account } = setUp();
  const key = signingKeyOf(generateKeyPairSync("rsa", { modulusLength: 2048 }).privateKey);
  const tokens = new ServiceAccountTokens({
    keys: [key],
    issuer,
    apiAudiences: [issuer],
    objects,
    now,
    newId: () => "x",
  });
  const { token } = tokens.issue({ audiences: [issuer], expirationS: 600, account });
  await jose.jwtVerify(token, jose.createLocalJWKSet(tokens.keySet as jose.JSONWebKeySet), {
    currentDate: now(),
  });
  assert.equal(
    (await tokens.authenticateToken(token, [issuer]))?.user.name,
    "system:serviceaccount:ci:builder",
  );
});

test("ServiceAccountTokens: a token bound to a pod names it and its node, and ends with it", async () => {
  const { tokens, objects, wait } = setUp();
  const spec = {
    boundObjectRef: { kind: "Pod", apiVersion: "v1", name: "job", uid: "pod-1" },
    expirationSeconds: 7200,
  };
  const token = tokenOf(await createToken({ tokens, objects }, of, request(spec), signal));
  const owner = await tokens.authenticateToken(token, [issuer]);
  assert.deepEqual(owner, {
    user: {
      name: "system:serviceaccount:ci:builder",
      uid: "sa-1",
      groups: ["system:serviceaccounts", "system:serviceaccounts:ci", "system:authenticated"],
      extra: {
        "authentication.kubernetes.io/credential-id": ["JTI=id-1"],
        "authentication.kubernetes.io/node-name": ["node-a"],
        "authentication.kubernetes.io/node-uid": ["node-1"],
        "authentication.kubernetes.io/pod-name": ["job"],
        "authentication.kubernetes.io/pod-uid": ["pod-1"],
      },
    },
    audiences: [issuer],
  });
  objects.put(
    "pods",
    object("Pod", "job", { namespace: "ci", uid: "pod-1", deletionTimestamp: "2026-01-01T00:00:00Z" }),
  );
  assert.ok(await tokens.authenticateToken(token, [issuer]));
  wait(61);
  await assert.rejects(tokens.authenticateToken(token, [issuer]), (error) => isFault(error, "unauthorized"));
  objects.put("pods", object("Pod", "job", { namespace: "ci", uid: "pod-2" }));
  await assert.rejects(tokens.authenticateToken(token, [issuer]), (error) => isFault(error, "unauthorized"));
});

test("ServiceAccountTokens: neither another audience, nor too late, nor another account of the same name", async () => {
  const { tokens, objects, wait } = setUp();
  const other = tokenOf(
    await createToken({ tokens, objects }, of, request({ audiences: ["vault"] }), signal),
  );
  await assert.rejects(tokens.authenticateToken(other, [issuer]), /token audiences \["vault"\] is invalid/);
  assert.deepEqual((await tokens.authenticateToken(other, ["vault", "x"]))?.audiences, ["vault"]);
  const token = tokenOf(await createToken({ tokens, objects }, of, request({}), signal));
  objects.put("serviceaccounts", object("ServiceAccount", "builder", { namespace: "ci", uid: "sa-2" }));
  await assert.rejects(tokens.authenticateToken(token, [issuer]), /invalidated/);
  objects.put("serviceaccounts", object("ServiceAccount", "builder", { namespace: "ci", uid: "sa-1" }));
  wait(3599);
  assert.ok(await tokens.authenticateToken(token, [issuer]));
  wait(1);
  await assert.rejects(tokens.authenticateToken(token, [issuer]), /expired/);
});

test("ServiceAccountTokens: what kubelets ask for old clients lives a year and warns before", () => {
  const { tokens, objects, account } = setUp();
  const pod = objects.find("pods", "ci", "job");
  assert.ok(pod);
  const { claims } = tokens.issue({ audiences: [issuer], expirationS: 3607, account, pod });
  assert.equal(claims.exp - claims.iat, 365 * 24 * 3600);
  assert.equal(claims["kubernetes.io"].warnafter, claims.iat + 3607);
});

test("ServiceAccountTokens: nothing forged is taken, whatever of it was changed", async () => {
  const { tokens, objects, key, account } = setUp();
  const { token, claims } = tokens.issue({ audiences: [issuer], expirationS: 600, account });
  const refused = async (text: string) =>
    await assert.rejects(
      async () =>
        assert.equal(await tokens.authenticateToken(text, [issuer]), undefined, "no opinion is as good"),
      (error) => isFault(error, "unauthorized") || (error instanceof assert.AssertionError && false),
    );
  const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url");
  const [head = "", body = "", signature = ""] = token.split(".");
  await refused(signToken(claims, newKey()));
  await refused(signToken(claims, { key: newKey().key, id: key.id }));
  await refused(`${encode({ alg: "none" })}.${body}.${signature}`);
  await refused(`${encode({ alg: "HS256", kid: key.id })}.${body}.${signature}`);
  await refused(`${encode({ alg: "ES256", kid: key.id, crit: ["b64"] })}.${body}.${signature}`);
  await refused(
    `${head}.${encode({ ...claims, sub: "system:serviceaccount:kube-system:admin" })}.${signature}`,
  );
  await refused(`${head}.${body}.AAAA`);
  assert.equal(objects.find("serviceaccounts", "ci", "builder")?.metadata.uid, "sa-1");
});

test("ServiceAccountTokens: any text is either not its kind or refused", async () => {
  const { tokens } = setUp();
  await fc.assert(
    fc.asyncProperty(fc.oneof(fc.string(), fc.stringMatching(/^[\w-]+\.[\w-]+\.[\w-]+$/)), async (text) => {
      const owner = await tokens.authenticateToken(text, [issuer]).catch((error: unknown) => {
        assert.ok(isFault(error, "unauthorized"));
        return undefined;
      });
      assert.equal(owner, undefined);
    }),
    { numRuns: 300 },
  );
});

test("ServiceAccountTokens: a legacy token lives as long as the Secret that holds it", async () => {
  const { tokens, objects, account } = setUp();
  const token = tokens.issueLegacy(account, "builder-token");
  await assert.rejects(tokens.authenticateToken(token, [issuer]), /invalidated/);
  const secret = {
    ...object("Secret", "builder-token", { namespace: "ci", uid: "s" }),
    data: { token: Buffer.from(token).toString("base64") },
  };
  objects.put("secrets", secret);
  assert.equal(
    (await tokens.authenticateToken(token, [issuer]))?.user.name,
    "system:serviceaccount:ci:builder",
  );
  objects.remove("secrets", "ci", "builder-token");
  await assert.rejects(tokens.authenticateToken(token, [issuer]), /invalidated/);
});

test("createToken: refusals in upstream's words", async () => {
  const { tokens, objects } = setUp();
  const refused = async (spec: object, text: RegExp, name = "builder") =>
    await assert.rejects(
      createToken({ tokens, objects }, { namespace: "ci", name }, request(spec), signal),
      (error) => {
        assert.ok(isStatus(error));
        assert.match(error.message, text);
        return true;
      },
    );
  await refused(
    { expirationSeconds: 599 },
    /^TokenRequest\.authentication\.k8s\.io "builder" is invalid: spec\.expirationSeconds: Invalid value: 599: may not specify a duration less than 10 minutes$/,
  );
  await refused({ expirationSeconds: 2 ** 33 }, /may not specify a duration larger than 2\^32 seconds/);
  await refused({}, /^serviceaccounts "nobody" not found$/, "nobody");
  await refused(
    { boundObjectRef: { kind: "Pod", apiVersion: "v1", name: "gone" } },
    /^pods "gone" not found$/,
  );
  await refused(
    { boundObjectRef: { kind: "Pod", apiVersion: "v1", name: "job", uid: "x" } },
    /the UID in the bound object reference \(x\)/,
  );
  await refused(
    { boundObjectRef: { kind: "Service", apiVersion: "v1", name: "a" } },
    /cannot bind token to object of type \/v1, Kind=Service/,
  );
});

test("reviewToken: tells whose a token is, and why it is nobody's", async () => {
  const { tokens, objects } = setUp();
  const token = tokenOf(await createToken({ tokens, objects }, of, request({}), signal));
  const review = async (spec: object) =>
    (await reviewToken({ tokens: [tokens], apiAudiences: [issuer] }, { spec }, signal))["status"];
  const good = (await review({ token })) as Record<string, unknown>;
  assert.equal(good["authenticated"], true);
  assert.deepEqual(good["audiences"], [issuer]);
  assert.equal((good["user"] as Record<string, unknown>)["username"], "system:serviceaccount:ci:builder");
  assert.deepEqual(await review({ token: "rubbish" }), { user: {}, error: "invalid bearer token" });
  await assert.rejects(review({}), /token is required for TokenReview in authentication/);
});

test("BootstrapTokens: only a Secret of kube-system that says so, in its time", async () => {
  const objects = new MemoryObjects();
  const now = new Date("2026-01-01T00:00:00Z");
  const tokens = new BootstrapTokens({ objects, now: () => now });
  const put = (data: Record<string, string>, type = "bootstrap.kubernetes.io/token") => {
    const encoded = Object.entries(data).map(([key, value]) => [key, Buffer.from(value).toString("base64")]);
    objects.put("secrets", {
      ...object("Secret", "bootstrap-token-abcdef", { namespace: "kube-system" }),
      type,
      data: Object.fromEntries(encoded),
    } as KubeObject);
  };
  const good = {
    "token-id": "abcdef",
    "token-secret": "0123456789abcdef",
    "usage-bootstrap-authentication": "true",
  };
  const token = "abcdef.0123456789abcdef";
  put({ ...good, "auth-extra-groups": "system:bootstrappers:gantry:default-node-token" });
  assert.deepEqual((await tokens.authenticateToken(token))?.user, {
    name: "system:bootstrap:abcdef",
    groups: [
      "system:bootstrappers",
      "system:bootstrappers:gantry:default-node-token",
      "system:authenticated",
    ],
  });
  assert.equal(await tokens.authenticateToken("abcdef"), undefined);
  const refused = async () =>
    await assert.rejects(tokens.authenticateToken(token), (error) => isFault(error, "unauthorized"));
  put({ ...good, "auth-extra-groups": "system:masters" });
  await refused();
  put({ ...good, "token-secret": "0123456789abcdee" });
  await refused();
  put({ ...good, expiration: "2025-12-31T23:59:59Z" });
  await refused();
  put({ ...good, expiration: "never" });
  await refused();
  put({ ...good, "usage-bootstrap-authentication": "false" });
  await refused();
  put(good, "Opaque");
  await refused();
});

test("StaticTokens: a line for each, groups in quotes", async () => {
  const tokens = new StaticTokens('secret1,alice,1,"dev,ops"\nsecret2, bob, 2\n');
  assert.deepEqual((await tokens.authenticateToken("secret1"))?.user, {
    name: "alice",
    uid: "1",
    groups: ["dev", "ops", "system:authenticated"],
  });
  assert.equal((await tokens.authenticateToken("secret2"))?.user.name, "bob");
  assert.equal(await tokens.authenticateToken("secret3"), undefined);
  assert.throws(
    () => new StaticTokens("only,two"),
    (error) => isFault(error, "invalid"),
  );
});

test("chainAuthenticator: certificates, tokens, nobody; a wrong token is never anonymous", async () => {
  const { tokens, objects } = setUp();
  const chain = chainAuthenticator({ tokens: [tokens], apiAudiences: [issuer], allowsAnonymous: true });
  const certificate = { commonName: "jane", organizations: ["dev"], fingerprint: "00ff" };
  assert.deepEqual(await chain.authenticate({ certificate }, signal), {
    name: "jane",
    groups: ["dev", "system:authenticated"],
    extra: { "authentication.kubernetes.io/credential-id": ["X509SHA256=00ff"] },
  });
  assert.equal((await chain.authenticate({}, signal))?.name, "system:anonymous");
  const isRefused = (error: unknown) => isStatus(error, "Unauthorized");
  await assert.rejects(chain.authenticate({ authorization: "Bearer wrong" }, signal), isRefused);
  const token = tokenOf(await createToken({ tokens, objects }, of, request({}), signal));
  const user = await chain.authenticate({ authorization: `Bearer ${token}` }, signal);
  assert.equal(user?.name, "system:serviceaccount:ci:builder");
  const strict = chainAuthenticator({ tokens: [tokens], apiAudiences: [issuer], allowsAnonymous: false });
  await assert.rejects(strict.authenticate({}, signal), isRefused);
});

test("chainAuthenticator: headers of a front proxy count only with its certificate", async () => {
  const chain = chainAuthenticator({ tokens: [], apiAudiences: [], allowsAnonymous: true });
  const headers = {
    "x-remote-user": ["jane"],
    "x-remote-group": ["a", "b"],
    "x-remote-extra-acme.example%2Fscope": ["x"],
  };
  const proxy = { commonName: "front-proxy-client", organizations: [], isFrontProxy: true };
  assert.deepEqual(await chain.authenticate({ certificate: proxy, headers }, signal), {
    name: "jane",
    groups: ["a", "b", "system:authenticated"],
    extra: { "acme.example/scope": ["x"] },
  });
  const plain = { commonName: "front-proxy-client", organizations: [] };
  assert.equal(
    (await chain.authenticate({ certificate: plain, headers }, signal))?.name,
    "front-proxy-client",
  );
  assert.equal((await chain.authenticate({ headers }, signal))?.name, "system:anonymous");
  const stranger = { ...proxy, commonName: "somebody" };
  assert.equal(
    (await chain.authenticate({ certificate: stranger, headers }, signal))?.name,
    "system:anonymous",
  );
});

test("parseServiceAccount: only what is a namespace and a name", () => {
  assert.deepEqual(parseServiceAccount("system:serviceaccount:a:b.c"), { namespace: "a", name: "b.c" });
  for (const text of [
    "system:serviceaccount:a",
    "system:serviceaccount:a:b:c",
    "system:serviceaccount::b",
    "a:b",
  ])
    assert.equal(parseServiceAccount(text), undefined, text);
});

test("reviewSelf: says who asks", () => {
  const review = reviewSelf({ name: "jane", groups: ["a"] }, new Date("2026-01-01T00:00:00.5Z"));
  assert.deepEqual(review["status"], { userInfo: { username: "jane", groups: ["a"] } });
});

import assert from "node:assert/strict";
import { createPublicKey, generateKeyPairSync, X509Certificate } from "node:crypto";
import { test } from "node:test";
import type { CertificateSigningRequest } from "#api/kube/types/certificates.ts";
import type { ClusterRole } from "#api/kube/types/rbac.ts";
import { subjectOfCertificate } from "#base/distinguished-name.ts";
import {
  certificateSigningRequests,
  clusterRoles,
  configMaps,
  nodes,
  secrets,
} from "#client/kube/resources.ts";
import type { TransportRequest, TransportResponse } from "#client/transport.ts";
import { type Issuer, issueCertificate } from "#host/x509/certificate.ts";
import { makeSigningRequest } from "#host/x509/signing-request.ts";
import { MemoryApi } from "#orchestrator/informers/memory-api.fixture.ts";
import { signDetached, tokenFacts } from "../bootstrap-tokens/cluster-info.ts";
import { bootstrapTokenController } from "../bootstrap-tokens/reconcile.ts";
import { startClusterRoleAggregation } from "../cluster-roles/reconcile.ts";
import { openWorld } from "../world.fixture.ts";
import { certificateController } from "./reconcile.ts";
import { removalOf } from "./sign.ts";

const { signal } = new AbortController();

function newIssuer(): Issuer {
  const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const now = Date.now();
  const pem = issueCertificate(
    {
      subject: { commonName: "kubernetes", organizations: [] },
      publicKey,
      usages: ["cert sign"],
      isAuthority: true,
      notBefore: new Date(now - 1000),
      notAfter: new Date(now + 10 * 365 * 86_400_000),
    },
    privateKey,
  );
  return { certificate: new X509Certificate(pem), key: privateKey };
}

/** Answers every question about access the same. */
class AskedApi extends MemoryApi {
  readonly #isAllowed: boolean;

  constructor(isAllowed: boolean) {
    super();
    this.#isAllowed = isAllowed;
  }

  override async send(request: TransportRequest, signal: AbortSignal): Promise<TransportResponse> {
    if (!request.path.includes("subjectaccessreviews")) return await super.send(request, signal);
    const body = Buffer.from(
      JSON.stringify({ kind: "SubjectAccessReview", status: { allowed: this.#isAllowed } }),
    );
    return {
      kind: "answer",
      status: 201,
      headers: { "content-type": "application/json" },
      body: (async function* () {
        yield body;
      })(),
    };
  }
}

const clientUsages = ["digital signature", "client auth"] as const;
const servingUsages = ["digital signature", "server auth"] as const;

function request(
  name: string,
  spec: Partial<CertificateSigningRequest["spec"]>,
  names: readonly string[] = [],
  subject = { commonName: "system:node:a", organizations: ["system:nodes"] },
): CertificateSigningRequest {
  const keys = generateKeyPairSync("ec", { namedCurve: "P-256" });
  return {
    apiVersion: "certificates.k8s.io/v1",
    kind: "CertificateSigningRequest",
    metadata: { name, creationTimestamp: new Date().toISOString() },
    spec: {
      request: Buffer.from(makeSigningRequest(subject, names, keys)).toString("base64"),
      signerName: "kubernetes.io/kube-apiserver-client-kubelet",
      usages: clientUsages,
      username: "system:bootstrap:abcdef",
      groups: ["system:bootstrappers"],
      ...spec,
    },
  };
}

test("certificateController: a new node's request is approved and signed, if who asks may", async () => {
  const issuer = newIssuer();
  await using world = openWorld({
    api: new AskedApi(true),
    controllers: [certificateController(() => issuer)],
    hasNode: false,
  });
  await world.kube
    .of(certificateSigningRequests)
    .create(request("node", { expirationSeconds: 3600 }), signal);
  const signed = await world.untilOne(
    certificateSigningRequests,
    "node",
    ({ status }) => status?.certificate !== undefined,
  );
  const certificate = new X509Certificate(Buffer.from(signed.status?.certificate ?? "", "base64"));
  assert.ok(certificate.verify(createPublicKey(issuer.key)));
  assert.deepEqual(subjectOfCertificate(certificate.raw), {
    commonName: "system:node:a",
    organizations: ["system:nodes"],
  });
  const lastsMs = certificate.validToDate.getTime() - Date.now();
  assert.ok(lastsMs > 3500_000 && lastsMs <= 3600_000);
  assert.equal(
    signed.status?.conditions?.[0]?.message,
    "Auto approving kubelet client certificate after SubjectAccessReview.",
  );
});

test("certificateController: serving certificates for a node's own addresses only; nothing for others", async () => {
  const issuer = newIssuer();
  const api = new AskedApi(false);
  await using world = openWorld({ api, controllers: [certificateController(() => issuer)], hasNode: false });
  await world.kube.of(nodes).create(
    {
      apiVersion: "v1",
      kind: "Node",
      metadata: { name: "a" },
      spec: {},
      status: { addresses: [{ type: "InternalIP", address: "192.0.2.7" }] },
    },
    signal,
  );
  const serving = {
    signerName: "kubernetes.io/kubelet-serving",
    usages: servingUsages,
    username: "system:node:a",
    groups: ["system:nodes"],
  };
  const client = world.kube.of(certificateSigningRequests);
  await client.create(request("wrong", serving, ["192.0.2.8"]), signal);
  await client.create(request("refused", {}), signal);
  await client.create(
    request("approved-by-hand", {
      signerName: "kubernetes.io/kube-apiserver-client",
      usages: ["server auth"],
    }),
    signal,
  );
  await client.create(request("right", serving, ["192.0.2.7", "a"]), signal);
  const right = await world.untilOne(
    certificateSigningRequests,
    "right",
    ({ status }) => status?.certificate !== undefined,
  );
  const certificate = new X509Certificate(Buffer.from(right.status?.certificate ?? "", "base64"));
  assert.match(certificate.subjectAltName ?? "", /IP Address:192\.0\.2\.7/);
  for (const name of ["wrong", "refused"])
    assert.equal((await client.get({ name }, signal)).status?.conditions, undefined, name);
  const byHand = await client.get({ name: "approved-by-hand" }, signal);
  await client.updateSubresource(
    { name: "approved-by-hand" },
    "approval",
    { ...byHand, status: { conditions: [{ type: "Approved", status: "True" }] } },
    signal,
  );
  const failed = await world.untilOne(
    certificateSigningRequests,
    "approved-by-hand",
    ({ status }) => (status?.conditions ?? []).length > 1,
  );
  assert.equal(failed.status?.conditions?.[1]?.reason, "SignerValidationFailure");
});

test("removalOf: a pending request goes after a day, a decided one after an hour, one that waits never", () => {
  const start = Date.parse("2026-01-01T00:00:00Z");
  const at = (conditions: readonly object[], certificate?: string) =>
    removalOf({
      ...request("x", {}),
      metadata: { creationTimestamp: "2026-01-01T00:00:00Z" },
      status: { conditions, ...(certificate && { certificate }) } as never,
    });
  const decided = (type: string) => ({ type, status: "True", lastUpdateTime: "2026-01-01T02:00:00Z" });
  assert.equal(at([]), start + 24 * 3_600_000);
  assert.equal(at([decided("Denied")]), start + 3 * 3_600_000);
  assert.equal(at([decided("Approved")]), undefined);
});

const encode = (text: string) => Buffer.from(text).toString("base64");
const token = (id: string, more: Readonly<Record<string, string>> = {}) =>
  ({
    apiVersion: "v1",
    kind: "Secret",
    metadata: { namespace: "kube-system", name: `bootstrap-token-${id}` },
    type: "bootstrap.kubernetes.io/token",
    data: Object.fromEntries(
      Object.entries({
        "token-id": id,
        "token-secret": "0123456789abcdef",
        "usage-bootstrap-signing": "true",
        ...more,
      }).map(([key, value]) => [key, encode(value)]),
    ),
  }) as const;

test("bootstrapTokenController: signs where the cluster is, and removes tokens that are over", async () => {
  const controller = bootstrapTokenController(() => ({ server: "https://192.0.2.1:6443", authority: "PEM" }));
  await using world = openWorld({ controllers: [controller], hasNode: false });
  await world.kube.of(secrets).create(token("abcdef"), signal);
  await world.kube.of(secrets).create(token("ghijkl", { expiration: "2020-01-01T00:00:00Z" }), signal);
  const maps = await world.until(configMaps, (all) =>
    all.some(({ data }) => data?.["jws-kubeconfig-abcdef"] !== undefined),
  );
  const [info] = maps;
  const facts = tokenFacts(token("abcdef"));
  assert.ok(facts !== undefined && info !== undefined);
  assert.match(info.data?.["kubeconfig"] ?? "", /server: https:\/\/192\.0\.2\.1:6443/);
  assert.equal(info.data?.["jws-kubeconfig-abcdef"], signDetached(info.data?.["kubeconfig"] ?? "", facts));
  assert.equal(info.data?.["jws-kubeconfig-ghijkl"], undefined);
  await world.until(secrets, (all) => all.length === 1);
});

test("startClusterRoleAggregation: rules follow the roles with the label", async () => {
  await using world = openWorld({ controllers: [startClusterRoleAggregation], hasNode: false });
  const role = (name: string, more: Partial<ClusterRole>): ClusterRole => ({
    apiVersion: "rbac.authorization.k8s.io/v1",
    kind: "ClusterRole",
    metadata: { name },
    ...more,
  });
  const client = world.kube.of(clusterRoles);
  await client.create(
    role("all", { aggregationRule: { clusterRoleSelectors: [{ matchLabels: { part: "yes" } }] } }),
    signal,
  );
  const rules = [{ verbs: ["get"], apiGroups: [""], resources: ["pods"] }];
  await client.create(role("part", { metadata: { name: "part", labels: { part: "yes" } }, rules }), signal);
  await world.untilOne(clusterRoles, "all", (all) => JSON.stringify(all.rules) === JSON.stringify(rules));
  await client.delete({ name: "part" }, {}, signal);
  await world.untilOne(clusterRoles, "all", (all) => (all.rules ?? []).length === 0);
});

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { ClusterTrustBundleProjection } from "#api/kube/types/core-volumes.ts";
import { events } from "#client/kube/resources.ts";
import { LiveCluster, type PodSpec } from "../support/live-cluster.ts";
import { createCases, type PodCase, shell, testCases } from "../support/pod-cases.ts";

// What conformance asks of ClusterTrustBundles in pods, each test by its name there.

let cluster: LiveCluster;

const certificate = (what: string) =>
  `-----BEGIN CERTIFICATE-----\n${Buffer.from(what).toString("base64")}\n-----END CERTIFICATE-----\n`;

function bundle(
  name: string,
  certificates: readonly string[],
  signerName?: string,
  labels: Readonly<Record<string, string>> = {},
) {
  const trustBundle = certificates.map(certificate).join("");
  const spec = { trustBundle, ...(signerName !== undefined && { signerName }) };
  return {
    apiVersion: "certificates.k8s.io/v1",
    kind: "ClusterTrustBundle",
    metadata: { name, labels },
    spec,
  };
}

const [one, two] = ["test.test/signer-one", "test.test/signer-two"];
const bundles = [
  bundle("anchors", ["root0"]),
  bundle("test.test:signer-one:1", ["root1"], one, { "signer.alive": "yes", of: "a" }),
  bundle("test.test:signer-one:2", ["root2", "root1"], one, { "signer.alive": "yes" }),
  bundle("test.test:signer-one:3", ["root3"], one, { "signer.alive": "no" }),
  bundle("test.test:signer-two:1", ["root4"], two, { "signer.alive": "yes" }),
  ...Array.from({ length: 120 }, (_, at) =>
    bundle(`test.test:signer-many:${at}`, [`many${at}`], "test.test/signer-many"),
  ),
];

const volume = (name: string, clusterTrustBundle: Omit<ClusterTrustBundleProjection, "path">) => ({
  name,
  projected: { sources: [{ clusterTrustBundle: { ...clusterTrustBundle, path: "anchors.pem" } }] },
});
/** Says what the certificates of a volume are, sorted. */
const tells = (name: string) =>
  `grep -v -e ----- /${name}/anchors.pem | while read line; do echo $line | base64 -d; echo; done | sort`;

function projects(name: string, wanted: Omit<ClusterTrustBundleProjection, "path">, says: string): PodCase {
  return {
    name,
    script: `test -e /v/anchors.pem && ${tells("v")}`,
    container: { volumeMounts: [{ name: "v", mountPath: "/v" }] },
    spec: { volumes: [volume("v", wanted)] },
    says,
  };
}

const many = "should be capable to mount multiple trust bundles by signer+labels";
const alive = { matchLabels: { "signer.alive": "yes" } };
const cases: readonly PodCase[] = [
  projects("should be able to mount a single ClusterTrustBundle by name", { name: "anchors" }, "root0"),
  projects(
    `${many} can combine multiple CTBs with signer name and label selector`,
    { signerName: one, labelSelector: alive },
    "root1\nroot2",
  ),
  projects(
    `${many} can combine all signer CTBs with an empty label selector`,
    { signerName: one, labelSelector: {} },
    "root1\nroot2\nroot3",
  ),
  projects(
    `${many} should start if only signer name and explicit label selector matches nothing + optional=true`,
    { signerName: one, labelSelector: { matchLabels: { none: "such" } }, optional: true },
    "",
  ),
  projects(
    `${many} should start if only signer name and nil label selector + optional=true`,
    { signerName: one, optional: true },
    "",
  ),
  {
    name: "should be able to specify multiple CTB volumes",
    script: `${tells("v")}; ${tells("w")}`,
    container: {
      volumeMounts: [
        { name: "v", mountPath: "/v" },
        { name: "w", mountPath: "/w" },
      ],
    },
    spec: {
      volumes: [volume("v", { name: "anchors" }), volume("w", { signerName: two, labelSelector: alive })],
    },
    says: "root0\nroot4",
  },
  projects(
    "should be able to mount a big number (>100) of CTBs",
    { signerName: "test.test/signer-many", labelSelector: {} },
    Array.from({ length: 120 }, (_, at) => `many${at}`)
      .toSorted()
      .join("\n"),
  ),
];

before(async () => {
  cluster = await LiveCluster.start();
  const signal = AbortSignal.timeout(20_000);
  await Promise.all(bundles.map((each) => cluster.create(each, signal)));
  await createCases(cluster, "case", cases, signal);
});
after(() => cluster[Symbol.asyncDispose]());

testCases(() => cluster, "case", cases);

for (const [title, wanted, reason] of [
  ["and the configured CTB does not exist", { name: "nowhere" }, 'clustertrustbundle "nowhere" not found'],
  [
    "and no trust bundle matches query",
    { signerName: one, labelSelector: { matchLabels: { none: "such" } } },
    'combination of signerName and labelSelector matched zero ClusterTrustBundles: signerName="test.test/signer-one"',
  ],
] as const)
  test(`should prevent a pod from starting if: sets optional=false ${title}`, async (t) => {
    const name = `waits-${reason.length}`;
    const mounts = { volumeMounts: [{ name: "v", mountPath: "/v" }] };
    const spec: PodSpec = {
      volumes: [volume("v", { ...wanted, optional: false })],
      containers: [shell("main", "true", mounts)],
    };
    await cluster.pod(name, spec, t.signal);
    const fieldSelector = `involvedObject.name=${name},reason=FailedMount`;
    const watch = await cluster.kube.of(events).watch({ namespace: "default", fieldSelector }, t.signal);
    for await (const { object } of watch) {
      assert.equal(object.message, `MountVolume.SetUp failed for volume "v" : ${reason}`);
      break;
    }
    assert.equal(cluster.find(name)?.status?.phase, "Pending");
  });

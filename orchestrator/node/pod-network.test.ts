import assert from "node:assert/strict";
import { test } from "node:test";
import { credentialsFor } from "./pull-secrets.ts";
import { dnsOf, parseResolver } from "./pod-dns.ts";
import { aPod } from "./pod.fixture.ts";
import { hostsFile, kernelHostname } from "./pod-hosts.ts";
import { pullPolicyOf } from "./image-reference.ts";

const host = parseResolver("search corp.example.\nnameserver 192.0.2.53\noptions timeout:2\n");
const cluster = { clusterDns: ["10.96.0.10"], clusterDomain: "cluster.local", host };

test("dnsOf: ClusterFirst asks the cluster, in the pod's namespace first", () => {
  assert.deepEqual(dnsOf({ ...cluster, pod: aPod({}) }), {
    servers: ["10.96.0.10"],
    searches: ["default.svc.cluster.local", "svc.cluster.local", "cluster.local", "corp.example"],
    options: ["ndots:5"],
  });
});

test("dnsOf: a pod in the machine's network asks whom the machine asks", () => {
  const asked = dnsOf({ ...cluster, pod: aPod({ hostNetwork: true }) });
  assert.deepEqual(asked, { servers: ["192.0.2.53"], searches: ["corp.example"], options: ["timeout:2"] });
  const pod = aPod({ hostNetwork: true, dnsPolicy: "ClusterFirstWithHostNet" });
  assert.deepEqual(dnsOf({ ...cluster, pod }).servers, ["10.96.0.10"]);
});

test("dnsOf: None takes what the pod says alone, else it is added and replaces options", () => {
  const dnsConfig = {
    nameservers: ["192.0.2.1"],
    searches: ["a.example"],
    options: [{ name: "ndots", value: "2" }, { name: "edns0" }],
  };
  assert.deepEqual(dnsOf({ ...cluster, pod: aPod({ dnsPolicy: "None", dnsConfig }) }), {
    servers: ["192.0.2.1"],
    searches: ["a.example"],
    options: ["ndots:2", "edns0"],
  });
  assert.deepEqual(dnsOf({ ...cluster, pod: aPod({ dnsConfig }) }).options, ["ndots:2", "edns0"]);
});

test("hostsFile: names of the pod, then those that it adds", () => {
  const pod = aPod({
    hostname: "h",
    subdomain: "s",
    hostAliases: [{ ip: "192.0.2.9", hostnames: ["x", "y"] }],
  });
  assert.ok(
    hostsFile(pod, ["10.0.0.2"], "cluster.local").endsWith(
      "10.0.0.2\th.s.default.svc.cluster.local\th\n\n# Entries added by HostAliases.\n192.0.2.9\tx\ty\n",
    ),
  );
  assert.equal(kernelHostname(pod, "cluster.local"), "h");
  assert.equal(
    kernelHostname(aPod({ hostname: "h", subdomain: "s", setHostnameAsFQDN: true }), "cluster.local"),
    "h.s.default.svc.cluster.local",
  );
});

test("pullPolicyOf: only what may change is always asked for", () => {
  const policies = ["a", "a:latest", "a:1", "r.example:5000/a", `a@sha256:${"0".repeat(64)}`].map((image) =>
    pullPolicyOf({ image }),
  );
  assert.deepEqual(policies, ["Always", "Always", "IfNotPresent", "Always", "IfNotPresent"]);
});

test("credentialsFor: the most specific entry that matches comes first", () => {
  const auth = (user: string) => ({ auth: Buffer.from(`${user}:p:w`).toString("base64") });
  const auths = {
    "r.example": auth("all"),
    "https://r.example/team/": auth("team"),
    "*.example": auth("any"),
    "other.example": auth("no"),
  };
  const secret = {
    apiVersion: "v1",
    kind: "Secret",
    metadata: {},
    type: "kubernetes.io/dockerconfigjson",
    data: { ".dockerconfigjson": Buffer.from(JSON.stringify({ auths })).toString("base64") },
  } as const;
  const found = credentialsFor("r.example/team/app:1", [
    secret,
    { ...secret, data: { ".dockerconfigjson": "!" } },
  ]);
  assert.deepEqual(
    found.map(({ username, password }) => `${username} ${password}`),
    ["team p:w", "all p:w", "any p:w"],
  );
});

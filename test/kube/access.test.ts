import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { checkout } from "../support/engine.ts";
import { ClusterUnderTest } from "../support/cluster.ts";

let cluster: ClusterUnderTest;
before(async () => {
  cluster = await ClusterUnderTest.start();
});
after(() => cluster[Symbol.asyncDispose]());

/** What kubectl 1.35 says, of either kind. */
async function kubectl(line: string, input = ""): Promise<string> {
  const { out, err } = await cluster.kubectl("1.35", line.split(" "), input);
  return `${out}${err}`.trim();
}

/** The same for somebody who has a token or a certificate, and nothing of the administrator's. */
async function kubectlAs(credentials: string, line: string, input = ""): Promise<string> {
  const alone = `--kubeconfig /dev/null --server https://127.0.0.1:${cluster.port} --insecure-skip-tls-verify ${credentials}`;
  return await kubectl(`${alone} ${line}`, input);
}

const rbac = "rbac.authorization.k8s.io/v1";

test("who one is, and what one may do", async () => {
  assert.match(await kubectl("auth whoami -o yaml"), /username: kubernetes-admin/);
  assert.equal(await kubectl("auth can-i list pods --as jane"), "no");
  assert.equal(await kubectl("auth can-i list pods --as bob --as-group system:masters"), "yes");
  assert.equal(
    await kubectl("get pods --as jane"),
    'Error from server (Forbidden): pods is forbidden: User "jane" cannot list resource "pods" in API group "" in the namespace "default"',
  );
  assert.match(
    await kubectlAs("--token rubbish", "get pods"),
    /You must be logged in to the server|Unauthorized/,
  );
  assert.match(await kubectl("get --raw /.well-known/openid-configuration"), /"jwks_uri"/);
});

test("a ServiceAccount's token speaks for it, with the roles that it is bound to", async () => {
  await kubectl("create ns tokens");
  await kubectl("create sa builder -n tokens");
  const token = `--token ${await kubectl("create token builder -n tokens --duration 20m")}`;
  assert.match(await kubectlAs(token, "auth whoami"), /system:serviceaccount:tokens:builder/);
  assert.match(await kubectlAs(token, "get pods -n tokens"), /Forbidden/);
  await kubectl("create rolebinding b --clusterrole view --serviceaccount tokens:builder -n tokens");
  assert.equal(await kubectlAs(token, "get pods -n tokens"), "No resources found in tokens namespace.");
  assert.match(await kubectlAs(token, "get secrets -n tokens"), /Forbidden/);
  assert.match(
    await kubectlAs(token, "auth can-i --list -n tokens"),
    /^pods +\[\] +\[\] +\[get list watch\]$/m,
  );
  await kubectl("delete sa builder -n tokens");
  assert.match(await kubectlAs(token, "get pods -n tokens"), /logged in|Unauthorized/);
  assert.match(
    await kubectl("create token default -n tokens --duration 5m"),
    /may not specify a duration less than 10 minutes/,
  );
});

test("nobody gives away what they do not have, not by aggregation either", async () => {
  await kubectl("create clusterrolebinding jane-admin --clusterrole admin --user jane");
  await kubectl(
    "create clusterrole role-writer --verb=create,update,patch,get --resource=clusterroles.rbac.authorization.k8s.io",
  );
  await kubectl("create clusterrolebinding jane-writer --clusterrole role-writer --user jane");
  assert.match(
    await kubectl("create role r --verb=delete --resource=nodes --as jane"),
    /is attempting to grant RBAC permissions not currently held:\n\{APIGroups:\[""\], Resources:\["nodes"\], Verbs:\["delete"\]\}/,
  );
  assert.match(
    await kubectl("create rolebinding r --clusterrole cluster-admin --user jane --as jane"),
    /not currently held/,
  );
  const aggregated = {
    apiVersion: rbac,
    kind: "ClusterRole",
    metadata: { name: "all" },
    aggregationRule: {
      clusterRoleSelectors: [{ matchLabels: { "kubernetes.io/bootstrapping": "rbac-defaults" } }],
    },
    rules: [],
  };
  assert.match(
    await kubectl("create --as jane -f -", JSON.stringify(aggregated)),
    /must have cluster-admin privileges to use an aggregationRule/,
  );
  assert.match(await kubectl("create role r --verb=get --resource=pods --as jane"), /created/);
});

test("pods get what admission gives them, and are held to quotas, limits and pod security", async () => {
  await kubectl("create ns held");
  await kubectl("run web --image nginx -n held");
  assert.match(
    await kubectl(
      "get pod web -n held -o jsonpath={.spec.serviceAccountName}:{.spec.priority}:{.spec.volumes[*].name}:{.spec.tolerations[*].key}",
    ),
    /^default:0:kube-api-access-[a-z0-9]{5}:node\.kubernetes\.io\/not-ready node\.kubernetes\.io\/unreachable$/,
  );
  await kubectl("create quota q --hard=pods=1 -n held");
  assert.equal(
    await kubectl("run more --image nginx -n held"),
    'Error from server (Forbidden): pods "more" is forbidden: exceeded quota: q, requested: pods=1, used: pods=1, limited: pods=1',
  );
  assert.match(
    await kubectl("label ns held pod-security.kubernetes.io/enforce=restricted"),
    /Warning: existing pods in namespace "held" violate the new PodSecurity enforce level "restricted:latest"/,
  );
  assert.match(
    await kubectl("run more --image nginx -n held"),
    /violates PodSecurity "restricted:latest": allowPrivilegeEscalation != false \(container "more" must set/,
  );
  assert.equal(
    await kubectl("delete ns kube-system"),
    'Error from server (Forbidden): namespaces "kube-system" is forbidden: this namespace may not be deleted',
  );
});

test("a new node gets its certificate with a bootstrap token, and with it no more than a node's rights", async () => {
  const gantry = (...words: readonly string[]) =>
    cluster.run(join(checkout, "bin/gantry"), [...words, "--root", cluster.root]);
  const token = (await gantry("token", "create", "--ttl", "1")).out.trim();
  assert.match(token, /^[a-z0-9]{6}\.[a-z0-9]{16}$/);
  assert.match((await gantry("token", "ls")).out, new RegExp(`^${token.slice(0, 6)} `, "m"));
  const folder = cluster.root;
  const [key, csr, crt] = ["node.key", "node.csr", "node.crt"].map((name) => join(folder, name)) as [
    string,
    string,
    string,
  ];
  execFileSync("openssl", ["ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", key]);
  execFileSync("openssl", [
    "req",
    "-new",
    "-key",
    key,
    "-subj",
    "/O=system:nodes/CN=system:node:n2",
    "-out",
    csr,
  ]);
  const request = {
    apiVersion: "certificates.k8s.io/v1",
    kind: "CertificateSigningRequest",
    metadata: { name: "n2" },
    spec: {
      request: readFileSync(csr).toString("base64"),
      signerName: "kubernetes.io/kube-apiserver-client-kubelet",
      usages: ["digital signature", "client auth"],
    },
  };
  assert.match(await kubectlAs(`--token ${token}`, "create -f -", JSON.stringify(request)), /created/);
  await kubectl("wait csr/n2 --for=jsonpath={.status.certificate} --timeout=10s");
  writeFileSync(crt, Buffer.from(await kubectl("get csr n2 -o jsonpath={.status.certificate}"), "base64"));
  const node = `--client-certificate ${crt} --client-key ${key}`;
  assert.match(await kubectlAs(node, "auth whoami"), /system:node:n2/);
  assert.match(await kubectlAs(node, "get secrets -A"), /can only read namespaced object of this type/);
  assert.match(await kubectlAs(node, "get node n3"), /node 'n2' cannot read 'n3', only its own Node object/);
  const other = { apiVersion: "v1", kind: "Node", metadata: { name: "n3" } };
  assert.match(
    await kubectlAs(node, "create -f -", JSON.stringify(other)),
    /node "n2" is not allowed to modify node "n3"/,
  );
  assert.match(
    await kubectl("get cm cluster-info -n kube-public -o yaml"),
    new RegExp(`jws-kubeconfig-${token.slice(0, 6)}: `),
  );
});

test("secrets are not in the store's files; what was done is in the audit log, which shows when it was changed", async () => {
  await kubectl("create secret generic s --from-literal=a=correct-horse-battery-staple");
  const needles = [
    "correct-horse-battery-staple",
    Buffer.from("correct-horse-battery-staple").toString("base64"),
  ];
  for (const name of ["state.db", "state.db-wal"]) {
    const text = readFileSync(join(cluster.root, "cluster", name), "latin1");
    for (const needle of needles) assert.ok(!text.includes(needle), name);
  }
  await kubectl("get pods --as jane");
  const file = join(cluster.root, "cluster/audit/audit.log");
  assert.equal(statSync(file).mode & 0o777, 0o600);
  const events = readFileSync(file, "utf8")
    .trim()
    .split("\n")
    .map(
      (line) =>
        JSON.parse(line) as {
          impersonatedUser?: { username: string };
          verb: string;
          objectRef?: { resource: string };
        },
    );
  assert.ok(
    events.some(({ impersonatedUser, verb }) => impersonatedUser?.username === "jane" && verb === "list"),
  );
  assert.ok(events.some(({ objectRef, verb }) => objectRef?.resource === "secrets" && verb === "create"));
  const verify = () => cluster.run(join(checkout, "bin/gantry"), ["audit", "verify", "--root", cluster.root]);
  assert.match((await verify()).out, /whole$/m);
  await cluster.kill("SIGTERM");
  writeFileSync(file, readFileSync(file, "utf8").replace("kubernetes-admin", "somebody-else"));
  const { code, out } = await verify();
  assert.equal(code, 1);
  assert.match(out, /was changed/);
});

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { ClusterUnderTest } from "../support/cluster.ts";
import type { KubectlVersion } from "../support/kubectl.ts";

let cluster: ClusterUnderTest;
before(async () => {
  cluster = await ClusterUnderTest.start();
});
after(async () => {
  await cluster[Symbol.asyncDispose]();
});

const deployment = (more = "") => `
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
      - {name: c, image: nginx${more}}
`;

async function ok(version: KubectlVersion, words: string, input = ""): Promise<string> {
  const { code, out, err } = await cluster.kubectl(version, words.split(" "), input);
  assert.equal(code, 0, `kubectl ${words}: ${err}${out}`);
  return out;
}

for (const version of ["1.20", "1.33", "1.35"] as const) {
  const namespace = `k${version.replace(".", "-")}`;
  const inside = (words: string) => `${words} -n ${namespace}`;

  test(`kubectl ${version}: objects are made, shown, changed and deleted`, async () => {
    assert.match(await ok(version, `create namespace ${namespace}`), /created/);
    assert.match(await ok(version, inside("apply -f -"), deployment()), /deployment.apps\/web created/);
    assert.match(await ok(version, inside("apply -f -"), deployment(", tty: true")), /configured/);
    assert.match(await ok(version, inside("apply -f -"), deployment(", tty: true")), /unchanged/);
    assert.match(await ok(version, inside("get deployments -o wide")), /web +0\/2 .* c +nginx/);
    assert.match(
      await ok(version, inside("get deploy web -o jsonpath={.spec.template.spec.containers[0].tty}")),
      /true/,
    );
    await ok(version, inside("scale deployment web --replicas=5"));
    assert.equal(await ok(version, inside("get deploy web -o jsonpath={.spec.replicas}")), "5");
    await ok(
      version,
      inside('patch deployment web --type=json -p [{"op":"remove","path":"/spec/replicas"}]'),
    );
    assert.equal(await ok(version, inside("get deploy web -o jsonpath={.spec.replicas}")), "1");
    await ok(version, inside('patch deployment web --type=merge -p {"spec":{"paused":true}}'));
    await ok(version, inside("label deployment web a=b"));
    assert.match(await ok(version, inside("get deploy -l a=b,a!=c -o name")), /deployment.apps\/web/);
    await ok(version, inside("annotate deployment web x=y"));
    await ok(version, inside("create configmap m --from-literal=k=v"));
    await ok(version, inside("expose deployment web --port=80 --type=NodePort"));
    assert.match(
      await ok(version, inside("get service web")),
      /NodePort +10\.96\.\d+\.\d+ +<none> +80:3\d{4}\/TCP/,
    );
    assert.match(await ok(version, inside("describe deployment web")), /Name: +web/);
    assert.match(await ok(version, "explain deployment.spec.replicas"), /Number of desired pods/);
    assert.match(await ok(version, "api-resources --api-group=apps"), /statefulsets +sts/);
    assert.match(await ok(version, inside("delete deployment,service --all")), /deleted/);
    const gone = await cluster.kubectl(version, inside("get deploy web").split(" "));
    assert.equal(gone.err.trim(), 'Error from server (NotFound): deployments.apps "web" not found');
  });

  test(`kubectl ${version}: what is wrong is told`, async () => {
    const typo = await cluster.kubectl(version, inside("apply -f -").split(" "), deployment(", imgae: x"));
    assert.match(typo.err, /unknown field "(spec.template.spec.containers\[0\].)?imgae"/);
    const name = await cluster.kubectl(version, inside("create configmap A_b").split(" "));
    assert.match(name.err, /a lowercase RFC 1123 subdomain must consist of/);
    const twice = await cluster.kubectl(version, ["create", "namespace", namespace]);
    assert.match(twice.err, new RegExp(`\\(AlreadyExists\\): namespaces "${namespace}" already exists`));
    const stranger = await cluster.kubectl(version, inside("get pods --as=bob").split(" "));
    assert.match(
      stranger.err,
      new RegExp(
        `pods is forbidden: User "bob" cannot list resource "pods" in API group "" in the namespace "${namespace}"`,
      ),
    );
  });
}

test("kubectl 1.35: server-side apply has owners and conflicts", async () => {
  const map = (value: string) =>
    `{apiVersion: v1, kind: ConfigMap, metadata: {name: owned}, data: {a: "${value}"}}`;
  assert.match(await ok("1.35", "apply --server-side -f -", map("1")), /serverside-applied/);
  const other = "apply --server-side --field-manager=other -f -";
  const refused = await cluster.kubectl("1.35", other.split(" "), map("2"));
  assert.match(refused.err, /Apply failed with 1 conflict: conflict with "kubectl": .data.a/);
  await ok("1.35", `${other} --force-conflicts`, map("2"));
  assert.equal(await ok("1.35", "get configmap owned -o jsonpath={.data.a}"), "2");
});

test("kubectl 1.35: rights are asked for and given, tokens made", async () => {
  assert.match(await ok("1.35", "auth whoami"), /kubernetes-admin/);
  await ok("1.35", "create clusterrolebinding bob-views --clusterrole=view --user=bob");
  assert.equal((await ok("1.35", "auth can-i list pods --as=bob")).trim(), "yes");
  await ok("1.35", "create serviceaccount robot");
  const token = (await ok("1.35", "create token robot")).trim();
  assert.match(token, /^ey[\w-]+\.[\w-]+\.[\w-]+$/);
});

test("kubectl 1.35: a wait sees what happens", async () => {
  await ok("1.35", "create configmap waited --from-literal=a=1");
  const waiting = ok("1.35", "wait --for=jsonpath={.data.a}=2 configmap/waited --timeout=20s");
  await ok("1.35", 'patch configmap waited --type=merge -p {"data":{"a":"2"}}');
  assert.match(await waiting, /condition met/);
});

test("what was acknowledged is there after a kill", async () => {
  await ok("1.35", "create configmap kept --from-literal=a=1");
  await cluster.kill("SIGKILL");
  await cluster.up();
  assert.equal(await ok("1.35", "get configmap kept -o jsonpath={.data.a}"), "1");
});

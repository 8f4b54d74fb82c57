import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { ClusterUnderTest } from "../support/cluster.ts";

// What conformance asks kubectl for where no pod has to run.

let cluster: ClusterUnderTest;
before(async () => {
  cluster = await ClusterUnderTest.start();
  await kubectl("wait --for=create serviceaccount/default --timeout=20s");
  await kubectl("create -f -", JSON.stringify(controller));
  await kubectl("wait --for=jsonpath={.status.replicas}=1 rc/demo --timeout=20s");
});
after(() => cluster[Symbol.asyncDispose]());

const labels = { app: "demo" };
const containers = [{ name: "demo", image: "one", ports: [{ containerPort: 6379 }] }];
const controller = {
  apiVersion: "v1",
  kind: "ReplicationController",
  metadata: { name: "demo", labels },
  spec: { replicas: 1, selector: labels, template: { metadata: { labels }, spec: { containers } } },
};

async function kubectl(line: string, input = "", wanted = 0): Promise<string> {
  const { code, out, err } = await cluster.kubectl("1.35", line.split(" "), input);
  assert.equal(code, wanted, `kubectl ${line}: ${err}${out}`);
  return out;
}

test("kubectl: versions of the API and of both sides, and where the cluster is", async () => {
  assert.match(await kubectl("api-versions"), /^v1$/m);
  assert.match(await kubectl("version"), /Client Version: .*Server Version: v1\./s);
  assert.match(await kubectl("cluster-info"), /Kubernetes control plane.* is running at/);
});

test("kubectl: a controller and its pods are described, exposed, and annotated by patches", async () => {
  const rc = await kubectl("describe rc demo");
  for (const word of [
    /Name: +demo/,
    /Selector: +app=demo/,
    /Replicas: +1 current \/ 1 desired/,
    /Image: +one/,
  ])
    assert.match(rc, word);
  const [name = ""] = (await kubectl("get pods -l app=demo -o name")).trim().split("\n");
  const described = await kubectl(`describe ${name}`);
  assert.match(described, /Controlled By: +ReplicationController\/demo/);
  assert.match(await kubectl("describe service kubernetes"), /IP: +10\.96\.0\.1/);
  assert.match(await kubectl("describe namespace default"), /Status: +Active/);
  await kubectl("expose rc demo --name=rm2 --port=1234 --target-port=6379");
  await kubectl("expose service rm2 --name=rm3 --port=2345 --target-port=6379");
  const ports = "-o jsonpath={.spec.ports[0].port}:{.spec.ports[0].targetPort}:{.spec.selector.app}";
  assert.equal(await kubectl(`get service rm2 ${ports}`), "1234:6379:demo");
  assert.equal(await kubectl(`get service rm3 ${ports}`), "2345:6379:demo");
  await kubectl(`patch ${name} -p {"metadata":{"annotations":{"x":"y"}}}`);
  assert.equal(await kubectl(`get ${name} -o jsonpath={.metadata.annotations.x}`), "y");
});

test("kubectl: a pod is run, labelled, replaced, and rehearsed on the server", async () => {
  await kubectl("run once --image=one --restart=Never --labels=run=once");
  assert.equal(
    await kubectl("get pod once -o jsonpath={.spec.restartPolicy}:{.spec.containers[0].image}"),
    "Never:one",
  );
  await kubectl("label pod once testing-label=testing-label-value");
  assert.match(await kubectl("get pod once -L testing-label"), /testing-label-value/);
  await kubectl("label pod once testing-label-");
  assert.doesNotMatch(await kubectl("get pod once -L testing-label"), /testing-label-value/);
  const patch = '{"spec":{"containers":[{"name":"once","image":"two"}]}}';
  await kubectl(`patch pod once -p ${patch} --dry-run=server`);
  assert.equal(await kubectl("get pod once -o jsonpath={.spec.containers[0].image}"), "one");
  const pod = (await kubectl("get pod once -o json")).replace('"image": "one"', '"image": "two"');
  await kubectl("replace -f -", pod);
  assert.equal(await kubectl("get pod once -o jsonpath={.spec.containers[0].image}"), "two");
  await kubectl("delete pod once --grace-period=0 --force");
});

test("kubectl: diff tells what an apply would change", async () => {
  const spec = (image: string) => ({
    selector: { matchLabels: { app: "diffed" } },
    template: { metadata: { labels: { app: "diffed" } }, spec: { containers: [{ name: "c", image }] } },
  });
  const deployment = (image: string) =>
    JSON.stringify({
      apiVersion: "apps/v1",
      kind: "Deployment",
      metadata: { name: "diffed" },
      spec: spec(image),
    });
  await kubectl("create -f -", deployment("one"));
  const told = await kubectl("diff -f -", deployment("two"), 1);
  assert.match(told, /^- +- ?image: one|^-.*image: one/m);
  assert.match(told, /^\+.*image: two/m);
});

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { join } from "node:path";
import { test } from "node:test";
import { promisify } from "node:util";
import type { Pod } from "#api/kube/types/core-pods.ts";
import { deployments, horizontalPodAutoscalers } from "#client/kube/resources.ts";
import { kubectlPath } from "../support/kubectl.ts";
import { NodeUnderTest } from "../support/node.ts";

interface Usage {
  readonly cpu: string;
  readonly memory: string;
}

interface PodMetrics {
  readonly metadata: { readonly name: string; readonly namespace: string };
  readonly window: string;
  readonly containers: readonly { readonly name: string; readonly usage: Usage }[];
}

/** What a pod of NodeUnderTest has beside its containers. */
const bare = { automountServiceAccountToken: false, terminationGracePeriodSeconds: 1 };

const isReady = (pod: Pod) => pod.status?.conditions?.find(({ type }) => type === "Ready")?.status === "True";

test("what pods and nodes use is told to kubectl top, and Deployments are scaled by it", async (t) => {
  await using node = await NodeUnderTest.start();
  const shell = (script: string) => ({
    name: "main",
    image: "test",
    imagePullPolicy: "IfNotPresent" as const,
    command: ["sh", "-c", script],
    resources: { limits: { cpu: "200m" } },
  });
  await node.create("busy", { containers: [shell("trap 'exit 0' TERM; while :; do :; done")] }, t.signal, {
    labels: { app: "busy" },
  });
  await node.create("idle", { containers: [shell("trap 'exit 0' TERM; sleep 1000 & wait")] }, t.signal);
  const labels = { app: "web" };
  const web = {
    ...shell("trap 'exit 0' TERM; while :; do :; done"),
    resources: { requests: { cpu: "20m" }, limits: { cpu: "40m" } },
  };
  const podSpec = { ...bare, nodeName: "node-under-test", containers: [web] };
  await node.kube.of(deployments).create(
    {
      apiVersion: "apps/v1",
      kind: "Deployment",
      metadata: { name: "web", namespace: "default" },
      spec: {
        replicas: 1,
        selector: { matchLabels: labels },
        template: { metadata: { labels }, spec: podSpec },
      },
    },
    t.signal,
  );
  const kubectl = async (...words: string[]) => {
    const env = { ...process.env, KUBECONFIG: join(node.root, "kubeconfig"), HOME: node.root };
    return (await promisify(execFile)(await kubectlPath("1.35"), words, { env })).stdout;
  };
  for (const name of ["busy", "idle"]) await node.when(name, isReady, t.signal);
  await kubectl("wait", "deployment/web", "--for=condition=Available", "--timeout=20s");
  const path = "/apis/metrics.k8s.io/v1beta1";
  const get = async <T>(rest: string) =>
    await node.kube.requests.json<T>({ method: "GET", path: `${path}${rest}` }, t.signal);
  const { items } = await get<{ readonly items: readonly PodMetrics[] }>("/pods");
  const nanoCoresOf = (name: string) =>
    Number.parseInt(
      items.find(({ metadata }) => metadata.name === name)?.containers[0]?.usage.cpu ?? "-1",
      10,
    );
  assert.ok(nanoCoresOf("busy") > 20_000_000, `${nanoCoresOf("busy")}`);
  assert.ok(nanoCoresOf("busy") < 300_000_000, `${nanoCoresOf("busy")}`);
  assert.ok(nanoCoresOf("idle") >= 0 && nanoCoresOf("idle") < 20_000_000, `${nanoCoresOf("idle")}`);
  const one = await get<PodMetrics>("/namespaces/default/pods/busy");
  assert.match(one.containers[0]?.usage.memory ?? "", /^\d+Ki$/);
  const chosen = await get<{ readonly items: readonly PodMetrics[] }>("/pods?labelSelector=app%3Dbusy");
  assert.deepEqual(
    chosen.items.map(({ metadata }) => metadata.name),
    ["busy"],
  );
  const pods = await kubectl("top", "pods", "--containers");
  assert.match(
    pods,
    /^POD +NAME +CPU\(cores\) +MEMORY\(bytes\) +\nbusy +main +\d+m +\d+Mi +\nidle +main +\d+m +\d+Mi +\nweb-\S+ +main/,
  );
  assert.match(
    await kubectl("top", "nodes"),
    /^NAME +CPU\(cores\) .*\nnode-under-test +\d+m +\d+% +\d+Mi +\d+%/,
  );
  assert.match(
    await kubectl("get", "podmetrics", "busy"),
    /^NAME +CPU +MEMORY +WINDOW\nbusy +\d+n +\d+Ki +[\d.]+s/,
  );
  // It uses twice what it asks for, a quarter of which it should.
  const resource = { name: "cpu", target: { type: "Utilization", averageUtilization: 50 } };
  await node.kube.of(horizontalPodAutoscalers).create(
    {
      apiVersion: "autoscaling/v2",
      kind: "HorizontalPodAutoscaler",
      metadata: { name: "web", namespace: "default" },
      spec: {
        maxReplicas: 2,
        scaleTargetRef: { apiVersion: "apps/v1", kind: "Deployment", name: "web" },
        metrics: [{ type: "Resource", resource }],
      },
    },
    t.signal,
  );
  const scaled = await kubectl(
    "wait",
    "deployment/web",
    "--for=jsonpath={.spec.replicas}=2",
    "--timeout=30s",
  );
  assert.match(scaled, /condition met/);
  const told = await kubectl("wait", "hpa/web", "--for=condition=ScalingActive", "--timeout=10s");
  assert.match(told, /condition met/);
  const described = await kubectl("describe", "hpa", "web");
  assert.match(described, /ScalingActive +True +ValidMetricFound/);
  assert.match(described, /resource cpu on pods +\(as a percentage of request\): +\d+% \(\d+m\) \/ 50%/);
  await kubectl("delete", "deployment/web", "--cascade=foreground", "--timeout=20s");
  for (const name of ["busy", "idle"]) await node.delete(name, t.signal);
});

import assert from "node:assert/strict";
import { test } from "node:test";
import type { Draft } from "#orchestrator/machinery/resource.ts";
import { resources } from "../resources.ts";
import { humanDuration } from "#orchestrator/machinery/human-duration.ts";

const now = new Date("2026-01-01T01:00:00Z");

function row(
  group: string,
  resource: string,
  object: Draft,
  version = "v1",
): Readonly<Record<string, unknown>> {
  const found = resources.find(
    (each) => each.group === group && each.resource === resource && each.version === version,
  );
  const metadata = { name: "a", creationTimestamp: "2026-01-01T00:55:00Z" };
  const full = { ...object, metadata: { ...metadata, ...(object["metadata"] as Draft | undefined) } };
  return Object.fromEntries(
    (found?.strategy.columns ?? []).map((column) => [column.name, column.cell(full, now)]),
  );
}

test("humanDuration: as kubectl writes ages", () => {
  const texts: readonly (readonly [number, string])[] = [
    [-5, "<invalid>"],
    [-1, "0s"],
    [0, "0s"],
    [119, "119s"],
    [120, "2m"],
    [192, "3m12s"],
    [600, "10m"],
    [3 * 3600 - 1, "179m"],
    [3 * 3600, "3h"],
    [5 * 3600 + 120, "5h2m"],
    [8 * 3600 + 120, "8h"],
    [47 * 3600, "47h"],
    [2 * 86_400, "2d"],
    [2 * 86_400 + 3 * 3600, "2d3h"],
    [9 * 86_400, "9d"],
    [800 * 86_400, "2y70d"],
    [9 * 365 * 86_400, "9y"],
  ];
  for (const [seconds, text] of texts) assert.equal(humanDuration(seconds * 1000), text);
});

const running = { state: { running: {} }, ready: true, restartCount: 0, name: "c" };
const podCases: readonly (readonly [string, Draft, string, string, string])[] = [
  ["pending", { phase: "Pending" }, "0/1", "Pending", "0"],
  ["running", { phase: "Running", containerStatuses: [running] }, "1/1", "Running", "0"],
  [
    "crashing",
    {
      phase: "Running",
      containerStatuses: [
        {
          ...running,
          ready: false,
          restartCount: 3,
          state: { waiting: { reason: "CrashLoopBackOff" } },
          lastState: { terminated: { exitCode: 1, finishedAt: "2026-01-01T00:59:55Z" } },
        },
      ],
    },
    "0/1",
    "CrashLoopBackOff",
    "3 (5s ago)",
  ],
  [
    "initializing",
    { phase: "Pending", initContainerStatuses: [{ ...running, name: "i", ready: false }] },
    "0/1",
    "Init:0/2",
    "0",
  ],
  [
    "failed init",
    {
      phase: "Pending",
      initContainerStatuses: [
        { ...running, name: "i", ready: false, state: { terminated: { exitCode: 3 } } },
      ],
    },
    "0/1",
    "Init:ExitCode:3",
    "0",
  ],
  [
    "pulling init",
    {
      phase: "Pending",
      initContainerStatuses: [{ ...running, name: "i", state: { waiting: { reason: "ErrImagePull" } } }],
    },
    "0/1",
    "Init:ErrImagePull",
    "0",
  ],
  [
    "completed",
    {
      phase: "Succeeded",
      containerStatuses: [
        { ...running, ready: false, state: { terminated: { exitCode: 0, reason: "Completed" } } },
      ],
    },
    "0/1",
    "Completed",
    "0",
  ],
  [
    "killed by a signal",
    {
      phase: "Failed",
      containerStatuses: [{ ...running, state: { terminated: { exitCode: 137, signal: 9 } } }],
    },
    "0/1",
    "Signal:9",
    "0",
  ],
  ["evicted", { phase: "Failed", reason: "Evicted" }, "0/1", "Evicted", "0"],
  [
    "gated",
    { phase: "Pending", conditions: [{ type: "PodScheduled", status: "False", reason: "SchedulingGated" }] },
    "0/1",
    "SchedulingGated",
    "0",
  ],
];

for (const [name, status, ready, text, restarts] of podCases) {
  test(`pods: a pod that is ${name}`, () => {
    const spec = { containers: [{ name: "c" }], initContainers: [{ name: "i" }, { name: "j" }] };
    const cells = row("", "pods", { spec, status });
    assert.deepEqual(
      [cells["Ready"], cells["Status"], cells["Restarts"], cells["Age"]],
      [ready, text, restarts, "5m"],
    );
    assert.deepEqual([cells["IP"], cells["Node"], cells["Readiness Gates"]], ["<none>", "<none>", "<none>"]);
  });
}

test("pods: sidecars count, a deleted pod terminates unless it has ended, a lost one is unknown", () => {
  const spec = { containers: [{ name: "c" }], initContainers: [{ name: "i", restartPolicy: "Always" }] };
  const started = { ...running, name: "i", started: true, restartCount: 2 };
  const status = { phase: "Running", initContainerStatuses: [started], containerStatuses: [running] };
  const metadata = { deletionTimestamp: "2026-01-01T00:59:00Z" };
  const alive = row("", "pods", { spec, status });
  assert.deepEqual([alive["Ready"], alive["Status"], alive["Restarts"]], ["2/2", "Running", "2"]);
  assert.equal(row("", "pods", { metadata, spec, status })["Status"], "Terminating");
  assert.equal(row("", "pods", { metadata, spec, status: { phase: "Succeeded" } })["Status"], "Succeeded");
  assert.equal(
    row("", "pods", { metadata, spec, status: { ...status, reason: "NodeLost" } })["Status"],
    "Unknown",
  );
});

test("services: external addresses by type, ports with those of nodes", () => {
  const ports = [
    { port: 80, nodePort: 30080, protocol: "TCP" },
    { port: 53, protocol: "UDP" },
  ];
  const balancer = row("", "services", { spec: { type: "LoadBalancer", clusterIP: "10.96.0.5", ports } });
  assert.deepEqual(
    [balancer["Cluster-IP"], balancer["External-IP"], balancer["Port(s)"], balancer["Selector"]],
    ["10.96.0.5", "<pending>", "80:30080/TCP,53/UDP", "<none>"],
  );
  const status = { loadBalancer: { ingress: [{ ip: "1.2.3.4" }] } };
  assert.equal(row("", "services", { spec: { type: "LoadBalancer" }, status })["External-IP"], "1.2.3.4");
  const headless = row("", "services", {
    spec: { type: "ClusterIP", clusterIP: "None", clusterIPs: ["None"] },
  });
  assert.deepEqual([headless["Cluster-IP"], headless["External-IP"]], ["None", "<none>"]);
  const external = row("", "services", { spec: { type: "ExternalName", externalName: "example.com" } });
  assert.deepEqual([external["Cluster-IP"], external["External-IP"]], ["<none>", "example.com"]);
});

test("nodes: status with scheduling, roles of labels", () => {
  const labels = { "node-role.kubernetes.io/worker": "", "node-role.kubernetes.io/control-plane": "" };
  const status = {
    conditions: [{ type: "Ready", status: "True" }],
    nodeInfo: { kubeletVersion: "v1.36.0" },
    addresses: [{ type: "InternalIP", address: "10.0.0.1" }],
  };
  const cells = row("", "nodes", { metadata: { labels }, spec: { unschedulable: true }, status });
  assert.deepEqual(
    [cells["Status"], cells["Roles"], cells["Version"], cells["Internal-IP"], cells["External-IP"]],
    ["Ready,SchedulingDisabled", "control-plane,worker", "v1.36.0", "10.0.0.1", "<none>"],
  );
  assert.equal(row("", "nodes", { spec: {} })["Status"], "Unknown");
});

test("workloads: counts, containers and selectors", () => {
  const template = {
    spec: {
      containers: [
        { name: "x", image: "i:1" },
        { name: "y", image: "j:2" },
      ],
    },
  };
  const selector = { matchLabels: { app: "web" }, matchExpressions: [{ key: "tier", operator: "Exists" }] };
  const deployment = row("apps", "deployments", {
    spec: { replicas: 3, selector, template },
    status: { readyReplicas: 1 },
  });
  assert.deepEqual(Object.values(deployment), ["a", "1/3", "0", "0", "5m", "x,y", "i:1,j:2", "app=web,tier"]);
  const status = {
    startTime: "2026-01-01T00:58:00Z",
    completionTime: "2026-01-01T00:58:30Z",
    succeeded: 1,
    conditions: [{ type: "Complete", status: "True" }],
  };
  const job = row("batch", "jobs", { spec: { completions: 1, template }, status });
  assert.deepEqual([job["Status"], job["Completions"], job["Duration"]], ["Complete", "1/1", "30s"]);
  const cron = row("batch", "cronjobs", { spec: { schedule: "* * * * *", suspend: false, jobTemplate: {} } });
  assert.deepEqual([cron["Timezone"], cron["Suspend"], cron["Last Schedule"]], ["<none>", "False", "<none>"]);
});

test("events: of both groups, with a series or without", () => {
  const core = row("", "events", {
    involvedObject: { kind: "Pod", name: "web" },
    source: { component: "kubelet", host: "n1" },
    lastTimestamp: "2026-01-01T00:59:00Z",
    firstTimestamp: "2026-01-01T00:50:00Z",
    count: 3,
    message: " Started ",
    type: "Normal",
  });
  assert.deepEqual(
    [core["Last Seen"], core["First Seen"], core["Object"], core["Source"], core["Count"], core["Message"]],
    ["60s", "10m", "pod/web", "kubelet, n1", 3, "Started"],
  );
  const recent = row("events.k8s.io", "events", {
    regarding: { kind: "Node", name: "n1" },
    note: "x",
    eventTime: "2026-01-01T00:58:00.000000Z",
    reportingController: "c",
    reportingInstance: "i",
    series: { count: 4, lastObservedTime: "2026-01-01T00:59:30.000000Z" },
  });
  assert.deepEqual(
    [recent["Last Seen"], recent["First Seen"], recent["Object"], recent["Source"], recent["Count"]],
    ["30s", "2m", "node/n1", "c, i", 4],
  );
});

test("columns: autoscalers, budgets, quotas, claims, endpoints, ingresses", () => {
  const scaler = row(
    "autoscaling",
    "horizontalpodautoscalers",
    {
      spec: {
        scaleTargetRef: { kind: "Deployment", name: "web" },
        maxReplicas: 5,
        metrics: [{ type: "Resource", resource: { name: "cpu", target: { averageUtilization: 50 } } }],
      },
      status: {},
    },
    "v2",
  );
  assert.deepEqual(
    [scaler["Targets"], scaler["MinPods"], scaler["Reference"]],
    ["cpu: <unknown>/50%", "<unset>", "Deployment/web"],
  );
  const budget = row("policy", "poddisruptionbudgets", { spec: { minAvailable: "50%" } });
  assert.deepEqual([budget["Min Available"], budget["Max Unavailable"]], ["50%", "N/A"]);
  const hard = { pods: "4", "limits.cpu": "2", cpu: "1" };
  const quota = row("", "resourcequotas", { status: { hard, used: { pods: "1", cpu: "0" } } });
  assert.deepEqual([quota["Request"], quota["Limit"]], ["cpu: 0/1, pods: 1/4", "limits.cpu: 0/2"]);
  const claim = row("", "persistentvolumeclaims", {
    spec: { volumeMode: "Filesystem" },
    status: { phase: "Pending" },
  });
  assert.deepEqual(
    [claim["Status"], claim["Capacity"], claim["VolumeAttributesClass"]],
    ["Pending", "", "<unset>"],
  );
  const addresses = ["10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.4"].map((ip) => ({ ip }));
  const endpoints = row("", "endpoints", { subsets: [{ addresses, ports: [{ port: 80 }] }] });
  assert.equal(endpoints["Endpoints"], "10.0.0.1:80,10.0.0.2:80,10.0.0.3:80 + 1 more...");
  const ingress = row("networking.k8s.io", "ingresses", {
    spec: { rules: [{ host: "a.example" }], tls: [{}] },
  });
  assert.deepEqual(
    [ingress["Class"], ingress["Hosts"], ingress["Ports"]],
    ["<none>", "a.example", "80, 443"],
  );
});

test("columns: no resource fails on an object that has only its name", () => {
  const spec = {
    containers: [],
    template: {},
    jobTemplate: {},
    source: {},
    pool: {},
    scaleTargetRef: {},
    drivers: [],
    priorityLevelConfiguration: {},
  };
  for (const { group, resource, version } of resources)
    assert.ok(
      Object.keys(row(group, resource, { spec, roleRef: {}, involvedObject: {} }, version)).length > 1,
    );
});

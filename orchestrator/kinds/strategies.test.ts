import assert from "node:assert/strict";
import { test } from "node:test";
import { decodeObject } from "#orchestrator/machinery/schema-decode.ts";
import type { Draft } from "#orchestrator/machinery/resource.ts";
import { resources } from "./resources.ts";
import { schemaOf } from "./schemas.ts";

function definitionOf(resource: string, version = "v1") {
  const found = resources.find((each) => each.resource === resource && each.version === version);
  assert.ok(found, resource);
  return found;
}

/** An object as it is after a request was read. */
function read(resource: string, object: Draft, version = "v1"): Draft {
  const { group, type, kind, strategy } = definitionOf(resource, version);
  const draft: Draft = structuredClone(object);
  draft["apiVersion"] = group === "" ? version : `${group}/${version}`;
  draft["kind"] = kind;
  assert.deepEqual(decodeObject(schemaOf(type), draft), []);
  strategy.default?.(draft);
  return draft;
}

function created(resource: string, object: Draft): Draft {
  const draft = read(resource, object);
  definitionOf(resource).strategy.prepareForCreate?.(draft);
  return draft;
}

function updated(resource: string, object: Draft, old: Draft): Draft {
  const draft = read(resource, object);
  definitionOf(resource).strategy.prepareForUpdate?.(draft, old);
  return draft;
}

const template = {
  metadata: { labels: { app: "web" } },
  spec: { containers: [{ name: "c", image: "nginx" }] },
};

test("strategies: each belongs to a resource, and each default takes an object with nothing in it", () => {
  for (const { resource, version, type } of resources) {
    const draft = read(
      resource,
      { metadata: { name: "a" } },
      resource === "horizontalpodautoscalers" ? version : "v1",
    );
    assert.ok(draft["metadata"], type);
    definitionOf(resource).strategy.prepareForCreate?.(draft);
  }
});

test("defaults: running them again changes nothing", () => {
  for (const { resource, version, strategy } of resources) {
    const object = { metadata: { name: "a" }, ...(resource === "deployments" ? { spec: { template } } : {}) };
    const draft = read(resource, object, version);
    const once = structuredClone(draft);
    strategy.default?.(draft);
    assert.deepEqual(draft, once, resource);
  }
});

test("pods: the defaults of upstream", () => {
  const pod = created("pods", {
    metadata: { name: "web" },
    spec: {
      serviceAccountName: "sa",
      containers: [
        {
          name: "c",
          image: "nginx:1.27",
          ports: [{ containerPort: 80 }],
          livenessProbe: { httpGet: { port: 80 } },
          resources: { limits: { cpu: "1", memory: "1Gi" }, requests: { memory: "512Mi" } },
          env: [{ name: "A", valueFrom: { fieldRef: { fieldPath: "metadata.name" } } }],
        },
        { name: "d", image: "registry:5000/app" },
      ],
      volumes: [
        { name: "e" },
        { name: "s", secret: { secretName: "x" } },
        { name: "h", hostPath: { path: "/" } },
      ],
    },
    status: { phase: "Running" },
  });
  assert.deepEqual(pod["spec"], {
    restartPolicy: "Always",
    dnsPolicy: "ClusterFirst",
    terminationGracePeriodSeconds: 30,
    securityContext: {},
    schedulerName: "default-scheduler",
    enableServiceLinks: true,
    serviceAccountName: "sa",
    serviceAccount: "sa",
    containers: [
      {
        name: "c",
        image: "nginx:1.27",
        imagePullPolicy: "IfNotPresent",
        terminationMessagePath: "/dev/termination-log",
        terminationMessagePolicy: "File",
        ports: [{ containerPort: 80, protocol: "TCP" }],
        livenessProbe: {
          httpGet: { port: 80, path: "/", scheme: "HTTP" },
          timeoutSeconds: 1,
          periodSeconds: 10,
          successThreshold: 1,
          failureThreshold: 3,
        },
        resources: { limits: { cpu: "1", memory: "1Gi" }, requests: { cpu: "1", memory: "512Mi" } },
        env: [{ name: "A", valueFrom: { fieldRef: { fieldPath: "metadata.name", apiVersion: "v1" } } }],
      },
      {
        name: "d",
        image: "registry:5000/app",
        imagePullPolicy: "Always",
        terminationMessagePath: "/dev/termination-log",
        terminationMessagePolicy: "File",
        resources: {},
      },
    ],
    volumes: [
      { name: "e", emptyDir: {} },
      { name: "s", secret: { secretName: "x", defaultMode: 420 } },
      { name: "h", hostPath: { path: "/", type: "" } },
    ],
  });
  assert.deepEqual(pod["status"], { phase: "Pending", qosClass: "Burstable" });
  assert.deepEqual(pod["metadata"], { name: "web", generation: 1 });
});

test("pods: the grace period of a deletion", () => {
  const { strategy } = definitionOf("pods");
  const scheduled = { spec: { nodeName: "n", terminationGracePeriodSeconds: 7 } };
  assert.equal(strategy.gracePeriodS?.(scheduled, undefined), 7);
  assert.equal(strategy.gracePeriodS?.(scheduled, 2), 2);
  assert.equal(strategy.gracePeriodS?.({ ...scheduled, status: { phase: "Failed" } }, undefined), 0);
  assert.equal(strategy.gracePeriodS?.({ spec: { terminationGracePeriodSeconds: 7 } }, undefined), 0);
});

test("deployments: defaults, and a generation that counts changes of the specification alone", () => {
  const first = created("deployments", { metadata: { name: "a" }, spec: { template } });
  assert.deepEqual(
    { ...(first["spec"] as object), template: undefined },
    {
      replicas: 1,
      strategy: { type: "RollingUpdate", rollingUpdate: { maxUnavailable: "25%", maxSurge: "25%" } },
      revisionHistoryLimit: 10,
      progressDeadlineSeconds: 600,
      template: undefined,
    },
  );
  const generation = (object: Draft) => (object["metadata"] as { generation?: number }).generation;
  assert.equal(generation(first), 1);
  const status = { replicas: 3 };
  const old: Draft = { ...first, status };
  const labelled = { ...old, metadata: { ...(old["metadata"] as object), labels: { a: "b" } }, status: {} };
  const same = updated("deployments", labelled, old);
  assert.deepEqual([generation(same), same["status"]], [1, status]);
  const scaled = updated(
    "deployments",
    { ...labelled, spec: { ...(old["spec"] as object), replicas: 2 } },
    old,
  );
  assert.equal(generation(scaled), 2);
});

test("jobs: their pods are made their own", () => {
  const job = created("jobs", { metadata: { name: "a", uid: "u" }, spec: { template } });
  const { spec } = job as { spec: { selector: unknown; template: { metadata: { labels: unknown } } } };
  assert.deepEqual(spec.selector, { matchLabels: { "batch.kubernetes.io/controller-uid": "u" } });
  assert.deepEqual(spec.template.metadata.labels, {
    app: "web",
    "batch.kubernetes.io/controller-uid": "u",
    "controller-uid": "u",
    "batch.kubernetes.io/job-name": "a",
    "job-name": "a",
  });
  assert.equal(definitionOf("jobs").strategy.defaultPropagation, "Orphan");
});

test("services: an update keeps what was allocated, and loses what another type does not have", () => {
  const port = { port: 80, protocol: "TCP", targetPort: 80 };
  const old = created("services", {
    metadata: { name: "a" },
    spec: { type: "NodePort", ports: [{ port: 80 }] },
  });
  const allocated = {
    ...(old["spec"] as object),
    clusterIP: "10.96.0.9",
    clusterIPs: ["10.96.0.9"],
    ipFamilies: ["IPv4"],
    ipFamilyPolicy: "SingleStack",
    ports: [{ ...port, nodePort: 30001 }],
  };
  const before = { ...old, spec: allocated };
  const next = updated(
    "services",
    { metadata: { name: "a" }, spec: { type: "NodePort", ports: [{ port: 80 }] } },
    before,
  );
  assert.deepEqual(next["spec"], allocated);
  const inner = updated("services", { ...before, spec: { ...allocated, type: "ClusterIP" } }, before);
  assert.deepEqual((inner["spec"] as { ports: unknown }).ports, [port]);
  assert.ok(!("externalTrafficPolicy" in (inner["spec"] as object)));
  const external = { ...allocated, type: "ExternalName", externalName: "x.example" };
  const named = updated("services", { ...before, spec: external }, before)["spec"] as Draft;
  assert.ok(!("clusterIP" in named) && !("ipFamilies" in named) && !("externalTrafficPolicy" in named));
});

test("namespaces: are labelled with their name and finalized by their content", () => {
  const namespace = created("namespaces", { metadata: { name: "a" } });
  assert.deepEqual(namespace["metadata"], { name: "a", labels: { "kubernetes.io/metadata.name": "a" } });
  assert.deepEqual(
    [namespace["spec"], namespace["status"]],
    [{ finalizers: ["kubernetes"] }, { phase: "Active" }],
  );
  const next = updated("namespaces", { metadata: { name: "a" }, spec: { finalizers: [] } }, namespace);
  assert.deepEqual(next["spec"], { finalizers: ["kubernetes"] });
});

test("field selectors: pods, events and secrets are asked for by what upstream selects by", () => {
  const fields = (resource: string, object: Draft) =>
    Object.fromEntries(
      Object.entries(definitionOf(resource).strategy.selectableFields ?? {}).map(([name, of]) => [
        name,
        of(object),
      ]),
    );
  const pod = fields("pods", {
    spec: { nodeName: "n" },
    status: { phase: "Running", podIPs: [{ ip: "1.2.3.4" }] },
  });
  assert.deepEqual(
    [pod["spec.nodeName"], pod["status.podIPs"], pod["spec.hostNetwork"]],
    ["n", "1.2.3.4", "false"],
  );
  const event = fields("events", { involvedObject: { name: "x" }, source: { component: "kubelet" } });
  assert.deepEqual([event["involvedObject.name"], event["source"], event["reason"]], ["x", "kubelet", ""]);
});

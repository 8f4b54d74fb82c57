import assert from "node:assert/strict";
import { test } from "node:test";
import type { Draft } from "#orchestrator/machinery/resource.ts";
import { decodeObject } from "#orchestrator/machinery/schema-decode.ts";
import { resources } from "./resources.ts";
import { schemaOf } from "./schemas.ts";
import { scheduleComplaint } from "./workloads/cron-schedule.ts";

function definitionOf(resource: string, group: string | undefined) {
  const found = resources.findLast(
    (each) => each.resource === resource && (group === undefined || each.group === group),
  );
  assert.ok(found, resource);
  return found;
}

/** An object as it is when it is validated, of a name like `deployments` or `events.events.k8s.io`. */
function prepared(resource: string, object: Draft): Draft {
  const [plural = "", ...group] = resource.split(".");
  const { strategy, type, kind } = definitionOf(plural, group.length === 0 ? undefined : group.join("."));
  const metadata = { name: "a", namespace: "n", uid: "u", ...(object["metadata"] as Draft | undefined) };
  const draft: Draft = structuredClone({ kind, ...object, metadata });
  assert.deepEqual(decodeObject(schemaOf(type), draft), []);
  strategy.default?.(draft);
  strategy.prepareForCreate?.(draft);
  return draft;
}

function wrong(resource: string, object: Draft): readonly string[] {
  const [plural = ""] = resource.split(".");
  const errors = definitionOf(plural, undefined).strategy.validate?.(prepared(resource, object)) ?? [];
  return errors.map(({ field, message }) => `${field}: ${message}`);
}

function wrongUpdate(resource: string, old: Draft, next: Draft): readonly string[] {
  const { strategy } = definitionOf(resource, undefined);
  const [before, after] = [prepared(resource, old), prepared(resource, next)];
  strategy.prepareForUpdate?.(after, before);
  return (strategy.validateUpdate?.(after, before) ?? []).map(({ field, message }) => `${field}: ${message}`);
}

const template = { metadata: { labels: { app: "web" } }, spec: { containers: [{ name: "c", image: "i" }] } };
const selector = { matchLabels: { app: "web" } };
const never = { ...template, spec: { ...template.spec, restartPolicy: "Never" } };

test("services: what upstream says", () => {
  const ports = [{ port: 80 }];
  assert.deepEqual(wrong("services", { spec: { ports, clusterIP: "10.96.0.1" } }), []);
  assert.deepEqual(wrong("services", { spec: { clusterIP: "None" } }), []);
  assert.deepEqual(wrong("services", { spec: { type: "ExternalName", externalName: "x.example." } }), []);
  assert.deepEqual(wrong("services", { spec: {} }), ["spec.ports: Required value"]);
  assert.deepEqual(wrong("services", { spec: { ports: [{ port: 80 }, { port: 80, name: "b" }] } }), [
    "spec.ports[0].name: Required value",
    'spec.ports[1]: Duplicate value: {"port":80,"protocol":"TCP","targetPort":0}',
  ]);
  assert.deepEqual(wrong("services", { spec: { ports: [{ port: 80, nodePort: 30000 }] } }), [
    "spec.ports[0].nodePort: Forbidden: may not be used when `type` is 'ClusterIP'",
  ]);
  assert.deepEqual(wrong("services", { spec: { ports, type: "Foo" } }), [
    'spec.type: Unsupported value: "Foo": supported values: "ClusterIP", "ExternalName", "LoadBalancer", "NodePort"',
  ]);
  assert.deepEqual(wrong("services", { spec: { ports, clusterIP: "x" } }), [
    'spec.clusterIPs[0]: Invalid value: "x": must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)',
  ]);
  const old = { spec: { ports, clusterIP: "10.96.0.1" } };
  assert.deepEqual(wrongUpdate("services", old, { spec: { ports, clusterIP: "10.96.0.2" } }), [
    'spec.clusterIPs[0]: Invalid value: ["10.96.0.2"]: may not change once set',
  ]);
});

test("deployments, sets and controllers: what upstream says", () => {
  assert.deepEqual(wrong("deployments", { spec: { selector, template } }), []);
  assert.deepEqual(wrong("deployments", { spec: { template } }), ["spec.selector: Required value"]);
  assert.deepEqual(wrong("deployments", { spec: { selector, template, replicas: -1 } }), [
    "spec.replicas: Invalid value: -1: must be greater than or equal to 0",
  ]);
  assert.deepEqual(wrong("deployments", { spec: { selector: { matchLabels: { app: "x" } }, template } }), [
    'spec.template.metadata.labels: Invalid value: {"app":"web"}: `selector` does not match template `labels`',
  ]);
  assert.deepEqual(wrong("deployments", { spec: { selector, template: never } }), [
    'spec.template.spec.restartPolicy: Unsupported value: "Never": supported values: "Always"',
  ]);
  const strategy = { rollingUpdate: { maxSurge: 0, maxUnavailable: "0%" } };
  assert.deepEqual(wrong("deployments", { spec: { selector, template, strategy } }), [
    'spec.strategy.rollingUpdate.maxUnavailable: Invalid value: "0%": may not be 0 when `maxSurge` is 0',
  ]);
  const other = { matchLabels: { app: "web", tier: "a" } };
  const labels = { app: "web", tier: "a" };
  const wider = { ...template, metadata: { labels } };
  assert.deepEqual(
    wrongUpdate(
      "deployments",
      { spec: { selector, template: wider } },
      { spec: { selector: other, template: wider } },
    ),
    ['spec.selector: Invalid value: {"matchLabels":{"app":"web","tier":"a"}}: field is immutable'],
  );
  assert.deepEqual(wrong("daemonsets", { spec: { selector, template } }), []);
  const claims = [{ metadata: { name: "v" }, spec: {} }];
  const mounting = {
    ...template,
    spec: { containers: [{ name: "c", image: "i", volumeMounts: [{ name: "v", mountPath: "/v" }] }] },
  };
  const set = { serviceName: "s", selector, template: mounting, volumeClaimTemplates: claims };
  assert.deepEqual(wrong("statefulsets", { spec: set }), []);
  assert.deepEqual(wrongUpdate("statefulsets", { spec: set }, { spec: { ...set, replicas: 3 } }), []);
  assert.deepEqual(wrongUpdate("statefulsets", { spec: set }, { spec: { ...set, serviceName: "t" } }), [
    "spec: Forbidden: updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', 'updateStrategy', 'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are forbidden",
  ]);
  assert.deepEqual(wrong("replicationcontrollers", { spec: { template } }), []);
});

test("jobs and cron jobs: what upstream says", () => {
  assert.deepEqual(wrong("jobs", { spec: { template: never } }), []);
  assert.deepEqual(wrong("jobs", { spec: { template } }), [
    'spec.template.spec.restartPolicy: Unsupported value: "Always": supported values: "OnFailure", "Never"',
  ]);
  assert.deepEqual(wrong("jobs", { spec: { template: never, completionMode: "Indexed", parallelism: 1 } }), [
    "spec.completions: Required value: when completion mode is Indexed",
  ]);
  const changed = wrongUpdate(
    "jobs",
    { spec: { template: never } },
    { spec: { template: never, completions: 2 } },
  );
  assert.deepEqual(changed, ["spec.completions: Invalid value: 2: field is immutable"]);
  const jobTemplate = { spec: { template: never } };
  assert.deepEqual(wrong("cronjobs", { spec: { schedule: "*/5 * * * *", jobTemplate } }), []);
  assert.deepEqual(wrong("cronjobs", { spec: { schedule: "* *", jobTemplate, timeZone: "Mars/Base" } }), [
    'spec.schedule: Invalid value: "* *": expected exactly 5 fields, found 2: [* *]',
    'spec.timeZone: Invalid value: "Mars/Base": unknown time zone Mars/Base',
  ]);
});

test("configuration: keys, size, types, and what does not change any more", () => {
  assert.deepEqual(wrong("configmaps", { data: { "a/b": "" } }), [
    `data[a/b]: Invalid value: "a/b": a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',  or 'KEY_NAME',  or 'key-name', regex used for validation is '[-._a-zA-Z0-9]+')`,
  ]);
  assert.deepEqual(wrong("configmaps", { data: { a: "x".repeat(1024 * 1024 + 1) } }), [
    "[]: Too long: may not be more than 1048576 bytes",
  ]);
  const frozen = { data: { a: "b" }, immutable: true };
  assert.deepEqual(wrongUpdate("configmaps", frozen, { data: { a: "c" } }), [
    "immutable: Forbidden: field is immutable when `immutable` is set",
    "data: Forbidden: field is immutable when `immutable` is set",
  ]);
  assert.deepEqual(wrong("secrets", { type: "kubernetes.io/tls", data: { "tls.crt": "" } }), [
    "data[tls.key]: Required value",
  ]);
  assert.deepEqual(wrongUpdate("secrets", {}, { type: "a/b" }), [
    'type: Invalid value: "a/b": field is immutable',
  ]);
  assert.deepEqual(prepared("secrets", { stringData: { a: "b" }, data: { a: "AA==" } })["data"], {
    a: "Yg==",
  });
});

test("volumes and claims: what upstream says", () => {
  const spec = { accessModes: ["ReadWriteOnce"], resources: { requests: { storage: "1Gi" } } };
  assert.deepEqual(wrong("persistentvolumeclaims", { spec }), []);
  assert.deepEqual(wrong("persistentvolumeclaims", { spec: {} }), [
    "spec.accessModes: Required value: at least 1 access mode is required",
    "spec.resources[storage]: Required value",
  ]);
  const [text = ""] = wrongUpdate(
    "persistentvolumeclaims",
    { spec: { ...spec, storageClassName: "a" } },
    { spec: { ...spec, storageClassName: "b" } },
  );
  assert.ok(
    text.startsWith(
      "spec: Forbidden: spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims\n",
    ),
  );
  const volume = { accessModes: ["ReadWriteOnce"], capacity: { storage: "1Gi" }, hostPath: { path: "/a" } };
  assert.deepEqual(wrong("persistentvolumes", { spec: volume }), []);
  assert.deepEqual(wrong("persistentvolumes", { spec: { ...volume, nfs: { server: "s", path: "/" } } }), [
    "spec.nfs: Forbidden: may not specify more than 1 volume type",
  ]);
  const parameters = (type: string) => ({ provisioner: "x.io/y", parameters: { type } });
  assert.deepEqual(wrongUpdate("storageclasses", parameters("a"), parameters("b")), [
    "parameters: Forbidden: updates to parameters are forbidden.",
  ]);
});

test("roles and bindings: what upstream says", () => {
  assert.deepEqual(wrong("roles", { rules: [{ apiGroups: [""], resources: ["pods"], verbs: [] }] }), [
    "rules[0].verbs: Required value: verbs must contain at least one value",
  ]);
  assert.deepEqual(wrong("clusterroles", { rules: [{ nonResourceURLs: ["/x"], verbs: ["get"] }] }), []);
  const roleRef = { kind: "Role", name: "r" };
  assert.deepEqual(wrong("rolebindings", { roleRef, subjects: [{ kind: "User", name: "u" }] }), []);
  assert.deepEqual(wrong("clusterrolebindings", { roleRef }), [
    'roleRef.kind: Unsupported value: "Role": supported values: "ClusterRole"',
  ]);
  assert.deepEqual(wrongUpdate("rolebindings", { roleRef }, { roleRef: { ...roleRef, name: "s" } }), [
    'roleRef: Invalid value: {"apiGroup":"rbac.authorization.k8s.io","kind":"Role","name":"s"}: cannot change roleRef',
  ]);
});

test("networks: what upstream says", () => {
  const backend = { service: { name: "s", port: { number: 80 } } };
  const paths = [{ path: "/", pathType: "Prefix", backend }];
  assert.deepEqual(wrong("ingresses", { spec: { rules: [{ host: "a.example", http: { paths } }] } }), []);
  assert.deepEqual(wrong("ingresses", { spec: {} }), [
    "spec: Invalid value: {}: either `defaultBackend` or `rules` must be specified",
  ]);
  assert.deepEqual(
    wrong("ingresses", {
      spec: { rules: [{ host: "1.2.3.4", http: { paths: [{ ...paths[0], path: "x" }] } }] },
    }),
    [
      'spec.rules[0].host: Invalid value: "1.2.3.4": must be a DNS name, not an IP address',
      'spec.rules[0].http.paths[0].path: Invalid value: "x": must be an absolute path',
    ],
  );
  const slice = { addressType: "IPv4", endpoints: [{ addresses: ["127.0.0.1"] }], ports: [{ port: 1 }] };
  assert.deepEqual(wrong("endpointslices", slice), [
    'endpoints[0].addresses[0]: Invalid value: "127.0.0.1": may not be in the loopback range (127.0.0.0/8, ::1/128)',
  ]);
  assert.deepEqual(wrong("networkpolicies", { spec: { podSelector: {}, ingress: [{ from: [{}] }] } }), [
    "spec.ingress[0].from[0]: Required value: must specify a peer",
  ]);
});

test("policies, classes and webhooks: what upstream says", () => {
  assert.deepEqual(wrong("poddisruptionbudgets", { spec: { minAvailable: 1, maxUnavailable: 1 } }), [
    'spec: Invalid value: {"maxUnavailable":1,"minAvailable":1}: minAvailable and maxUnavailable cannot be both set',
  ]);
  assert.deepEqual(wrongUpdate("priorityclasses", { value: 1 }, { value: 2 }), [
    "value: Forbidden: may not be changed in an update.",
  ]);
  const scaleTargetRef = { kind: "Deployment", name: "d" };
  assert.deepEqual(
    wrong("horizontalpodautoscalers", { spec: { scaleTargetRef, minReplicas: 3, maxReplicas: 2 } }),
    ["spec.maxReplicas: Invalid value: 2: must be greater than or equal to `minReplicas`"],
  );
  const limits = [{ type: "Container", min: { cpu: "2" }, max: { cpu: "1" } }];
  assert.ok(
    wrong("limitranges", { spec: { limits } }).includes(
      'spec.limits[0].min[cpu]: Invalid value: "2": min value 2 is greater than max value 1',
    ),
  );
  const webhook = {
    name: "a.b.c",
    clientConfig: { url: "https://x.example" },
    sideEffects: "None",
    admissionReviewVersions: ["v1"],
    rules: [{ apiGroups: [""], apiVersions: ["v1"], operations: ["CREATE"], resources: ["pods"] }],
  };
  assert.deepEqual(wrong("mutatingwebhookconfigurations", { webhooks: [webhook] }), []);
  assert.deepEqual(
    wrong("validatingwebhookconfigurations", { webhooks: [{ ...webhook, clientConfig: {}, name: "a" }] }),
    [
      'webhooks[0].name: Invalid value: "a": should be a domain with at least three segments separated by dots',
      "webhooks[0].clientConfig: Required value: exactly one of url or service is required",
    ],
  );
  assert.deepEqual(wrong("certificatesigningrequests", { spec: { request: "", signerName: "x" } }), [
    'spec.request: Invalid value: "": PEM block type must be CERTIFICATE REQUEST',
    "spec.usages: Required value",
    "spec.signerName: Invalid value: \"x\": must be a fully qualified domain and path of the form 'example.com/signer-name'",
  ]);
});

test("trust bundles and certificates of pods: what upstream says", () => {
  const trustBundle = "-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n";
  assert.deepEqual(wrong("clustertrustbundles", { spec: { trustBundle } }), []);
  assert.deepEqual(wrong("clustertrustbundles", { spec: { trustBundle, signerName: "a.b/c" } }), [
    'metadata.name: Invalid value: "a": ClusterTrustBundle for signerName a.b/c must be named with prefix a.b:c:',
  ]);
  const names = { podName: "p", serviceAccountName: "s", nodeName: "n" };
  const ids = { podUID: "1", serviceAccountUID: "2", nodeUID: "3" };
  const spec = { ...names, ...ids, signerName: "a.b/c", stubPKCS10Request: "AA==" };
  assert.deepEqual(wrong("podcertificaterequests", { spec }), []);
  assert.deepEqual(wrong("podcertificaterequests", { spec: { ...spec, maxExpirationSeconds: 60 } }), [
    "spec.maxExpirationSeconds: Invalid value: 60: must be in the range [3600, 7862400]",
  ]);
});

test("validation: nothing breaks on an object with nothing in it", () => {
  for (const { resource, strategy } of resources) {
    const object = prepared(resource, {});
    strategy.validate?.(object);
    strategy.validateUpdate?.(object, structuredClone(object));
  }
});

test("scheduleComplaint: takes what cron takes", () => {
  for (const schedule of [
    "0 0 1 1 *",
    "@daily",
    "@every 1h30m",
    "0-30/5,45 * ? JAN-MAR mon",
    "TZ=UTC 1 2 3 4 5",
  ])
    assert.equal(scheduleComplaint(schedule), undefined, schedule);
  assert.equal(scheduleComplaint("60 * * * *"), "end of range (60) above maximum (59): 60");
  assert.equal(scheduleComplaint("@often"), "unrecognized descriptor: @often");
  assert.equal(
    scheduleComplaint("x * * * *"),
    'failed to parse int from x: strconv.Atoi: parsing "x": invalid syntax',
  );
  assert.equal(scheduleComplaint("*/0 * * * *"), "step of range should be a positive number: */0");
});

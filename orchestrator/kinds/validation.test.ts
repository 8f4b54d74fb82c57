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

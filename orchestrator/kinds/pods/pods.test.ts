import assert from "node:assert/strict";
import { test } from "node:test";
import type { Draft, FieldError } from "#orchestrator/machinery/resource.ts";
import { decodeObject } from "#orchestrator/machinery/schema-decode.ts";
import { schemaOf } from "../schemas.ts";
import { podErrors, podUpdateErrors } from "./check-update.ts";
import { podResizeErrors } from "./check-resize.ts";
import { hasLatestTag } from "./image-name.ts";
import { qosClassOf } from "./qos.ts";
import { podStrategy } from "./strategy.ts";

function read(spec: Draft): Draft {
  const pod: Draft = structuredClone({ apiVersion: "v1", kind: "Pod", metadata: { name: "a" }, spec });
  assert.deepEqual(decodeObject(schemaOf("io.k8s.api.core.v1.Pod"), pod), []);
  podStrategy.default?.(pod);
  return pod;
}

const texts = (errors: readonly FieldError[]) => errors.map(({ field, message }) => `${field}: ${message}`);
const container = { name: "c", image: "nginx" };

/** What is told of a pod with one container that has these fields beside its name and image. */
const ofContainer = (fields: Draft, spec: Draft = {}) =>
  texts(podErrors(read({ containers: [{ ...container, ...fields }], ...spec })));
const ofSpec = (spec: Draft) => ofContainer({}, spec);

test("podErrors: nothing is wrong with an ordinary pod", () => {
  const spec = {
    containers: [
      {
        ...container,
        ports: [{ containerPort: 80, name: "http" }],
        env: [
          { name: "A", value: "b" },
          { name: "B", valueFrom: { fieldRef: { fieldPath: "metadata.labels['app']" } } },
          { name: "C", valueFrom: { secretKeyRef: { name: "s", key: "k" } } },
        ],
        volumeMounts: [{ name: "v", mountPath: "/v" }],
        livenessProbe: { httpGet: { port: "http" } },
        readinessProbe: { exec: { command: ["true"] } },
        resources: { requests: { cpu: "100m" }, limits: { cpu: "1", memory: "1Gi" } },
        securityContext: { runAsUser: 1000, allowPrivilegeEscalation: false },
      },
    ],
    initContainers: [
      { name: "i", image: "busybox", restartPolicy: "Always", startupProbe: { tcpSocket: { port: 1 } } },
    ],
    volumes: [{ name: "v", projected: { sources: [{ serviceAccountToken: { path: "token" } }] } }],
    tolerations: [{ key: "k", operator: "Exists", effect: "NoExecute", tolerationSeconds: 300 }],
    topologySpreadConstraints: [{ maxSkew: 1, topologyKey: "zone", whenUnsatisfiable: "DoNotSchedule" }],
    affinity: {
      podAntiAffinity: {
        requiredDuringSchedulingIgnoredDuringExecution: [{ topologyKey: "kubernetes.io/hostname" }],
      },
    },
  };
  assert.deepEqual(texts(podErrors(read(spec))), []);
});

test("podErrors: containers, in upstream's words", () => {
  assert.deepEqual(ofSpec({ containers: [] }), ["spec.containers: Required value"]);
  assert.deepEqual(texts(podErrors(read({ containers: [{}] }))), [
    "spec.containers[0].name: Required value",
    "spec.containers[0].image: Required value",
  ]);
  assert.deepEqual(ofContainer({ imagePullPolicy: "Sometimes" }), [
    'spec.containers[0].imagePullPolicy: Unsupported value: "Sometimes": supported values: "Always", "IfNotPresent", "Never"',
  ]);
  assert.deepEqual(ofSpec({ containers: [container, container] }), [
    'spec.containers[1].name: Duplicate value: "c"',
  ]);
  assert.deepEqual(ofContainer({ volumeMounts: [{ name: "x", mountPath: "/x" }] }), [
    'spec.containers[0].volumeMounts[0].name: Not found: "x"',
  ]);
  assert.deepEqual(ofContainer({ ports: [{ containerPort: 70000, protocol: "HTTP" }] }), [
    "spec.containers[0].ports[0].containerPort: Invalid value: 70000: must be between 1 and 65535, inclusive",
    'spec.containers[0].ports[0].protocol: Unsupported value: "HTTP": supported values: "SCTP", "TCP", "UDP"',
  ]);
  assert.deepEqual(ofContainer({ livenessProbe: {} }), [
    "spec.containers[0].livenessProbe: Required value: must specify a handler type",
  ]);
  assert.deepEqual(ofContainer({ env: [{ name: "A", valueFrom: {} }] }), [
    'spec.containers[0].env[0].valueFrom: Invalid value: "": must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef` or `secretKeyRef`',
  ]);
  assert.deepEqual(ofContainer({ resources: { requests: { cpu: "2" }, limits: { cpu: "1" } } }), [
    'spec.containers[0].resources.requests: Invalid value: "2": must be less than or equal to cpu limit of 1',
  ]);
  assert.deepEqual(ofContainer({ securityContext: { privileged: true, allowPrivilegeEscalation: false } }), [
    'spec.containers[0].securityContext: Invalid value: {"allowPrivilegeEscalation":false,"privileged":true}: cannot set `allowPrivilegeEscalation` to false and `privileged` to true',
  ]);
});

test("podErrors: specifications, in upstream's words", () => {
  assert.deepEqual(ofSpec({ restartPolicy: "Maybe" }), [
    'spec.restartPolicy: Unsupported value: "Maybe": supported values: "Always", "OnFailure", "Never"',
  ]);
  assert.deepEqual(ofSpec({ volumes: [{ name: "v", emptyDir: {}, hostPath: { path: "/a/../b" } }] }), [
    "spec.volumes[0].hostPath: Forbidden: may not specify more than 1 volume type",
  ]);
  assert.deepEqual(ofSpec({ volumes: [{ name: "v", hostPath: { path: "/a/../b" } }] }), [
    "spec.volumes[0].hostPath.path: Invalid value: \"/a/../b\": must not contain '..'",
  ]);
  assert.deepEqual(ofSpec({ tolerations: [{ operator: "Equal", effect: "NoSchedule" }] }), [
    'spec.tolerations[0].operator: Invalid value: "Equal": operator must be Exists when `key` is empty, which means "match all values and all keys"',
  ]);
  assert.deepEqual(ofSpec({ initContainers: [{ ...container, name: "i", lifecycle: {} }] }), [
    "spec.initContainers[0].lifecycle: Forbidden: may not be set for init containers without restartPolicy=Always",
  ]);
  assert.deepEqual(ofSpec({ dnsPolicy: "None" }), [
    "spec.dnsConfig: Required value: must provide `dnsConfig` when `dnsPolicy` is None",
  ]);
  assert.deepEqual(ofSpec({ ephemeralContainers: [{ name: "e", image: "x" }] }), [
    "spec.ephemeralContainers: Forbidden: cannot be set on create",
  ]);
});

test("podUpdateErrors: images, deadlines and tolerations may be changed, and gates opened", () => {
  const old = read({
    containers: [container],
    schedulingGates: [{ name: "a/b" }],
    nodeSelector: { a: "b" },
    tolerations: [{ key: "x", operator: "Exists" }],
  });
  const next = read({
    containers: [{ ...container, image: "nginx:2" }],
    nodeSelector: { a: "b", c: "d" },
    tolerations: [
      { key: "x", operator: "Exists" },
      { key: "y", operator: "Exists" },
    ],
    activeDeadlineSeconds: 9,
  });
  const pulled = next["spec"] as { containers: { imagePullPolicy: string }[] };
  for (const each of pulled.containers) each.imagePullPolicy = "Always";
  assert.deepEqual(texts(podUpdateErrors(next, old)), []);
});

test("podUpdateErrors: nothing else may", () => {
  const old = read({
    containers: [container],
    activeDeadlineSeconds: 5,
    tolerations: [{ key: "x", operator: "Exists" }],
  });
  const changed = (change: Draft) =>
    texts(podUpdateErrors(read({ ...(old["spec"] as Draft), ...change }), old));
  const [forbidden = "", ...others] = changed({ nodeName: "n", terminationGracePeriodSeconds: 3 });
  assert.deepEqual(others, []);
  assert.ok(
    forbidden.startsWith(
      "spec: Forbidden: pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)\n",
    ),
  );
  assert.match(
    forbidden,
    /\n- \tterminationGracePeriodSeconds: 30\n\+ \tterminationGracePeriodSeconds: 3\n\+ \tnodeName: "n"/,
  );
  assert.deepEqual(changed({ containers: [container, { ...container, name: "d" }] }), [
    "spec.containers: Forbidden: pod updates may not add or remove containers",
  ]);
  assert.deepEqual(changed({ activeDeadlineSeconds: 6 }), [
    "spec.activeDeadlineSeconds: Invalid value: 6: must be less than or equal to previous value",
  ]);
  assert.deepEqual(changed({ tolerations: [] }), [
    "spec.tolerations: Forbidden: existing toleration can not be modified except its tolerationSeconds",
  ]);
});

test("podWarnings: tells of what will not do what it seems to", () => {
  const ports = [{ containerPort: 80 }, { containerPort: 80 }];
  const env = [
    { name: "A", value: "1" },
    { name: "A", value: "$(A)2" },
    { name: "A", value: "3" },
  ];
  const resources = { requests: { memory: "100m" } };
  const pod = read({
    containers: [{ ...container, ports, env, resources }],
    nodeSelector: { "beta.kubernetes.io/os": "linux" },
  });
  assert.deepEqual(podStrategy.warnings?.(pod), [
    'spec.nodeSelector[beta.kubernetes.io/os]: deprecated since v1.14; use "kubernetes.io/os" instead',
    'spec.containers[0].resources.requests[memory]: fractional byte value "100m" is invalid, must be an integer',
    'spec.containers[0].env[2]: hides previous definition of "A", which may be dropped when using apply',
    "spec.containers[0].ports[1]: duplicate port definition with spec.containers[0].ports[0]",
  ]);
});

test("podResizeErrors: processor and memory may change, within the pod's class", () => {
  const sized = (requests: Draft, image = "nginx") =>
    read({ containers: [{ ...container, image, resources: { requests } }] });
  const old = sized({ cpu: "1", "example.com/gpu": "1" });
  assert.deepEqual(texts(podResizeErrors(sized({ cpu: "2" }), sized({ cpu: "1" }))), []);
  assert.deepEqual(texts(podResizeErrors(sized({}), sized({ cpu: "1" }))), [
    'spec: Invalid value: "Burstable": Pod QOS Class may not change as a result of resizing',
    "spec.containers[0].resources.requests: Forbidden: resource requests cannot be removed",
  ]);
  assert.ok(
    texts(podResizeErrors(sized({ cpu: "1", "example.com/gpu": "2" }), old)).includes(
      "spec: Forbidden: only cpu and memory resources are mutable",
    ),
  );
});

test("qosClassOf: by what is asked for and limited", () => {
  const of = (...resources: Draft[]) =>
    qosClassOf({ containers: resources.map((each, at) => ({ name: `c${at}`, resources: each })) });
  assert.equal(of({}, {}), "BestEffort");
  const all = { cpu: "1", memory: "1Gi" };
  assert.equal(of({ limits: all, requests: { cpu: "1000m", memory: "1024Mi" } }), "Guaranteed");
  assert.equal(of({ limits: all, requests: all }, {}), "Burstable");
  assert.equal(of({ requests: { cpu: "1" } }), "Burstable");
});

test("hasLatestTag: by tag, digest and port of the registry", () => {
  const names = [
    "nginx",
    "nginx:latest",
    "registry:5000/nginx",
    "nginx:1",
    "nginx@sha256:abc",
    "registry:5000/n:1",
  ];
  assert.deepEqual(names.map(hasLatestTag), [true, true, true, false, false, false]);
});

import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { test } from "node:test";
import { isStatus } from "#api/kube/status.ts";
import { makeSigningRequest } from "#host/x509/signing-request.ts";
import type { User } from "#orchestrator/authn/user.ts";
import { jane, pod, TestAdmission } from "../../test/support/admission.ts";

const refused = (text: string) => (error: unknown) => {
  assert.ok(isStatus(error), String(error));
  assert.equal(error.message, text);
  return true;
};

test("NamespaceLifecycle: nothing is made in a namespace that is not there or ends; the cluster's own stay", async () => {
  const admission = new TestAdmission();
  await assert.rejects(
    admission.write("configmaps", { namespace: "none", object: { metadata: { name: "a" } } }),
    refused('namespaces "none" not found'),
  );
  admission.put("namespaces", "Namespace", "old", {}, { status: { phase: "Terminating" } });
  await assert.rejects(
    admission.write("configmaps", { namespace: "old", object: { metadata: { name: "a" } } }),
    (error) =>
      isStatus(error, "Forbidden") &&
      error.message ===
        'configmaps "a" is forbidden: unable to create new content in namespace old because it is being terminated' &&
      error.status.details?.causes?.[0]?.reason === "NamespaceTerminating",
  );
  await admission.write("configmaps", {
    operation: "UPDATE",
    namespace: "old",
    object: { metadata: { name: "a" } },
  });
  await assert.rejects(
    admission.write("namespaces", { operation: "DELETE", name: "kube-system" }),
    refused('namespaces "kube-system" is forbidden: this namespace may not be deleted'),
  );
  await admission.write("namespaces", { operation: "DELETE", name: "team" });
});

test("a plain pod gets its account's token, tolerations and priority as upstream gives them", async () => {
  const { object } = await new TestAdmission().write("pods", { object: pod("web") });
  assert.deepEqual(object.spec, {
    containers: [
      {
        name: "c",
        image: "i",
        volumeMounts: [
          {
            name: "kube-api-access-abcde",
            readOnly: true,
            mountPath: "/var/run/secrets/kubernetes.io/serviceaccount",
          },
        ],
      },
    ],
    serviceAccountName: "default",
    serviceAccount: "default",
    volumes: [
      {
        name: "kube-api-access-abcde",
        projected: {
          sources: [
            { serviceAccountToken: { expirationSeconds: 3607, path: "token" } },
            { configMap: { name: "kube-root-ca.crt", items: [{ key: "ca.crt", path: "ca.crt" }] } },
            {
              downwardAPI: {
                items: [
                  { path: "namespace", fieldRef: { apiVersion: "v1", fieldPath: "metadata.namespace" } },
                ],
              },
            },
          ],
          defaultMode: 420,
        },
      },
    ],
    priority: 0,
    preemptionPolicy: "PreemptLowerPriority",
    tolerations: [
      {
        key: "node.kubernetes.io/not-ready",
        operator: "Exists",
        effect: "NoExecute",
        tolerationSeconds: 300,
      },
      {
        key: "node.kubernetes.io/unreachable",
        operator: "Exists",
        effect: "NoExecute",
        tolerationSeconds: 300,
      },
    ],
  });
});

test("ServiceAccount: no token where the pod or the account wants none; pull secrets; an account that is missing", async () => {
  const admission = new TestAdmission();
  admission.put(
    "serviceaccounts",
    "ServiceAccount",
    "plain",
    { namespace: "team" },
    { automountServiceAccountToken: false, imagePullSecrets: [{ name: "pull" }] },
  );
  const plain = await admission.write("pods", { object: pod("a", { serviceAccountName: "plain" }) });
  assert.equal(plain.object.spec.volumes, undefined);
  assert.deepEqual(plain.object.spec.imagePullSecrets, [{ name: "pull" }]);
  const mounted = await admission.write("pods", {
    object: pod("a", { serviceAccountName: "plain", automountServiceAccountToken: true }),
  });
  assert.equal(mounted.object.spec.volumes.length, 1);
  await assert.rejects(
    admission.write("pods", { object: pod("a", { serviceAccountName: "none" }) }),
    refused(
      'pods "a" is forbidden: error looking up service account team/none: serviceaccount "none" not found',
    ),
  );
});

test("ServiceAccount: a default account that is being made is waited for", async () => {
  const admission = new TestAdmission();
  admission.put("namespaces", "Namespace", "new");
  const written = admission.write("pods", { namespace: "new", object: pod("a", {}, { namespace: "new" }) });
  setImmediate(() => admission.put("serviceaccounts", "ServiceAccount", "default", { namespace: "new" }));
  assert.equal((await written).object.spec.serviceAccountName, "default");
});

test("ServiceAccount: an account can bound the secrets of its pods", async () => {
  const admission = new TestAdmission();
  admission.put(
    "serviceaccounts",
    "ServiceAccount",
    "strict",
    { namespace: "team", annotations: { "kubernetes.io/enforce-mountable-secrets": "true" } },
    { secrets: [{ name: "mine" }] },
  );
  const withSecret = (secretName: string) =>
    pod("a", { serviceAccountName: "strict", volumes: [{ name: "v", secret: { secretName } }] });
  await admission.write("pods", { object: withSecret("mine") });
  await assert.rejects(
    admission.write("pods", { object: withSecret("other") }),
    refused(
      'pods "a" is forbidden: volume with secret.secretName="other" is not allowed because service account with name "strict" does not reference that secret',
    ),
  );
});

test("Priority: a pod has its class's, the default one's, and never its own", async () => {
  const admission = new TestAdmission();
  const put = (name: string, value: number, more = {}) =>
    admission.put("priorityclasses.scheduling.k8s.io", "PriorityClass", name, {}, { value, ...more });
  put("high", 1000, { preemptionPolicy: "Never" });
  const high = await admission.write("pods", { object: pod("a", { priorityClassName: "high" }) });
  assert.deepEqual([high.object.spec.priority, high.object.spec.preemptionPolicy], [1000, "Never"]);
  await assert.rejects(
    admission.write("pods", { object: pod("a", { priorityClassName: "none" }) }),
    refused('pods "a" is forbidden: no PriorityClass with name none was found'),
  );
  await assert.rejects(
    admission.write("pods", { object: pod("a", { priority: 7 }) }),
    refused(
      'pods "a" is forbidden: the integer value of priority (7) must not be provided in pod spec; priority admission controller computed 0 from the given PriorityClass name',
    ),
  );
  put("usual", 5, { globalDefault: true });
  assert.equal((await admission.write("pods", { object: pod("a") })).object.spec.priorityClassName, "usual");
  await assert.rejects(
    admission.write("priorityclasses.scheduling.k8s.io", {
      object: { metadata: { name: "more" }, value: 1, globalDefault: true },
    }),
    /PriorityClass usual is already marked as default\. Only one default can exist/,
  );
});

test("LimitRanger: sets defaults and says so, refuses what is out of bounds, all of it at once", async () => {
  const admission = new TestAdmission();
  admission.put(
    "limitranges",
    "LimitRange",
    "l",
    { namespace: "team" },
    {
      spec: {
        limits: [
          {
            type: "Container",
            default: { cpu: "500m" },
            defaultRequest: { cpu: "100m", memory: "64Mi" },
            min: { cpu: "50m" },
            max: { cpu: "1" },
            maxLimitRequestRatio: { cpu: "5" },
          },
          { type: "Pod", max: { memory: "1Gi" } },
          { type: "PersistentVolumeClaim", max: { storage: "5Gi" } },
        ],
      },
    },
  );
  const resources = (requests: object, limits: object) => ({
    containers: [{ name: "c", image: "i", resources: { requests, limits } }],
  });
  const { object } = await admission.write("pods", { object: pod("a", resources({}, { memory: "128Mi" })) });
  assert.deepEqual(object.spec.containers[0].resources, {
    requests: { cpu: "100m", memory: "64Mi" },
    limits: { memory: "128Mi", cpu: "500m" },
  });
  assert.equal(
    object.metadata.annotations["kubernetes.io/limit-ranger"],
    "LimitRanger plugin set: cpu, memory request for container c; cpu limit for container c",
  );
  await assert.rejects(
    admission.write("pods", { object: pod("a", resources({ cpu: "10m" }, { cpu: "2", memory: "2Gi" })) }),
    refused(
      'pods "a" is forbidden: [minimum cpu usage per Container is 50m, but request is 10m, maximum cpu usage per Container is 1, but limit is 2, ' +
        "cpu max limit to request ratio per Container is 5, but provided ratio is 200.000000, maximum memory usage per Pod is 1Gi, but limit is 2Gi]",
    ),
  );
  await assert.rejects(
    admission.write("persistentvolumeclaims", {
      object: { metadata: { name: "p" }, spec: { resources: { requests: { storage: "10Gi" } } } },
    }),
    refused(
      'persistentvolumeclaims "p" is forbidden: maximum storage usage per PersistentVolumeClaim is 5Gi, but request is 10Gi',
    ),
  );
});

function quota(admission: TestAdmission, name: string, spec: object): void {
  admission.put("resourcequotas", "ResourceQuota", name, { namespace: "team" }, { spec });
}

const small = (name: string, cpu = "1") =>
  pod(name, { containers: [{ name: "c", image: "i", resources: { requests: { cpu }, limits: { cpu } } }] });

test("ResourceQuota: writers at once never get more than there is, in upstream's words", async () => {
  const admission = new TestAdmission();
  quota(admission, "q", { hard: { "requests.cpu": "3", pods: "10" } });
  const results = await Promise.allSettled(
    [1, 2, 3, 4, 5].map((one) => admission.write("pods", { object: small(`p${one}`) })),
  );
  assert.equal(results.filter(({ status }) => status === "fulfilled").length, 3);
  const [failed] = results.filter((one) => one.status === "rejected");
  assert.ok(failed !== undefined);
  assert.equal(
    (failed.reason as Error).message,
    'pods "p4" is forbidden: exceeded quota: q, requested: requests.cpu=1, used: requests.cpu=3, limited: requests.cpu=3',
  );
  const [first] = results;
  assert.ok(first?.status === "fulfilled");
  first.value.settle(false);
  const again = await admission.write("pods", { object: small("p6") });
  again.settle(true);
  await assert.rejects(admission.write("pods", { object: small("p7") }), /exceeded quota/);
  admission.objects.put("pods", again.object);
  await assert.rejects(admission.write("pods", { object: small("p7") }), /used: requests\.cpu=3/);
  admission.objects.remove("pods", "team", "p6");
  await admission.write("pods", { object: small("p7"), isDryRun: true });
  await admission.write("pods", { object: small("p7") });
});

test("ResourceQuota: containers must say what a quota bounds", async () => {
  const admission = new TestAdmission();
  quota(admission, "q", { hard: { "limits.cpu": "3", memory: "1Gi" } });
  await assert.rejects(
    admission.write("pods", { object: pod("a") }),
    refused('pods "a" is forbidden: failed quota: q: must specify limits.cpu for: c; requests.memory for: c'),
  );
});

test("ResourceQuota: scopes, counts, services and claims", async () => {
  const admission = new TestAdmission();
  quota(admission, "best-effort", { hard: { pods: "0" }, scopes: ["BestEffort"] });
  quota(admission, "counts", {
    hard: {
      "count/deployments.apps": "0",
      configmaps: "0",
      "services.nodeports": "1",
      "gold.storageclass.storage.k8s.io/requests.storage": "1Gi",
    },
  });
  await assert.rejects(
    admission.write("pods", { object: pod("a") }),
    /exceeded quota: best-effort, requested: pods=1, used: pods=0, limited: pods=0/,
  );
  await admission.write("pods", { object: small("a") });
  await assert.rejects(
    admission.write("deployments.apps", { object: { metadata: { name: "d" } } }),
    /count\/deployments\.apps=1/,
  );
  await assert.rejects(
    admission.write("configmaps", { object: { metadata: { name: "d" } } }),
    /requested: configmaps=1/,
  );
  const service = (ports: number) => ({
    metadata: { name: "s" },
    spec: { type: "NodePort", ports: Array.from({ length: ports }, () => ({})) },
  });
  await admission.write("services", { object: service(1), isDryRun: true });
  await assert.rejects(admission.write("services", { object: service(2) }), /services\.nodeports=2/);
  const claim = {
    metadata: { name: "c" },
    spec: { storageClassName: "gold", resources: { requests: { storage: "2Gi" } } },
  };
  await assert.rejects(
    admission.write("persistentvolumeclaims", { object: claim }),
    /gold\.storageclass\.storage\.k8s\.io\/requests\.storage=2Gi/,
  );
});

test("PodSecurity: refuses, warns and annotates in upstream's words", async () => {
  const admission = new TestAdmission();
  const label = "pod-security.kubernetes.io";
  admission.put("namespaces", "Namespace", "team", {
    labels: {
      [`${label}/enforce`]: "baseline",
      [`${label}/warn`]: "restricted",
      [`${label}/audit`]: "restricted",
      [`${label}/audit-version`]: "v1.30",
    },
  });
  await assert.rejects(
    admission.write("pods", {
      object: pod("a", {
        hostNetwork: true,
        containers: [{ name: "c", securityContext: { privileged: true } }],
      }),
    }),
    refused(
      'pods "a" is forbidden: violates PodSecurity "baseline:latest": host namespaces (hostNetwork=true), privileged (container "c" must not set securityContext.privileged=true)',
    ),
  );
  const violations =
    'allowPrivilegeEscalation != false (container "c" must set securityContext.allowPrivilegeEscalation=false), ' +
    'unrestricted capabilities (container "c" must set securityContext.capabilities.drop=["ALL"]), ' +
    'runAsNonRoot != true (pod or container "c" must set securityContext.runAsNonRoot=true), ' +
    'seccompProfile (pod or container "c" must set securityContext.seccompProfile.type to "RuntimeDefault" or "Localhost")';
  await admission.write("pods", { object: pod("a") });
  assert.deepEqual(admission.warnings, [`would violate PodSecurity "restricted:latest": ${violations}`]);
  assert.equal(
    admission.annotations.get(`${label}/audit-violations`),
    `would violate PodSecurity "restricted:v1.30": ${violations}`,
  );
  assert.equal(admission.annotations.get(`${label}/enforce-policy`), "baseline:latest");
  const { containers } = (pod("x") as { spec: { containers: object[] } }).spec;
  await admission.write("deployments.apps", {
    object: { metadata: { name: "d" }, spec: { template: { spec: { hostPID: true, containers } } } },
  });
  assert.match(
    admission.warnings[1] ?? "",
    /^would violate PodSecurity "restricted:latest": host namespaces \(hostPID=true\), allowPrivilege/,
  );
});

test("PodSecurity: a namespace that becomes stricter tells of its pods; labels must make sense", async () => {
  const admission = new TestAdmission();
  for (const name of ["a", "b"]) admission.objects.put("pods", pod(name, { hostPID: true }) as never);
  const namespace = (level: string) => ({
    metadata: { name: "team", labels: { "pod-security.kubernetes.io/enforce": level } },
  });
  await admission.write("namespaces", {
    operation: "UPDATE",
    object: namespace("baseline"),
    old: { metadata: { name: "team" } },
  });
  assert.deepEqual(admission.warnings, [
    'existing pods in namespace "team" violate the new PodSecurity enforce level "baseline:latest"',
    "a (and 1 other pod): host namespaces",
  ]);
  await assert.rejects(
    admission.write("namespaces", { object: namespace("strict") }),
    /Invalid value: "strict": must be one of privileged, baseline, restricted/,
  );
});

test("storage and ingress classes: the newest default; protection; growth", async () => {
  const admission = new TestAdmission();
  const put = (
    resource: string,
    kind: string,
    name: string,
    annotation: string,
    creationTimestamp: string,
    more = {},
  ) =>
    admission.objects.put(resource, {
      apiVersion: "v1",
      kind,
      metadata: { name, creationTimestamp, annotations: { [annotation]: "true" } },
      ...more,
    } as never);
  const isDefault = "storageclass.kubernetes.io/is-default-class";
  put("storageclasses.storage.k8s.io", "StorageClass", "old", isDefault, "2025-01-01T00:00:00Z", {
    allowVolumeExpansion: true,
  });
  put("storageclasses.storage.k8s.io", "StorageClass", "new", isDefault, "2025-06-01T00:00:00Z");
  const claim = await admission.write("persistentvolumeclaims", {
    object: { metadata: { name: "c" }, spec: {} },
  });
  assert.equal(claim.object.spec.storageClassName, "new");
  assert.deepEqual(claim.object.metadata.finalizers, ["kubernetes.io/pvc-protection"]);
  put(
    "ingressclasses.networking.k8s.io",
    "IngressClass",
    "i",
    "ingressclass.kubernetes.io/is-default-class",
    "2025-01-01T00:00:00Z",
  );
  assert.equal(
    (await admission.write("ingresses.networking.k8s.io", { object: { metadata: { name: "c" }, spec: {} } }))
      .object.spec.ingressClassName,
    "i",
  );
  const sized = (storageClassName: string, storage: string, phase = "Bound") => ({
    metadata: { name: "c" },
    spec: { storageClassName, resources: { requests: { storage } } },
    status: { phase },
  });
  const grow = (storageClass: string, phase?: string) =>
    admission.write("persistentvolumeclaims", {
      operation: "UPDATE",
      object: sized(storageClass, "2Gi", phase),
      old: sized(storageClass, "1Gi", phase),
    });
  await grow("old");
  await assert.rejects(grow("new"), /only dynamically provisioned pvc can be resized/);
  await assert.rejects(grow("old", "Pending"), /Only bound persistent volume claims can be expanded/);
});

test("RuntimeClass: overhead and scheduling; nodes are tainted until they are ready", async () => {
  const admission = new TestAdmission();
  admission.put(
    "runtimeclasses.node.k8s.io",
    "RuntimeClass",
    "vm",
    {},
    { handler: "h", overhead: { podFixed: { cpu: "250m" } }, scheduling: { nodeSelector: { vm: "yes" } } },
  );
  const { object } = await admission.write("pods", { object: pod("a", { runtimeClassName: "vm" }) });
  assert.deepEqual([object.spec.overhead, object.spec.nodeSelector], [{ cpu: "250m" }, { vm: "yes" }]);
  await assert.rejects(
    admission.write("pods", { object: pod("a", { runtimeClassName: "x" }) }),
    refused('pods "a" is forbidden: pod rejected: RuntimeClass "x" not found'),
  );
  await assert.rejects(
    admission.write("pods", { object: pod("a", { overhead: { cpu: "1" } }) }),
    /Pod Overhead set without corresponding RuntimeClass defined Overhead/,
  );
  const node = await admission.write("nodes", { object: { metadata: { name: "n" } } });
  assert.deepEqual(node.object.spec.taints, [{ key: "node.kubernetes.io/not-ready", effect: "NoSchedule" }]);
});

test("NodeRestriction: an agent writes about its node and its pods only", async () => {
  const admission = new TestAdmission();
  const agent: User = { name: "system:node:a", groups: ["system:nodes"] };
  const node = (name: string, labels: object = {}, more: object = {}) => ({
    metadata: { name, labels },
    ...more,
  });
  await admission.write("nodes", {
    object: node("a", { "kubernetes.io/hostname": "a", "acme.example/x": "y" }),
    user: agent,
  });
  await assert.rejects(
    admission.write("nodes", { object: node("b"), user: agent }),
    /node "a" is not allowed to modify node "b"/,
  );
  await assert.rejects(
    admission.write("nodes", {
      operation: "UPDATE",
      object: node("a", { "node-restriction.kubernetes.io/x": "y" }),
      old: node("a"),
      user: agent,
    }),
    refused('nodes "a" is forbidden: is not allowed to modify labels: node-restriction.kubernetes.io/x'),
  );
  await assert.rejects(
    admission.write("nodes", {
      operation: "UPDATE",
      object: node("a", {}, { spec: { taints: [] } }),
      old: node("a", {}, { spec: { taints: [{ key: "k" }] } }),
      user: agent,
    }),
    /is not allowed to modify taints/,
  );
  await assert.rejects(
    admission.write("pods", { object: pod("a"), user: agent }),
    /can only create mirror pods/,
  );
  const mirror = (spec: object) => pod("a", spec, { annotations: { "kubernetes.io/config.mirror": "x" } });
  await admission.write("pods", { object: mirror({ nodeName: "a" }), user: agent });
  await assert.rejects(
    admission.write("pods", { object: mirror({ nodeName: "b" }), user: agent }),
    /can only create pods with spec\.nodeName set to itself/,
  );
  const status = (nodeName: string) =>
    ({
      operation: "UPDATE",
      subresource: "status",
      object: pod("a", { nodeName }),
      old: pod("a", { nodeName }),
      user: agent,
    }) as const;
  await admission.write("pods", status("a"));
  await assert.rejects(
    admission.write("pods", status("b")),
    /can only update pod status for pods with spec\.nodeName set to itself/,
  );
  await assert.rejects(
    admission.write("pods", {
      operation: "DELETE",
      name: "x",
      old: pod("x", { nodeName: "b" }),
      user: agent,
    }),
    /can only delete pods with spec\.nodeName set to itself/,
  );
});

test("certificate requests: whose they are is the server's word; masters get none; approving and signing need permission", async () => {
  const allowed = new Set<string>();
  const admission = new TestAdmission([], (verb, name) => allowed.has(`${verb} ${name}`));
  const requestFor = (
    organizations: readonly string[],
    signerName = "kubernetes.io/kube-apiserver-client",
  ) => {
    const text = makeSigningRequest(
      { commonName: "x", organizations },
      [],
      generateKeyPairSync("ec", { namedCurve: "P-256" }),
    );
    return {
      metadata: { name: "r" },
      spec: {
        request: Buffer.from(text).toString("base64"),
        signerName,
        username: "root",
        groups: ["system:masters"],
      },
    };
  };
  const name = "certificatesigningrequests.certificates.k8s.io";
  const { object } = await admission.write(name, { object: requestFor(["dev"]) });
  assert.deepEqual([object.spec.username, object.spec.groups], [jane.name, jane.groups]);
  await assert.rejects(
    admission.write(name, { object: requestFor(["system:masters"]) }),
    /use of kubernetes\.io\/kube-apiserver-client signer with system:masters group is not allowed/,
  );
  const approve = () =>
    admission.write(name, { operation: "UPDATE", subresource: "approval", object, old: object });
  await assert.rejects(
    approve(),
    /user not permitted to approve requests with signerName "kubernetes\.io\/kube-apiserver-client"/,
  );
  allowed.add("approve kubernetes.io/*");
  await approve();
  const signed = { ...object, status: { certificate: "AAAA" } };
  const signing = () =>
    admission.write(name, { operation: "UPDATE", subresource: "status", object: signed, old: object });
  await assert.rejects(signing(), /user not permitted to sign/);
  allowed.add("sign kubernetes.io/kube-apiserver-client");
  await signing();
});

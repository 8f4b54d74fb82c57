import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { Container, Pod } from "#api/kube/types/core-pods.ts";
import { pods } from "#client/kube/resources.ts";
import { loadBusybox } from "../support/busybox-image.ts";
import { LiveCluster, type PodSpec } from "../support/live-cluster.ts";
import { nodeAddress } from "../support/live-place.ts";
import {
  createCases,
  hasEnded,
  isRunning,
  type PodCase,
  shell,
  statusOf,
  testCases,
} from "../support/pod-cases.ts";

// What conformance asks of a container's command, environment, rights and last words, each test by its name there.

let cluster: LiveCluster;

const env = (name: string, fieldPath: string) => ({ name, valueFrom: { fieldRef: { fieldPath } } });
const amount = (name: string, resource: string) => ({ name, valueFrom: { resourceFieldRef: { resource } } });
const entry: Partial<Container> = { image: "entry" };

/** What the image says is its command, and what the pod does. */
const commands: readonly (readonly [string, Partial<Container>, string])[] = [
  ["use the image defaults if command and args are blank", {}, "entry default arguments"],
  [
    "be able to override the image's default arguments (container cmd)",
    { args: ["own", "words"] },
    "entry own words",
  ],
  [
    "be able to override the image's default command (container entrypoint)",
    { command: ["/bin/echo", "own"] },
    "own",
  ],
  [
    "be able to override the image's default command and arguments",
    { command: ["/bin/echo", "own"], args: ["both"] },
    "own both",
  ],
];

const identity = "id -u; id -g";
const resources = { requests: { cpu: "250m", memory: "32Mi" }, limits: { cpu: "1250m", memory: "64Mi" } };
const amounts = ["limits.cpu", "limits.memory", "requests.cpu", "requests.memory"];
const isPrefixed = {
  command: ["env"], // a shell keeps names of its own taste alone
  envFrom: [
    { prefix: "p-", configMapRef: { name: "env" } },
    { prefix: "q.", secretRef: { name: "env" } },
  ],
};

const environment: readonly PodCase[] = [
  {
    name: "ConfigMap should be consumable via the environment",
    script: "env | grep ^data_ | sort",
    container: { envFrom: [{ configMapRef: { name: "env" } }] },
    says: "data_1=value-1\ndata_2=value-2",
  },
  {
    name: "ConfigMap should be consumable as environment variable names with various prefixes",
    container: isPrefixed,
    says: /^p-data_1=value-1\np-data_2=value-2\nq\.data_1=secret-1$/m,
  },
  {
    name: "Secrets should be consumable via the environment",
    script: "env | grep ^data_ | sort",
    container: { envFrom: [{ secretRef: { name: "env" } }] },
    says: "data_1=secret-1",
  },
  {
    name: "Secrets should be consumable as environment variable names variable names with various prefixes",
    container: isPrefixed,
    says: /^p-data_1=value-1\np-data_2=value-2\nq\.data_1=secret-1$/m,
  },
  {
    name: "Secrets should be consumable from pods in env vars",
    script: "echo $SECRET",
    container: { env: [{ name: "SECRET", valueFrom: { secretKeyRef: { name: "env", key: "data_1" } } }] },
    says: "secret-1",
  },
  {
    name: "Downward API should provide pod name, namespace and IP address as env vars",
    script: 'echo $NAME $NAMESPACE; test "$IP" = "$(hostname -i)" && echo same',
    container: {
      env: [env("NAME", "metadata.name"), env("NAMESPACE", "metadata.namespace"), env("IP", "status.podIP")],
    },
    says: /^case-\d+ default\nsame\n$/,
  },
  {
    name: "Downward API should provide host IP as an env var",
    script: "echo $IP",
    container: { env: [env("IP", "status.hostIP")] },
    says: nodeAddress,
  },
  {
    name: "Downward API should provide hostIPs as an env var",
    script: "echo $IPS",
    container: { env: [env("IPS", "status.hostIPs")] },
    says: nodeAddress,
  },
  {
    name: "Downward API should provide pod UID as env vars",
    script: "echo $UID_OF_POD",
    container: { env: [env("UID_OF_POD", "metadata.uid")] },
    says: /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\n$/,
  },
  {
    name: "Downward API should provide container's limits.cpu/memory and requests.cpu/memory as env vars",
    script: "echo $A $B $C $D",
    container: { resources, env: amounts.map((name, at) => amount("ABCD"[at] ?? "", name)) },
    says: "2 67108864 1 33554432",
  },
  {
    name: "Downward API should provide default limits.cpu/memory from node allocatable",
    script: "echo $A $B",
    container: { env: [amount("A", "limits.cpu"), amount("B", "limits.memory")] },
    says: /^[1-9]\d* [1-9]\d{6,}\n$/,
  },
  {
    name: "Variable Expansion should allow composing env vars into new env vars",
    script: "echo $FOOBAR",
    container: {
      env: [
        { name: "FOO", value: "foo-value" },
        { name: "BAR", value: "bar-value" },
        { name: "FOOBAR", value: "$(FOO);;$(BAR)" },
      ],
    },
    says: "foo-value;;bar-value",
  },
  {
    name: "Variable Expansion should allow substituting values in a container's args",
    container: {
      command: ["sh", "-c"],
      args: ["echo '$(TEST_VAR) $$(TEST_VAR) $(NONE)'"],
      env: [{ name: "TEST_VAR", value: "test-value" }],
    },
    says: "test-value $(TEST_VAR) $(NONE)",
  },
  {
    name: "Variable Expansion should allow substituting values in a volume subpath",
    script: "test -d /all/case && echo hello > /sub/f && cat /all/case/f",
    container: {
      env: [{ name: "PLACE", value: "case" }],
      volumeMounts: [
        { name: "v", mountPath: "/sub", subPathExpr: "$(PLACE)" },
        { name: "v", mountPath: "/all" },
      ],
    },
    spec: { volumes: [{ name: "v", emptyDir: {} }] },
    says: "hello",
  },
  {
    name: "Variable Expansion should succeed in writing subpaths in container",
    script: "touch /all/a/b/one; ls /sub; touch /sub/two; ls /all/a/b",
    container: {
      env: [env("PLACE", "metadata.annotations['place']")],
      volumeMounts: [
        { name: "v", mountPath: "/sub", subPathExpr: "a/$(PLACE)" },
        { name: "v", mountPath: "/all" },
      ],
    },
    metadata: { annotations: { place: "b" } },
    spec: { volumes: [{ name: "v", emptyDir: {} }] },
    says: "one\none\ntwo",
  },
];

const security: readonly PodCase[] = [
  {
    name: "Security Context should support container.SecurityContext.RunAsUser And container.SecurityContext.RunAsGroup",
    script: identity,
    container: { securityContext: { runAsUser: 1001, runAsGroup: 2002 } },
    spec: { securityContext: { runAsUser: 1, runAsGroup: 2 } },
    says: "1001\n2002",
  },
  {
    name: "Security Context should support pod.Spec.SecurityContext.RunAsUser And pod.Spec.SecurityContext.RunAsGroup",
    script: identity,
    spec: { securityContext: { runAsUser: 1001, runAsGroup: 2002 } },
    says: "1001\n2002",
  },
  {
    name: "Security Context When creating a pod with privileged should run the container as unprivileged when false",
    script: "ip link add bridge0 type bridge 2>&1 || true",
    container: { securityContext: { privileged: false } },
    says: /Operation not permitted/,
  },
  {
    name: "Security Context When creating a pod with readOnlyRootFilesystem should run the container with writable rootfs when readOnlyRootFilesystem=false",
    script: "touch /written && echo written",
    container: { securityContext: { readOnlyRootFilesystem: false } },
    says: "written",
  },
  {
    name: "Sysctls should support sysctls",
    script: "cat /proc/sys/kernel/shm_rmid_forced",
    spec: { securityContext: { sysctls: [{ name: "kernel.shm_rmid_forced", value: "1" }] } },
    says: "1",
  },
];

const cases: readonly PodCase[] = [
  ...environment,
  ...security,
  ...commands.map(([name, container, says]): PodCase => {
    const main = { name: "main", imagePullPolicy: "IfNotPresent", ...entry, ...container } as const;
    return { name: `Containers should ${name}`, spec: { containers: [main] }, says };
  }),
];

before(async () => {
  cluster = await LiveCluster.start();
  const signal = AbortSignal.timeout(20_000);
  await loadBusybox(cluster.engine, "entry:latest", {
    Entrypoint: ["/bin/echo", "entry"],
    Cmd: ["default", "arguments"],
  });
  const metadata = { name: "env" };
  const data = { data_1: "value-1", data_2: "value-2" };
  await cluster.create({ apiVersion: "v1", kind: "ConfigMap", metadata, data }, signal);
  const secret = { data_1: Buffer.from("secret-1").toString("base64") };
  await cluster.create({ apiVersion: "v1", kind: "Secret", metadata, data: secret }, signal);
  await createCases(cluster, "case", cases, signal);
});
after(() => cluster[Symbol.asyncDispose]());

testCases(() => cluster, "case", cases);

interface LastWords {
  readonly name: string;
  readonly script: string;
  readonly container?: Partial<Container>;
  readonly phase: "Succeeded" | "Failed";
  readonly says: string;
}

const fallsBack = { terminationMessagePolicy: "FallbackToLogsOnError" } as const;
const report = "Container Runtime blackbox test on terminated container should report termination message";
const lastWords: readonly LastWords[] = [
  {
    name: `${report} if TerminationMessagePath is set as non-root user and at a non-default path`,
    script: "echo -n DONE > /dev/termination-custom-log",
    container: {
      terminationMessagePath: "/dev/termination-custom-log",
      securityContext: { runAsUser: 1000 },
    },
    phase: "Succeeded",
    says: "DONE",
  },
  {
    name: `${report} from log output if TerminationMessagePolicy FallbackToLogsOnError is set`,
    script: "echo -n DONE; exit 1",
    container: fallsBack,
    phase: "Failed",
    says: "DONE",
  },
  {
    name: `${report} as empty when pod succeeds and TerminationMessagePolicy FallbackToLogsOnError is set`,
    script: "echo DONE",
    container: fallsBack,
    phase: "Succeeded",
    says: "",
  },
  {
    name: `${report} from file when pod succeeds and TerminationMessagePolicy FallbackToLogsOnError is set`,
    script: "echo -n OK > /dev/termination-log; echo DONE",
    container: fallsBack,
    phase: "Succeeded",
    says: "OK",
  },
];

for (const [at, { name, script, container, phase, says }] of lastWords.entries())
  test(name, async (t) => {
    const spec: PodSpec = { restartPolicy: "Never", containers: [shell("main", script, container)] };
    await cluster.pod(`words-${at}`, spec, t.signal);
    const pod = await cluster.when(`words-${at}`, hasEnded, t.signal);
    assert.equal(pod.status?.phase, phase);
    assert.equal(statusOf(pod, "main")?.state?.terminated?.message ?? "", says);
  });

const place = { volumes: [{ name: "v", emptyDir: {} }] };
const fails = (pod: Pod) => statusOf(pod, "main")?.state?.waiting?.reason === "CreateContainerConfigError";

for (const [what, value] of [
  ["backticks", ".."],
  ["absolute path", "/tmp"],
] as const)
  test(`Variable Expansion should fail substituting values in a volume subpath with ${what}`, async (t) => {
    const name = `fails-${what.replace(" ", "-")}`;
    const volumeMounts = [{ name: "v", mountPath: "/v", subPathExpr: "$(PLACE)" }];
    const main = shell("main", "exit 0", { env: [{ name: "PLACE", value }], volumeMounts });
    await cluster.pod(name, { ...place, restartPolicy: "Never", containers: [main] }, t.signal);
    await cluster.when(name, (pod) => fails(pod) || hasEnded(pod), t.signal);
    assert.ok(fails(cluster.find(name) ?? assert.fail("gone")));
  });

test("Variable Expansion should verify that a failing subpath expansion can be modified during the lifecycle of a container", async (t) => {
  const volumeMounts = [{ name: "v", mountPath: "/v", subPathExpr: "$(PLACE)" }];
  const main = shell("main", "touch /v/there; sleep 1000", {
    env: [env("PLACE", "metadata.annotations['place']")],
    volumeMounts,
  });
  await cluster.pod("mended", { ...place, containers: [main] }, t.signal, {
    annotations: { place: "/absolute" },
  });
  await cluster.when("mended", fails, t.signal);
  const patch = { metadata: { annotations: { place: "relative" } } };
  await cluster.kube
    .of(pods)
    .patch({ namespace: "default", name: "mended" }, patch, { type: "merge" }, t.signal);
  await cluster.when("mended", isRunning, t.signal);
});

import assert from "node:assert/strict";
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import type { Container, Pod } from "#api/kube/types/core-pods.ts";
import { events, secrets } from "#client/kube/resources.ts";
import { NodeUnderTest } from "../support/node.ts";

let node: NodeUnderTest;
before(async () => {
  node = await NodeUnderTest.start();
});
after(() => node[Symbol.asyncDispose]());

function shell(name: string, script: string, more: Partial<Container> = {}): Container {
  return { name, image: "test", imagePullPolicy: "IfNotPresent", command: ["sh", "-c", script], ...more };
}

const lastWords = (pod: Pod) => pod.status?.containerStatuses?.[0]?.state?.terminated?.message;
const hasEnded = ({ status }: Pod) => status?.phase === "Succeeded" || status?.phase === "Failed";

/** Runs a pod to its end, and gives what it wrote as its last words. */
async function say(
  name: string,
  script: string,
  spec: Partial<NonNullable<Pod["spec"]>>,
  more: Partial<Container>,
  signal: AbortSignal,
): Promise<string> {
  const container = shell("main", `(${script}) > /dev/termination-log 2>&1`, more);
  await node.create(name, { restartPolicy: "Never", ...spec, containers: [container] }, signal);
  const pod = await node.when(name, hasEnded, signal);
  await node.delete(name, signal);
  return lastWords(pod) ?? "";
}

test("an emptyDir may be in memory, of a size; files belong to the pod's group", async (t) => {
  const text = await say(
    "memory",
    "stat -f -c %T /m; df -k /m | tail -1 | tr -s ' ' | cut -d' ' -f2; stat -c '%a %g' /m /d; id -G; touch /d/new; stat -c %g /d/new",
    {
      securityContext: { runAsUser: 1000, runAsGroup: 1000, fsGroup: 2000 },
      volumes: [
        { name: "m", emptyDir: { medium: "Memory", sizeLimit: "4Mi" } },
        { name: "d", emptyDir: {} },
      ],
    },
    {
      volumeMounts: [
        { name: "m", mountPath: "/m" },
        { name: "d", mountPath: "/d" },
      ],
    },
    t.signal,
  );
  assert.equal(text, "tmpfs\n4096\n2777 2000\n2777 2000\n1000 2000\n2000\n");
});

test("secrets and tokens are files of their modes, and nobody's on a disk", async (t) => {
  const made = {
    apiVersion: "v1",
    kind: "Secret",
    metadata: { name: "s", namespace: "default" },
    data: { pw: Buffer.from("x").toString("base64") },
  } as const;
  await node.kube.of(secrets).create(made, t.signal);
  const text = await say(
    "secret",
    "cat /s/pw; echo; stat -L -c %a /s/pw /t/token; stat -f -c %T /s /t; test -s /t/token && echo token",
    {
      volumes: [
        { name: "s", secret: { secretName: "s", defaultMode: 0o400 } },
        { name: "t", projected: { sources: [{ serviceAccountToken: { path: "token" } }] } },
      ],
    },
    {
      volumeMounts: [
        { name: "s", mountPath: "/s" },
        { name: "t", mountPath: "/t" },
      ],
    },
    t.signal,
  );
  assert.equal(text, "x\n400\n644\ntmpfs\ntmpfs\ntoken\n");
});

test("a subPath is what it names within the volume, whatever links a container has made there", async (t) => {
  const folder = join(node.root, "shared");
  mkdirSync(folder);
  writeFileSync(join(node.root, "outside"), "secret of the host");
  symlinkSync(node.root, join(folder, "absolute"));
  symlinkSync("../../../../../../..", join(folder, "up"));
  writeFileSync(join(folder, "file"), "inside");
  const volumes = [{ name: "v", hostPath: { path: folder } }];
  const at = (subPath: string) => ({ volumeMounts: [{ name: "v", mountPath: "/sub", subPath }] });
  assert.equal(await say("file", "cat /sub", { volumes }, at("file"), t.signal), "inside");
  // The root of what the links lead to is the volume itself.
  assert.match(await say("up", "ls /sub", { volumes }, at("up"), t.signal), /^absolute\nfile\nup\n$/);
  const made = await say("new", "touch /sub/made; ls /sub", { volumes }, at("a/b"), t.signal);
  assert.equal(made, "made\n");
  assert.equal(readFileSync(join(folder, "a/b/made"), "utf8"), "");
  await node.create(
    "absolute",
    { containers: [shell("main", "cat /sub/outside", at("absolute"))], volumes, restartPolicy: "Never" },
    t.signal,
  );
  const pod = await node.when(
    "absolute",
    (each) =>
      hasEnded(each) ||
      each.status?.containerStatuses?.[0]?.state?.waiting?.reason === "CreateContainerConfigError",
    t.signal,
  );
  assert.doesNotMatch(JSON.stringify(pod.status), /secret of the host/);
  await node.delete("absolute", t.signal);
});

test("a volume that cannot be had is told of, and tried again", async (t) => {
  const path = join(node.root, "later");
  const volumes = [{ name: "v", hostPath: { path, type: "Directory" as const } }];
  const container = shell("main", "exit 0", { volumeMounts: [{ name: "v", mountPath: "/v" }] });
  await node.create("waits", { restartPolicy: "Never", volumes, containers: [container] }, t.signal);
  const watch = await node.kube
    .of(events)
    .watch({ namespace: "default", fieldSelector: "involvedObject.name=waits" }, t.signal);
  for await (const { object } of watch) {
    if (object.reason !== "FailedMount") continue;
    assert.equal(
      object.message,
      `MountVolume.SetUp failed for volume "v" : hostPath type check failed: ${path} is not a directory`,
    );
    break;
  }
  mkdirSync(path);
  await node.when("waits", ({ status }) => status?.phase === "Succeeded", t.signal);
  await node.delete("waits", t.signal);
});

test("a pod sees its names, and an own hosts file", async (t) => {
  const spec = { hostname: "h", subdomain: "s", hostAliases: [{ ip: "192.0.2.9", hostnames: ["other"] }] };
  const text = await say(
    "names",
    "hostname; tail -4 /etc/hosts; grep search /etc/resolv.conf",
    spec,
    {},
    t.signal,
  );
  assert.match(
    text,
    /^h\n[\d.]+\th\.s\.default\.svc\.cluster\.local\th\n\n# Entries added by HostAliases\.\n192\.0\.2\.9\tother\nsearch default\.svc\.cluster\.local /,
  );
});

test("security: who must not be root is not, and what is not safe is refused", async (t) => {
  await node.create(
    "root",
    { securityContext: { runAsNonRoot: true }, containers: [shell("main", "id")] },
    t.signal,
  );
  const waiting = await node.when(
    "root",
    (pod) => pod.status?.containerStatuses?.[0]?.state?.waiting?.reason === "CreateContainerConfigError",
    t.signal,
  );
  assert.match(
    waiting.status?.containerStatuses?.[0]?.state?.waiting?.message ?? "",
    /^container has runAsNonRoot and image will run as root \(pod: "root_default\(/,
  );
  await node.delete("root", t.signal);
  await node.create(
    "sysctl",
    {
      securityContext: { sysctls: [{ name: "kernel.msgmax", value: "1" }] },
      containers: [shell("main", "id")],
    },
    t.signal,
  );
  const refused = await node.when("sysctl", hasEnded, t.signal);
  assert.equal(refused.status?.reason, "SysctlForbidden");
  await node.delete("sysctl", t.signal);
  const shows =
    "id -u; grep -E 'NoNewPrivs|Seccomp:' /proc/self/status | tr -s '\\t' ' '; touch /x 2>/dev/null || echo fixed";
  const securityContext = { runAsUser: 1234, allowPrivilegeEscalation: false, readOnlyRootFilesystem: true };
  assert.equal(
    await say("tight", shows, {}, { securityContext }, t.signal),
    "1234\nNoNewPrivs: 1\nSeccomp: 2\nfixed\n",
  );
});

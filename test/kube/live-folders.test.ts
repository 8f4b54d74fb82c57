import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { Container, Pod } from "#api/kube/types/core-pods.ts";
import type { DownwardAPIVolumeFile, Volume } from "#api/kube/types/core-volumes.ts";
import { configMaps, pods } from "#client/kube/resources.ts";
import { LiveCluster } from "../support/live-cluster.ts";
import {
  createCases,
  hasEnded,
  isReady,
  type PodCase,
  shell,
  testCases,
  waits,
} from "../support/pod-cases.ts";

// What conformance asks of emptyDir, of the downward API's volumes and of parts of volumes, each test by its name there.

let cluster: LiveCluster;
const mount = { volumeMounts: [{ name: "v", mountPath: "/v" }] };

const media = { tmpfs: { medium: "Memory" as const }, default: {} };
const modes = { "0644": "-rw-r--r--", "0666": "-rw-rw-rw-", "0777": "-rwxrwxrwx" };
const isTmpfs = (medium: string) => (medium === "tmpfs" ? "tmpfs" : "other");
const kind = "k=$(stat -f -c %T /v); [ $k = tmpfs ] || k=other; echo $k";

function emptyDirs(): readonly PodCase[] {
  return Object.entries(media).flatMap(([medium, emptyDir]) => {
    const spec = { volumes: [{ name: "v", emptyDir }] };
    const called = medium === "tmpfs" ? "tmpfs" : "default medium";
    const of = (user: string, [mode, shown]: readonly [string, string]): PodCase => ({
      name: `EmptyDir volumes should support (${user},${mode},${medium})`,
      script: `umask 0; ${kind}; echo content > /v/f; chmod ${mode} /v/f; stat -c %A:%u /v/f; cat /v/f; echo more >> /v/f`,
      says: `${isTmpfs(medium)}\n${shown}:${user === "root" ? 0 : 1001}\ncontent`,
      container: { ...mount, ...(user === "root" ? {} : { securityContext: { runAsUser: 1001 } }) },
      spec,
    });
    return [
      {
        name: `EmptyDir volumes volume on ${called} should have the correct mode`,
        script: `${kind}; stat -c %A /v`,
        says: `${isTmpfs(medium)}\ndrwxrwxrwx`,
        container: mount,
        spec,
      },
      ...Object.entries(modes).flatMap((mode) => [of("root", mode), of("non-root", mode)]),
    ];
  });
}

function downward(prefix: string, items: readonly DownwardAPIVolumeFile[], defaultMode?: number): Volume {
  const mode = defaultMode !== undefined && { defaultMode };
  if (prefix === "Downward API volume") return { name: "v", downwardAPI: { items, ...mode } };
  return { name: "v", projected: { sources: [{ downwardAPI: { items } }], ...mode } };
}

const podName = { path: "name", fieldRef: { fieldPath: "metadata.name" } };
const resource = (name: string) => [
  { path: "f", resourceFieldRef: { containerName: "main", resource: name } },
];
const prefixes = ["Downward API volume", "Projected downwardAPI"];

function downwardCases(prefix: string): readonly PodCase[] {
  const resources = { requests: { cpu: "250m", memory: "32Mi" }, limits: { cpu: "1250m", memory: "64Mi" } };
  const spec = (items: readonly DownwardAPIVolumeFile[], mode?: number) => ({
    volumes: [downward(prefix, items, mode)],
  });
  const amounts = {
    "limits.cpu": "2",
    "requests.cpu": "1",
    "limits.memory": "67108864",
    "requests.memory": "33554432",
  };
  const file = "stat -L -c %a /v/name; cat /v/name";
  return [
    {
      name: `${prefix} should provide podname only`,
      script: "cat /v/name; echo; hostname",
      says: /^(.+)\n\1$/m,
      container: mount,
      spec: spec([podName]),
    },
    {
      name: `${prefix} should set DefaultMode on files`,
      script: file,
      says: /^400\n/,
      container: mount,
      spec: spec([podName], 0o400),
    },
    {
      name: `${prefix} should set mode on item file`,
      script: file,
      says: /^400\n/,
      container: mount,
      spec: spec([{ ...podName, mode: 0o400 }]),
    },
    ...Object.entries(amounts).map(([name, says]): PodCase => {
      const [which = "", what = ""] = name.split(".");
      const title = `${prefix} should provide container's ${what} ${which.slice(0, -1)}`;
      return {
        name: title,
        script: "cat /v/f",
        says,
        container: { ...mount, resources },
        spec: spec(resource(name)),
      };
    }),
    ...["cpu", "memory"].map(
      (what): PodCase => ({
        name: `${prefix} should provide node allocatable (${what}) as default ${what} limit if the limit is not set`,
        script: "cat /v/f",
        says: /^[1-9]\d*$/,
        container: mount,
        spec: spec(resource(`limits.${what}`)),
      }),
    ),
  ];
}

/** One file of a volume, read again and again while its volume is written anew. */
function subPaths(): readonly PodCase[] {
  const script = "for i in 1 2 3 4 5; do cat /sub || exit 1; usleep 20000; done";
  const of = (
    name: string,
    volume: Omit<Volume, "name">,
    subPath: string,
    at = "/sub",
    text = "configmap-value",
  ): PodCase => ({
    name: `Subpath Atomic writer volumes should support subpaths with ${name}`,
    script: script.replace("/sub", at),
    says: new RegExp(`^(${text}){5}$`),
    container: { volumeMounts: [{ name: "v", mountPath: at, subPath }] },
    spec: { volumes: [{ name: "v", ...volume }] },
    metadata: { labels: { called: "by-name" } },
  });
  const configMap = { name: "values" };
  const items = [{ path: "downward/label", fieldRef: { fieldPath: "metadata.labels['called']" } }];
  return [
    of("configmap pod", { configMap }, "key"),
    of("configmap pod with mountPath of existing file", { configMap }, "key", "/etc/group"),
    of("secret pod", { secret: { secretName: "values" } }, "key", "/sub", "secret-value"),
    of("downward pod", { downwardAPI: { items } }, "downward/label", "/sub", "by-name"),
    of("projected pod", { projected: { sources: [{ configMap }] } }, "key"),
  ];
}

const wrapper: PodCase = {
  name: "EmptyDir wrapper volumes should not conflict",
  script: "cat /s/key /c/key; ls /s /c",
  says: "secret-valueconfigmap-value/c:\nkey\n\n/s:\nkey".replace(
    /\/c:\nkey\n\n\/s:\nkey/,
    "/c:\nkey\n\n/s:\nkey",
  ),
  container: {
    volumeMounts: [
      { name: "s", mountPath: "/s" },
      { name: "c", mountPath: "/c" },
    ],
  },
  spec: {
    volumes: [
      { name: "s", secret: { secretName: "values" } },
      { name: "c", configMap: { name: "values" } },
    ],
  },
};

const cases = [...emptyDirs(), ...prefixes.flatMap(downwardCases), ...subPaths(), wrapper];

before(async () => {
  cluster = await LiveCluster.start();
  const signal = AbortSignal.timeout(20_000);
  const metadata = { name: "values" };
  const data = { key: "configmap-value" };
  await cluster.create({ apiVersion: "v1", kind: "ConfigMap", metadata, data }, signal);
  const secret = { key: Buffer.from("secret-value").toString("base64") };
  await cluster.create({ apiVersion: "v1", kind: "Secret", metadata, data: secret }, signal);
  await createCases(cluster, "case", cases, signal);
});
after(() => cluster[Symbol.asyncDispose]());

testCases(() => cluster, "case", cases);

for (const prefix of prefixes)
  for (const what of ["labels", "annotations"])
    test(`${prefix} should update ${what} on modification`, async (t) => {
      const name = `${prefix.toLowerCase().replaceAll(" ", "-")}-${what}`;
      const script = "cat /v/f; echo; until grep -q key3 /v/f; do usleep 20000; done; cat /v/f";
      const items = [{ path: "f", fieldRef: { fieldPath: `metadata.${what}` } }];
      const spec = {
        restartPolicy: "Never" as const,
        volumes: [downward(prefix, items)],
        containers: [shell("main", script, mount)],
      };
      await cluster.pod(name, spec, t.signal, { [what]: { key1: "value1", key2: "value2" } });
      await cluster.heard(name, /key2/, t.signal);
      const patch = { metadata: { [what]: { key3: "value3" } } };
      await cluster.kube.of(pods).patch({ namespace: "default", name }, patch, { type: "merge" }, t.signal);
      await cluster.when(name, hasEnded, t.signal);
      const said = await cluster.said(name, t.signal);
      if (what === "labels")
        assert.match(said, /^key1="value1"\nkey2="value2"\nkey1="value1"\nkey2="value2"\nkey3="value3"$/);
      else assert.match(said, /key1="value1"\nkey2="value2"\n[^]*key3="value3"\n?/);
    });

test("Projected configMap updates should be reflected in volume", async (t) => {
  const made = { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "moves" }, data: { key: "one" } };
  await cluster.create(made, t.signal);
  const volumes = [{ name: "v", projected: { sources: [{ configMap: { name: "moves" } }] } }];
  const script = 'cat /v/key; echo; until [ "$(cat /v/key)" = two ]; do usleep 20000; done; cat /v/key';
  await cluster.pod(
    "moves",
    { restartPolicy: "Never", volumes, containers: [shell("main", script, mount)] },
    t.signal,
  );
  await cluster.heard("moves", /one/, t.signal);
  await cluster.kube
    .of(configMaps)
    .patch({ namespace: "default", name: "moves" }, { data: { key: "two" } }, { type: "merge" }, t.signal);
  await cluster.when("moves", hasEnded, t.signal);
  assert.equal(await cluster.said("moves", t.signal), "one\ntwo");
});

test("EmptyDir volumes pod should support shared volumes between containers", async (t) => {
  const containers = [
    shell("main", waits, mount),
    shell("sub", `echo Hello from the sub-container > /v/data; ${waits}`, mount),
  ];
  await cluster.pod("shares", { volumes: [{ name: "v", emptyDir: {} }], containers }, t.signal);
  await cluster.when("shares", isReady, t.signal);
  const script = "until test -s /v/data; do usleep 20000; done; cat /v/data";
  assert.equal(await cluster.sh("shares", script, t.signal, "main"), "Hello from the sub-container\n");
});

test("EmptyDir wrapper volumes should not cause race condition when used for configmaps", async (t) => {
  const names = Array.from({ length: 50 }, (_, at) => `race-${at}`);
  const made = (name: string) => ({
    apiVersion: "v1",
    kind: "ConfigMap",
    metadata: { name },
    data: { "data-1": "value-1" },
  });
  await Promise.all(names.map((name) => cluster.create(made(name), t.signal)));
  const volumes = names.map((name) => ({
    name,
    configMap: { name, items: [{ key: "data-1", path: "data-1" }] },
  }));
  const volumeMounts: Container["volumeMounts"] = names.map((name) => ({ name, mountPath: `/etc/${name}` }));
  const containers = [shell("main", "cat /etc/race-*/data-1 | wc -c", { volumeMounts })];
  const pods = Array.from({ length: 5 }, (_, at) => `wrapped-${at}`);
  await Promise.all(
    pods.map((name) => cluster.pod(name, { restartPolicy: "Never", volumes, containers }, t.signal)),
  );
  const ended = await Promise.all(pods.map((name) => cluster.when(name, hasEnded, t.signal)));
  const count = (pod: Pod) => cluster.said(pod.metadata.name ?? "", t.signal);
  assert.deepEqual(
    await Promise.all(ended.map(count)),
    pods.map(() => "350\n"),
  );
});

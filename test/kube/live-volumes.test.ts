import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { Container } from "#api/kube/types/core-pods.ts";
import type { Volume } from "#api/kube/types/core-volumes.ts";
import { configMaps, secrets } from "#client/kube/resources.ts";
import { LiveCluster } from "../support/live-cluster.ts";
import { createCases, hasEnded, type PodCase, shell, testCases } from "../support/pod-cases.ts";

// What conformance asks of volumes that are made of ConfigMaps and Secrets, each test by its name there: real pods of a whole
// cluster, all at once.

let cluster: LiveCluster;

type Kind = "configMap" | "secret";
const encode = (text: string) => Buffer.from(text).toString("base64");

function object(kind: Kind, name: string, values: Readonly<Record<string, string>>, namespace = "default") {
  const metadata = { name, namespace };
  if (kind === "configMap") return { apiVersion: "v1", kind: "ConfigMap", metadata, data: values };
  const data = Object.fromEntries(Object.entries(values).map(([key, value]) => [key, encode(value)]));
  return { apiVersion: "v1", kind: "Secret", metadata, data };
}

/** A volume by itself, or the same as a part of a projected one. */
interface Source {
  readonly kind: Kind;
  readonly isProjected: boolean;
}

interface VolumeOptions {
  readonly name?: string;
  readonly items?: readonly { readonly key: string; readonly path: string; readonly mode?: number }[];
  readonly defaultMode?: number;
  readonly optional?: boolean;
}

function volumeOf({ kind, isProjected }: Source, options: VolumeOptions, volume = "v"): Volume {
  const { name = "values", defaultMode, items, optional } = options;
  const mode = defaultMode !== undefined && { defaultMode };
  const common = { ...(items !== undefined && { items }), ...(optional !== undefined && { optional }) };
  const named = kind === "secret" && !isProjected ? { secretName: name } : { name };
  const source = { ...named, ...common };
  if (isProjected) return { name: volume, projected: { sources: [{ [kind]: source }], ...mode } };
  return { name: volume, [kind]: { ...source, ...mode } };
}

function mounts(...names: readonly string[]): Pick<Container, "volumeMounts"> {
  return { volumeMounts: names.map((name) => ({ name, mountPath: `/${name}` })) };
}

const mapped = [{ key: "data-2", path: "path/to/data-2" }];
const nonRoot = { securityContext: { runAsUser: 1000, runAsNonRoot: true } };
const plain = { script: "stat -L -c %a:%U /v/data-1; cat /v/data-1", says: "644:root\nvalue-1" };
const deep = {
  script: "stat -L -c %a /v/path/to/data-2; cat /v/path/to/data-2; ls /v",
  says: "644\nvalue-2path",
};

function common(prefix: string, source: Source): readonly PodCase[] {
  const { kind } = source;
  const title = (text: string) => `${prefix} should be consumable ${text}`;
  const of = (options: VolumeOptions) => ({ volumes: [volumeOf(source, options)] });
  const many = kind === "secret" ? "a pod" : "the same pod";
  const itemMode = kind === "secret" ? "Item Mode" : "Item mode";
  const container = mounts("v");
  return [
    { name: title("from pods in volume"), ...plain, container, spec: of({}) },
    {
      name: title("from pods in volume with defaultMode set"),
      script: plain.script,
      says: "400:root\nvalue-1",
      container,
      spec: of({ defaultMode: 0o400 }),
    },
    { name: title("from pods in volume with mappings"), ...deep, container, spec: of({ items: mapped }) },
    {
      name: title(`from pods in volume with mappings and ${itemMode} set`),
      script: deep.script,
      says: "400\nvalue-2path",
      container,
      spec: of({ items: mapped.map((item) => ({ ...item, mode: 0o400 })) }),
    },
    {
      name: title(`in multiple volumes in ${many}`),
      script: "cat /v/data-1 /w/data-1",
      says: "value-1value-1",
      container: mounts("v", "w"),
      spec: { volumes: [volumeOf(source, {}), volumeOf(source, {}, "w")] },
    },
  ];
}

/** Files of ConfigMaps are anybody's to read. */
function asNonRoot(prefix: string, source: Source): readonly PodCase[] {
  const title = (text: string) => `${prefix} should be consumable from pods in volume ${text}`;
  const container = { ...mounts("v"), ...nonRoot };
  const spec = (options: VolumeOptions) => ({ volumes: [volumeOf(source, options)] });
  return [
    { name: title("as non-root"), ...plain, container, spec: spec({}) },
    { name: title("with mappings as non-root"), ...deep, container, spec: spec({ items: mapped }) },
  ];
}

function ofGroup(prefix: string, source: Source): PodCase {
  return {
    name: `${prefix} should be consumable from pods in volume as non-root with defaultMode and fsGroup set`,
    script: "stat -L -c %a:%g /v/data-1; id -u; cat /v/data-1",
    says: "440:1001\n1000\nvalue-1",
    container: mounts("v"),
    spec: {
      securityContext: { runAsUser: 1000, fsGroup: 1001 },
      volumes: [volumeOf(source, { defaultMode: 0o440 })],
    },
  };
}

const sources = {
  ConfigMap: { kind: "configMap", isProjected: false },
  "Projected configMap": { kind: "configMap", isProjected: true },
  Secrets: { kind: "secret", isProjected: false },
  "Projected secret": { kind: "secret", isProjected: true },
} as const satisfies Readonly<Record<string, Source>>;

const cases: readonly PodCase[] = [
  ...Object.entries(sources).flatMap(([prefix, source]) => common(prefix, source)),
  ...asNonRoot("ConfigMap", sources.ConfigMap),
  ...asNonRoot("Projected configMap", sources["Projected configMap"]),
  ofGroup("Secrets", sources.Secrets),
  ofGroup("Projected secret", sources["Projected secret"]),
  {
    name: "ConfigMap binary data should be reflected in volume",
    script: "cat /v/data-1; hexdump -e '7/1 \"%02x\"' /v/dump.bin",
    says: "value-1decafebad0feff",
    container: mounts("v"),
    spec: { volumes: [volumeOf(sources.ConfigMap, { name: "binary" })] },
  },
  {
    name: "Secrets should be able to mount in a volume regardless of a different secret existing with same name in different namespace",
    ...plain,
    container: mounts("v"),
    spec: { volumes: [volumeOf(sources.Secrets, { name: "twice" })] },
  },
  {
    name: "Projected combined should project all components that make up the projection API",
    script: "cat /v/podname /v/secret-data /v/configmap-data; ls /v",
    says: /^all-in-onevalue-1value-1configmap-data\npodname\nsecret-data\n$/,
    container: mounts("v"),
    metadata: { labels: { called: "all-in-one" } },
    spec: {
      volumes: [
        {
          name: "v",
          projected: {
            sources: [
              {
                downwardAPI: {
                  items: [{ path: "podname", fieldRef: { fieldPath: "metadata.labels['called']" } }],
                },
              },
              { secret: { name: "values", items: [{ key: "data-1", path: "secret-data" }] } },
              { configMap: { name: "values", items: [{ key: "data-1", path: "configmap-data" }] } },
            ],
          },
        },
      ],
    },
  },
];

before(async () => {
  cluster = await LiveCluster.start();
  const signal = AbortSignal.timeout(20_000);
  await cluster.namespace("other", signal);
  const values = { "data-1": "value-1", "data-2": "value-2", "data-3": "value-3" };
  const binary = { "dump.bin": Buffer.from("decafebad0feff", "hex").toString("base64") };
  const objects = [
    object("configMap", "values", values),
    object("secret", "values", values),
    object("secret", "twice", values),
    object("secret", "twice", { "data-1": "of another" }, "other"),
    { ...object("configMap", "binary", values), binaryData: binary },
    ...Object.keys(sources).flatMap((prefix) => updated(prefix)),
  ];
  await Promise.all(objects.map((each) => cluster.create(each, signal)));
  await createCases(cluster, "case", cases, signal);
});
after(() => cluster[Symbol.asyncDispose]());

testCases(() => cluster, "case", cases);

/** What is there before it changes. */
function updated(prefix: string) {
  const { kind, isProjected } = sources[prefix as keyof typeof sources];
  const name = nameOf(isProjected);
  return [
    object(kind, `${name}-del`, { "data-1": "value-1" }),
    object(kind, `${name}-upd`, { "data-1": "old" }),
  ];
}
const nameOf = (isProjected: boolean) => (isProjected ? "projected" : "own");

for (const [prefix, source] of Object.entries(sources))
  test(`${prefix} optional updates should be reflected in volume`, async (t) => {
    const { kind, isProjected } = source;
    const name = nameOf(isProjected);
    const pod = `optional-${kind.toLowerCase()}-${name}`;
    const changes = ["del", "upd", "new"];
    const volumes = changes.map((each) =>
      volumeOf(source, { name: `${name}-${each}`, optional: true }, each),
    );
    const untilChanged =
      'until [ ! -e /del/data-1 ] && [ "$(cat /upd/data-1)" = new ] && [ "$(cat /new/data-1 2>/dev/null)" = made ]; do usleep 20000; done';
    const script = `cat /del/data-1 /upd/data-1; echo; ls /new; ${untilChanged}; ls /del; echo done`;
    const containers = [shell("main", script, mounts(...changes))];
    await cluster.pod(pod, { restartPolicy: "Never", volumes, containers }, t.signal);
    await cluster.heard(pod, /old/, t.signal);
    const client = cluster.kube.of<{ apiVersion: string; kind: string; metadata: object }>(
      kind === "secret" ? secrets : configMaps,
    );
    const ref = (of: string) => ({ namespace: "default", name: `${name}-${of}` });
    const changed = { data: object(kind, "", { "data-1": "new" }).data };
    await client.delete(ref("del"), {}, t.signal);
    await client.patch(ref("upd"), changed, { type: "merge" }, t.signal);
    await cluster.create(object(kind, `${name}-new`, { "data-1": "made" }), t.signal);
    await cluster.when(pod, hasEnded, t.signal);
    assert.equal(await cluster.said(pod, t.signal), "value-1old\ndone\n");
  });

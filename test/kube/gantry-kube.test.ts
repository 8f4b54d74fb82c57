import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { Said } from "../support/cluster.ts";
import { MachineUnderTest } from "../support/machine.ts";

// `gantry up`, and gantry's verbs of kubectl's beside the real kubectl on the same cluster: same words, same output.

let machine: MachineUnderTest;
before(async () => {
  machine = await MachineUnderTest.start();
});
after(async () => {
  await machine[Symbol.asyncDispose]();
});

const image = "test:1";
const serve = "echo hello; mkdir /www && hostname >/www/index.html && exec httpd -f -p 80 -h /www";

interface Shape {
  readonly replicas?: number;
  readonly strategy?: object;
  readonly labels?: Readonly<Record<string, string>>;
  readonly containers?: readonly object[];
  readonly volumes?: readonly object[];
}

const web = {
  name: "web",
  image,
  command: ["sh", "-c", serve],
  ports: [{ containerPort: 80, name: "http" }],
};

function deployment({
  replicas = 2,
  strategy,
  labels = {},
  containers = [web],
  volumes,
}: Shape = {}): string {
  const own = { app: "web", ...labels };
  return JSON.stringify({
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: { name: "web", labels: own },
    spec: {
      replicas,
      ...(strategy !== undefined && { strategy }),
      selector: { matchLabels: { app: "web" } },
      template: {
        metadata: { labels: { app: "web" } },
        spec: { terminationGracePeriodSeconds: 1, containers, ...(volumes !== undefined && { volumes }) },
      },
    },
  });
}

const service = JSON.stringify({
  apiVersion: "v1",
  kind: "Service",
  metadata: { name: "web" },
  spec: { selector: { app: "web" }, ports: [{ port: 8080, targetPort: "http", name: "a" }] },
});

const custom = JSON.stringify({
  apiVersion: "apiextensions.k8s.io/v1",
  kind: "CustomResourceDefinition",
  metadata: { name: "things.example.com" },
  spec: {
    group: "example.com",
    scope: "Namespaced",
    names: { plural: "things", singular: "thing", kind: "Thing", shortNames: ["th"] },
    versions: [
      {
        name: "v1",
        served: true,
        storage: true,
        schema: { openAPIV3Schema: { type: "object", "x-kubernetes-preserve-unknown-fields": true } },
      },
    ],
  },
});

/** Without when and how long ago things were, and the program's name. */
function plain(text: string): string {
  return text
    .replaceAll(/\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d [+-]\d{4}/g, "DATE")
    .replaceAll(/\b(\d+d)?(\d+h)?(\d+m)?\d+s\b/g, "AGE")
    .replaceAll(/gantry kube|gantry|kubectl(-1\.35)?/g, "PROGRAM")
    .replaceAll(/ {2,}/g, "  ");
}

async function same(...lines: readonly string[]): Promise<void> {
  for (const line of lines) {
    const words = line.split(" ").map((word) => word.replaceAll("\u00a0", " "));
    const [theirs, ours] = await Promise.all([machine.kubectl(...words), machine.gantry("kube", ...words)]);
    const told = ({ code, out, err }: Said) => ({ code, out: plain(out), err: plain(err) });
    assert.deepEqual(told(ours), told(theirs), line);
  }
}

async function gantry(line: string, input = ""): Promise<string> {
  const { code, out, err } = await machine.feed(input, ...line.split(" "));
  assert.equal(code, 0, `gantry ${line}: ${err}${out}`);
  return out;
}

test("gantry up: the engine first, then the cluster; a second time starts nothing", async () => {
  const { code, out, err } = machine.said;
  assert.equal(code, 0, err);
  assert.match(out, /^engine up on .*\ncluster up; use: export KUBECONFIG=\S+ \(.*\)\n$/);
  assert.match(
    await gantry("up --no-link"),
    /^engine is already up on .*\ncluster is already up; use: .*\n$/,
  );
  const status = JSON.parse(await gantry("status --json")) as { readonly cluster: Record<string, unknown> };
  assert.equal(status.cluster["server"], "https://127.0.0.1:6443");
  assert.match(await gantry("status"), /^cluster +v1\.\d+\.\d+\S* on https:\/\/127\.0\.0\.1:6443, running/m);
});

test("apply, rollout status: manifests are made, and told of as kubectl does", async () => {
  const manifests = `${deployment()}\n---\n# a comment\n---\n${service}\n`;
  assert.equal(await gantry("apply -f -", manifests), "deployment.apps/web created\nservice/web created\n");
  assert.match(await gantry("rollout status deploy/web --timeout=60s"), /"web" successfully rolled out\n$/);
  const again = await machine.kubectlFeed(manifests, "apply", "-f", "-");
  assert.equal(again.out, "deployment.apps/web unchanged\nservice/web unchanged\n", again.err);
  const settled = await gantry("status");
  assert.match(settled, /^nodes +1 ready, 1 in all$/m);
  assert.match(settled, /^pods +2 running, 2 in all$/m);
});

test("get: tables, lists and objects in every format are kubectl's", async () => {
  await same(
    "get all",
    "get pods -A -o wide",
    "get po,svc,deploy --show-labels",
    "get pods -L app -L pod-template-hash --no-headers",
    "get deploy web -o yaml",
    "get deploy/web svc/web -o json",
    "get ns default -o yaml --show-managed-fields",
    "get deploy,svc -l app=web -o name",
    "get pods --field-selector status.phase=Pending",
    "get svc -A --sort-by .spec.clusterIP",
    'get pods -o jsonpath={range\u00a0.items[*]}{.metadata.name}{"\\t"}{.status.phase}{"\\n"}{end}',
    'get pods -o jsonpath={.items[?(@.status.phase=="Running")].spec.containers[*].image}',
    "get pods -o custom-columns=NAME:.metadata.name,IMAGE:.spec.containers[*].image,NONE:.spec.nope",
    "get deploy web --subresource status -o yaml",
    "get deploy web --subresource scale",
    "get --raw /version",
    "api-resources -o wide",
  );
});

test("get: what is not there, and what makes no sense, is told in kubectl's words", async () => {
  await same(
    "get pod nope nope2",
    "get pod nope --ignore-not-found",
    "get nope",
    "get deployments.v2.apps",
    "get pod/x y",
    "get pod x -l a=b",
    "get pods x -A",
    "get pods -n nope",
    "get -f /nope.yaml",
  );
});

test("get --watch: goes on with what changes", async () => {
  await using watched = machine.follow("get", "configmaps", "-w", "--output-watch-events");
  assert.match(
    await watched.until(/kube-root-ca.crt .*\n/),
    /^EVENT +NAME +DATA +AGE\nADDED +kube-root-ca\.crt +1 +\d+s\n$/,
  );
  await machine.kubectl("create", "configmap", "seen", "--from-literal=a=b");
  await machine.kubectl("delete", "configmap", "seen");
  assert.match(await watched.until(/DELETED.*\n/), /\nADDED +seen +1 +\d+s\nDELETED +seen +1 +\d+s\n$/);
});

test("describe: workloads, pods, nodes and what belongs to them", async () => {
  await same(
    "describe pods -l app=web",
    "describe deploy/web",
    "describe rs",
    "describe svc web",
    "describe node",
    "describe ns default",
    "describe cm kube-root-ca.crt",
    "describe sa default",
    "describe sc",
    "describe po,svc",
    "describe pod web",
    "describe pod nope",
    "describe pv",
    "describe leases -n kube-system",
  );
});

test("apply: three ways, on either side, with kubectl taking turns", async () => {
  const sidecar = { name: "side", image, command: ["sleep", "1000"], env: [{ name: "A", value: "b" }] };
  const changed = deployment({
    labels: { more: "x" },
    strategy: { type: "Recreate" },
    containers: [sidecar, { ...web, volumeMounts: [{ name: "v", mountPath: "/v" }] }],
    volumes: [{ name: "v", emptyDir: {} }],
  });
  const other = changed.replace('"A","value":"b"', '"B","value":"c"').replace('"more":"x"', '"less":"y"');
  const steps: readonly (readonly [input: string, words: string])[] = [
    [deployment({ replicas: 0 }), ""],
    [deployment({ replicas: 0 }), ""],
    [changed, ""],
    [other, "--dry-run=server"],
    [other, ""],
    [deployment({ replicas: 0 }), ""],
    [changed, "--server-side"],
    [changed, "--server-side --force-conflicts"],
    [other, "--server-side"],
    [deployment({ replicas: 0 }), ""],
    [deployment({ replicas: 0 }).replace('"replicas":0', '"replicas":0,"replicsa":0'), ""],
    [deployment().replace("apps/v1", "nope/v1"), ""],
    [deployment().replace('"app":"web"', '"app":true'), ""],
    [custom, ""],
    [
      JSON.stringify({
        apiVersion: "example.com/v1",
        kind: "Thing",
        metadata: { name: "t" },
        a: { b: [1], c: null },
      }),
      "",
    ],
    [
      JSON.stringify({ apiVersion: "example.com/v1", kind: "Thing", metadata: { name: "t" }, a: { b: [2] } }),
      "",
    ],
    [
      JSON.stringify({ apiVersion: "example.com/v1", kind: "Thing", metadata: { name: "t" }, a: { b: [2] } }),
      "",
    ],
    [deployment(), "-l app=none"],
  ];
  const [theirs, ours] = await Promise.all(
    (["theirs", "ours"] as const).map(async (namespace) => {
      await machine.kubectl("create", "namespace", namespace);
      const told: string[] = [];
      for (const [at, [input, more]] of steps.entries()) {
        if (input === custom && namespace === "ours") await until("things.example.com");
        const words = ["apply", "-n", namespace, "-f", "-", ...more.split(" ").filter((word) => word !== "")];
        const isOurs = namespace === "ours";
        const { code, out, err } = isOurs
          ? await machine.feed(input, ...words)
          : await machine.kubectlFeed(input, ...words);
        const said = input === custom ? "" : out + err;
        told.push(
          `${at}: ${code} ${plain(said).replaceAll(namespace, "NAMESPACE")}${await specOf(namespace)}`,
        );
      }
      return told;
    }),
  );
  assert.deepEqual(ours, theirs);
});

async function until(definition: string): Promise<void> {
  await machine.kubectl("wait", "--for=create", `crd/${definition}`, "--timeout=30s");
  await machine.kubectl("wait", "--for=condition=Established", `crd/${definition}`, "--timeout=30s");
}

/** What was asked for, what was remembered of it, and who manages it. */
async function specOf(namespace: string): Promise<string> {
  const { out } = await machine.kubectl(
    "get",
    "deploy",
    "-n",
    namespace,
    "-o",
    "json",
    "--show-managed-fields",
  );
  const { items } = JSON.parse(out) as { readonly items: readonly Record<string, never>[] };
  return items
    .map(({ metadata, spec }: { metadata?: Record<string, unknown>; spec?: unknown }) => {
      const annotations = {
        ...(metadata?.["annotations"] as object),
        "deployment.kubernetes.io/revision": "",
      };
      const managers = ((metadata?.["managedFields"] ?? []) as { manager: string; operation: string }[])
        .map(({ manager, operation }) => `${manager} ${operation}`)
        .filter((text) => !text.startsWith("kube-controller-manager"))
        .sort();
      return JSON.stringify([annotations, metadata?.["labels"], managers, spec]).replaceAll(
        namespace,
        "NAMESPACE",
      );
    })
    .join("\n");
}

test("logs, exec: of pods by all their names, with both streams and the command's own exit code", async () => {
  const [name = ""] = (await gantry("get pods -l app=web -o name")).split("\n");
  await same(
    `logs ${name}`,
    "logs deploy/web --tail=1",
    `logs ${name} --prefix --all-containers`,
    "logs svc/web --since=1h --limit-bytes=3",
    "logs nope",
    "logs deploy/nope",
    "logs svc/kubernetes",
    `exec ${name} -- sh -c echo\u00a0out;echo\u00a0err\u00a0>&2;exit\u00a03`,
    `exec ${name} -- nope`,
    "exec nope -- true",
    `exec ${name}`,
    "exec deploy/web -c web -- hostname",
  );
  assert.equal(await gantry(`exec ${name} -- echo hi`), "hi\n"); // docker's verb, of a pod
  assert.match(
    await gantry("logs -f --tail 1 svc/web --pod-running-timeout 1s --max-log-requests 1 -p=false -f=false"),
    /hello/,
  );
  const bytes = "0123456789".repeat(100_000);
  assert.equal(await gantry(`kube exec -i ${name} -- cat`, bytes), bytes);
});

test("port-forward: a service's port, until it is stopped", async () => {
  await using forwarded = machine.follow("port-forward", "svc/web", ":8080");
  const port = /^Forwarding from 127\.0\.0\.1:(\d+) -> 80\n/.exec(await forwarded.until(/\[::1\].*\n/))?.[1];
  const answers = await Promise.all([1, 2, 3].map(() => fetch(`http://127.0.0.1:${port}/`)));
  for (const answer of answers) assert.match(await answer.text(), /^web-/);
  assert.equal(await forwarded.stop(), 130);
  await same("port-forward svc/web 99", "port-forward nope 80", "port-forward svc/web x");
});

test("rollout: restarted, undone, paused, and its history told", async () => {
  await gantry("rollout restart deploy/web");
  await gantry("rollout status deploy/web --timeout=60s");
  await same(
    "rollout history deploy/web",
    "rollout history deploy/web --revision=2",
    "rollout history deploy/web --revision=99",
    "rollout history deploy/web --revision=2 -o name",
    "rollout history svc/web",
    "rollout status deploy/web",
    "rollout status svc/web",
    "rollout restart svc/web",
    "rollout resume deploy/web",
    "rollout restart deploy -l app=none",
    "rollout status",
  );
  assert.equal(await gantry("rollout undo deploy/web"), "deployment.apps/web rolled back\n");
  assert.equal(await gantry("rollout pause deploy/web"), "deployment.apps/web paused\n");
  await same("rollout pause deploy/web", "rollout restart deploy/web", "rollout undo deploy/nope");
  assert.equal(await gantry("rollout resume deploy/web"), "deployment.apps/web resumed\n");
  await gantry("rollout status deploy/web --timeout=60s");
});

test("scale, delete: preconditions, dry runs, and waiting until it is gone", async () => {
  await same(
    "scale deploy/web",
    "scale --replicas=3 --current-replicas=7 deploy/web",
    "scale --replicas=3 cm/kube-root-ca.crt",
    "scale --replicas=3 deploy/web --dry-run=server",
    "scale --replicas=3 deploy/nope",
    "delete pods --all --dry-run=client",
    "delete deploy/web --dry-run=server -o name",
    "delete pod nope",
    "delete pod nope --ignore-not-found",
    "delete pod -l app=none",
    "delete pod",
    "delete pods --all -l a=b",
  );
  assert.equal(await gantry("scale --replicas=1 deploy/web --timeout=0s"), "deployment.apps/web scaled\n");
  const [name = ""] = (await gantry("get pods -l app=web -o name")).split("\n");
  const short = name.replace("pod/", "");
  assert.equal(await gantry(`delete ${name} --now`), `pod "${short}" deleted from default namespace\n`);
  assert.equal((await machine.kubectl("get", name)).code, 1);
});

test("gantry down: everything ends, and nothing is left of pods, services and the node", async () => {
  const { code, out, err } = await machine.gantry("down");
  assert.equal(code, 0, err);
  assert.match(out, /^cluster stopped\n\d+ pods? stopped\nengine stopped\n$/);
  assert.equal(machine.sh("ip -o link | grep -vc ' lo:' || true"), "0");
  assert.equal(machine.sh("nft list ruleset"), "");
  assert.equal(machine.sh(`grep -c ${machine.root} /proc/self/mountinfo || true`), "0");
  assert.equal(machine.sh(`pgrep -fc ${machine.root} || true`), "1"); // who asks
  assert.match(await gantry("status --json").catch(() => "down"), /down/);
});

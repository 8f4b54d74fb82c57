import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { ClusterUnderTest } from "../support/cluster.ts";
import { type Loose, Rest } from "../support/rest.ts";
import { finished, running, setStatus, SimulatedNodes } from "../support/simulated-node.ts";

// What conformance asks of the controllers of workloads, in its steps, before nodes without containers.

const merge = { type: "application/merge-patch+json" };
const space = "/api/v1/namespaces/default";
const apps = "/apis/apps/v1/namespaces/default";
const batch = "/apis/batch/v1/namespaces/default";

let cluster: ClusterUnderTest;
let rest: Rest;
let nodes: SimulatedNodes;

const indexOf = ({ metadata }: Loose) =>
  Number(metadata.annotations?.["batch.kubernetes.io/job-completion-index"]);
let disrupted = 0;

/** What a pod does is the value of its label `does`. */
const behaviours: Record<string, (pod: Loose) => Loose | undefined> = {
  succeed: (pod) => finished(pod, 0),
  fail: (pod) => finished(pod, 1),
  "fail-odd": (pod) => finished(pod, indexOf(pod) % 2),
  "fail-0": (pod) => finished(pod, indexOf(pod) === 0 ? 42 : 0),
  "only-0": (pod) => (indexOf(pod) === 0 ? finished(pod, 0) : running(pod)),
  "be-disrupted": (pod) =>
    disrupted++ > 0
      ? finished(pod, 0)
      : finished(pod, 1, { conditions: [{ type: "DisruptionTarget", status: "True", reason: "Evicted" }] }),
  "be-unready": (pod) => running(pod, false),
};

before(async () => {
  cluster = await ClusterUnderTest.start();
  rest = new Rest(cluster.transport);
  nodes = await SimulatedNodes.open(rest, ["n1", "n2"], (pod) => {
    const [{ image = "" } = {}] = pod["spec"].containers as Loose[];
    // As when there is no such image: the pod waits for it for ever.
    if (image.includes("missing")) return undefined;
    return (behaviours[pod["metadata"].labels?.["does"]] ?? running)(pod);
  });
  // Its second pod waits for ten seconds: the last test looks at it.
  const rules = [{ action: "Ignore", onPodConditions: [{ type: "DisruptionTarget", status: "True" }] }];
  await startJob("ignored", "be-disrupted", { backoffLimit: 0, podFailurePolicy: { rules } });
});
after(async () => {
  await nodes?.[Symbol.asyncDispose]();
  await cluster?.[Symbol.asyncDispose]();
});

async function create(
  path: string,
  kind: string,
  name: string,
  spec: Loose,
  more: Loose = {},
): Promise<Loose> {
  const apiVersion = path.split("/").slice(2, 4).join("/").replace("v1/namespaces", "v1");
  return await rest.ok("POST", path, { apiVersion, kind, metadata: { name, ...more }, spec });
}

function template(app: string, does?: string, more: Loose = {}): Loose {
  const labels = { app, ...(does !== undefined && { does }) };
  return { metadata: { labels }, spec: { containers: [{ name: "c", image: "one" }], ...more } };
}

const podsOf = (app: string) => `${space}/pods?labelSelector=app%3D${app}`;
const namesOf = ({ items }: Loose): string[] => items.map(({ metadata }: Loose) => metadata.name).sort();
const uidsOf = ({ items }: Loose): string[] => items.map(({ metadata }: Loose) => metadata.uid).sort();
const isReady = ({ status }: Loose) =>
  status?.conditions?.some(({ type, status: is }: Loose) => type === "Ready" && is === "True") === true;
const image = (name: string) => ({
  spec: { template: { spec: { containers: [{ name: "c", image: name }] } } },
});
const strategic = { type: "application/strategic-merge-patch+json" };
const conditionOf = ({ status }: Loose, wanted: string): Loose | undefined =>
  status?.conditions?.find(({ type, status: is }: Loose) => type === wanted && is === "True");

async function startJob(name: string, does: string, spec: Loose): Promise<void> {
  const body = { ...spec, template: template(name, does, { restartPolicy: "Never" }) };
  await create(`${batch}/jobs`, "Job", name, body);
}

async function ended(name: string, wanted = "Complete"): Promise<Loose> {
  const other = wanted === "Complete" ? "Failed" : "Complete";
  return await rest.until(`${batch}/jobs/${name}`, (job) => {
    assert.equal(conditionOf(job, other), undefined, JSON.stringify(job["status"]));
    return conditionOf(job, wanted) !== undefined;
  });
}

async function runJob(name: string, does: string, spec: Loose, wanted?: string): Promise<Loose> {
  await startJob(name, does, spec);
  return await ended(name, wanted);
}

const indexed = { completionMode: "Indexed" };

test("Job: indexes fail by themselves, up to how many may, and those of a rule at once", async () => {
  const spec = { ...indexed, completions: 4, parallelism: 2, backoffLimitPerIndex: 0 };
  const odd = await runJob("odd", "fail-odd", spec, "Failed");
  assert.equal(conditionOf(odd, "Failed")?.["reason"], "FailedIndexes");
  assert.equal(conditionOf(odd, "FailureTarget")?.["reason"], "FailedIndexes");
  assert.deepEqual([odd["status"].failedIndexes, odd["status"].completedIndexes], ["1,3", "0,2"]);
  assert.deepEqual([odd["status"].failed, odd["status"].succeeded], [2, 2]);
  const most = await runJob("most", "fail", { ...spec, parallelism: 1, maxFailedIndexes: 0 }, "Failed");
  assert.equal(conditionOf(most, "Failed")?.["reason"], "MaxFailedIndexesExceeded");
  assert.equal(most["status"].failedIndexes, "0");
  const rules = [{ action: "FailIndex", onExitCodes: { operator: "In", values: [42] } }];
  const rule = { ...spec, completions: 2, backoffLimitPerIndex: 5, podFailurePolicy: { rules } };
  const ruled = await runJob("ruled", "fail-0", rule, "Failed");
  assert.deepEqual(
    [ruled["status"].failedIndexes, ruled["status"].completedIndexes, ruled["status"].failed],
    ["0", "1", 1],
  );
});

test("Job: a policy of success ends it, whatever still runs", async () => {
  const spec = { ...indexed, completions: 3, parallelism: 3 };
  const withRule = (rule: Loose) => ({ ...spec, successPolicy: { rules: [rule] } });
  const all = await runJob("all", "succeed", withRule({ succeededIndexes: "0-2" }));
  assert.equal(conditionOf(all, "SuccessCriteriaMet")?.["reason"], "SuccessPolicy");
  assert.equal(conditionOf(all, "Complete")?.["reason"], "SuccessPolicy");
  for (const [name, rule] of [
    ["counted", { succeededCount: 1 }],
    ["named", { succeededIndexes: "0" }],
  ] as const) {
    const job = await runJob(name, "only-0", withRule(rule));
    assert.equal(conditionOf(job, "Complete")?.["reason"], "SuccessPolicy");
    assert.deepEqual([job["status"].completedIndexes, job["status"].succeeded], ["0", 1]);
    await rest.until(podsOf(name), ({ items }) => items.length === 1 && indexOf(items[0]) === 0);
  }
});

test("Job: restarts are the node's, and all goes with its job", async () => {
  const local = { ...template("local", "succeed", { restartPolicy: "OnFailure" }) };
  await create(`${batch}/jobs`, "Job", "local", { completions: 4, parallelism: 2, template: local });
  const done = await rest.until(`${batch}/jobs/local`, (job) => conditionOf(job, "Complete") !== undefined);
  assert.equal(done["status"].succeeded, 4);
  await rest.ok("DELETE", `${batch}/jobs/local`, { propagationPolicy: "Background" });
  await rest.until(podsOf("local"), ({ items }) => items.length === 0);
  assert.equal((await rest.send("GET", `${batch}/jobs/local`)).status, 404);
});

test("Job: it takes back its pods, and lets go of those whose labels are others", async () => {
  const spec = {
    parallelism: 2,
    completions: 4,
    template: template("family", "run", { restartPolicy: "Never" }),
  };
  const { metadata } = await create(`${batch}/jobs`, "Job", "family", spec);
  const { items } = await rest.until(podsOf("family"), (all) => all["items"].length === 2);
  const [orphan, stranger] = (items as Loose[]).map((pod) => `${space}/pods/${pod["metadata"].name}`);
  await rest.ok("PATCH", orphan ?? "", { metadata: { ownerReferences: null } }, merge);
  const adopted = await rest.until(orphan ?? "", (pod) => pod["metadata"].ownerReferences !== undefined);
  const [owner] = adopted["metadata"].ownerReferences;
  assert.deepEqual([owner.uid, owner.controller], [metadata.uid, true]);
  const labels = Object.fromEntries(
    Object.keys(adopted["metadata"].labels).map((name) => [name, null] as const),
  );
  await rest.ok("PATCH", stranger ?? "", { metadata: { labels } }, merge);
  await rest.until(stranger ?? "", (pod) => pod["metadata"].ownerReferences === undefined);
  await rest.until(podsOf("family"), (all) => all["items"].length === 2);
});

test("CronJob: suspended, replacing and concurrent ones do what they are to at the minute", async () => {
  const ago = new Date(Date.now() - 90_000).toISOString().replace(/\.\d+/, "");
  const jobTemplate = { spec: { template: template("cron", "run", { restartPolicy: "OnFailure" }) } };
  const cron = async (name: string, more: Loose): Promise<Loose> => {
    const spec = { schedule: "* * * * *", jobTemplate, ...more };
    const made = await create(`${batch}/cronjobs`, "CronJob", name, spec);
    const owner = {
      apiVersion: "batch/v1",
      kind: "CronJob",
      name,
      uid: made["metadata"].uid,
      controller: true,
    };
    const old = await create(`${batch}/jobs`, "Job", `${name}-old`, jobTemplate.spec, {
      ownerReferences: [owner],
    });
    const { uid, resourceVersion } = old["metadata"];
    const active = [
      {
        apiVersion: "batch/v1",
        kind: "Job",
        namespace: "default",
        name: `${name}-old`,
        uid,
        resourceVersion,
      },
    ];
    await setStatus(rest, `${batch}/cronjobs/${name}`, { lastScheduleTime: ago, active });
    return made;
  };
  const own = (name: string) => (all: Loose) =>
    namesOf(all).filter((one) => one.startsWith(`${name}-`) && one !== `${name}-old`);
  await cron("still", { suspend: true });
  await cron("many", { concurrencyPolicy: "Allow" });
  await cron("instead", { concurrencyPolicy: "Replace" });
  const jobs = await rest.until(
    `${batch}/jobs`,
    (all) =>
      own("many")(all).length > 0 && own("instead")(all).length > 0 && !namesOf(all).includes("instead-old"),
  );
  assert.ok(namesOf(jobs).includes("many-old"));
  assert.deepEqual(own("still")(jobs), []);
  await rest.until(`${batch}/cronjobs/many`, ({ status }) => status.active?.length >= 2);
  for (const name of ["still", "many", "instead"]) await rest.ok("DELETE", `${batch}/cronjobs/${name}`);
});

test("DaemonSet: a pod that failed is made anew; a way back restarts nothing that runs", async () => {
  const selector = { matchLabels: { app: "daemon" } };
  await create(`${apps}/daemonsets`, "DaemonSet", "daemon", { selector, template: template("daemon") });
  const all = await rest.until(podsOf("daemon"), ({ items }) => items.length === 2 && items.every(isReady));
  const [first] = all["items"] as Loose[];
  await setStatus(rest, `${space}/pods/${first?.["metadata"].name}`, { phase: "Failed" });
  const again = await rest.until(
    podsOf("daemon"),
    (found) =>
      found["items"].length === 2 &&
      found["items"].every(isReady) &&
      !uidsOf(found).includes(first?.["metadata"].uid),
  );
  await rest.ok("PATCH", `${apps}/daemonsets/daemon`, image("missing"), strategic);
  const half = await rest.until(podsOf("daemon"), ({ items }) =>
    items.some(
      ({ spec, metadata }: Loose) => spec.containers[0].image === "missing" && !metadata.deletionTimestamp,
    ),
  );
  const kept = uidsOf(half).filter((uid) => uidsOf(again).includes(uid));
  assert.equal(kept.length, 1);
  await rest.ok("PATCH", `${apps}/daemonsets/daemon`, image("one"), strategic);
  const back = await rest.until(podsOf("daemon"), ({ items }) => items.length === 2 && items.every(isReady));
  assert.ok(uidsOf(back).includes(kept[0] ?? ""));
  await rest.ok("DELETE", `${apps}/daemonsets/daemon`);
});

const setsOf = async (app: string): Promise<Record<string, number>> => {
  const { items } = await rest.ok("GET", `${apps}/replicasets?labelSelector=app%3D${app}`);
  return Object.fromEntries(
    items.map(({ spec }: Loose) => [spec.template.spec.containers[0].image, spec.replicas] as const),
  );
};

function deployment(app: string, replicas: number, rollingUpdate: Loose = {}): Loose {
  const strategy = { type: "RollingUpdate", rollingUpdate };
  return { replicas, selector: { matchLabels: { app } }, strategy, template: template(app) };
}

test("Deployment: one that is scaled in the middle of a roll-out is scaled in proportion", async () => {
  const path = `${apps}/deployments/wide`;
  const spec = deployment("wide", 10, { maxSurge: 3, maxUnavailable: 2 });
  await create(`${apps}/deployments`, "Deployment", "wide", spec);
  await rest.until(path, ({ status }) => status.availableReplicas === 10);
  await rest.ok("PATCH", path, image("missing"), strategic);
  await rest.until(path, ({ status }) => status.updatedReplicas === 5 && status.replicas === 13);
  assert.deepEqual(await setsOf("wide"), { one: 8, missing: 5 });
  await rest.ok("PATCH", path, { spec: { replicas: 30 } }, merge);
  await rest.until(path, ({ status }) => status.replicas === 33 && status.updatedReplicas === 13);
  assert.deepEqual(await setsOf("wide"), { one: 20, missing: 13 });
  await rest.ok("DELETE", path);
});

test("Deployment: a template that is replaced before it is out is given up for the next one", async () => {
  const path = `${apps}/deployments/over`;
  const selector = { matchLabels: { app: "over" } };
  const before = { replicas: 1, selector, template: template("over") };
  await create(`${apps}/replicasets`, "ReplicaSet", "before", before, { labels: selector.matchLabels });
  await rest.until(`${apps}/replicasets/before`, ({ status }) => status.readyReplicas === 1);
  const spec = { ...deployment("over", 1, { maxSurge: 1, maxUnavailable: 0 }), minReadySeconds: 1 };
  const broken = { ...template("over"), spec: { containers: [{ name: "c", image: "missing" }] } };
  await create(`${apps}/deployments`, "Deployment", "over", { ...spec, template: broken });
  await rest.until(path, ({ status }) => status.updatedReplicas === 1);
  const { metadata } = await rest.ok("GET", `${apps}/replicasets/before`);
  assert.equal(metadata.ownerReferences[0].name, "over");
  await rest.ok("PATCH", path, image("two"), strategic);
  await rest.until(
    path,
    ({ status }) => status.updatedReplicas === 1 && status.availableReplicas === 1 && status.replicas === 1,
  );
  assert.deepEqual(await setsOf("over"), { one: 0, missing: 0, two: 1 });
  await rest.ok("DELETE", path);
});

test("Deployment: from its creation over patches of all of its parts to the end of its collection", async () => {
  const path = `${apps}/deployments/life`;
  const made = await create(`${apps}/deployments`, "Deployment", "life", deployment("life", 1), {
    labels: { kept: "yes" },
  });
  assert.equal(made["status"].replicas, undefined);
  await rest.until(path, ({ status }) => status.readyReplicas === 1);
  const change = { metadata: { labels: { life: "patched" } }, spec: { replicas: 2, ...image("two").spec } };
  await rest.ok("PATCH", path, change, strategic);
  await rest.until(
    path,
    ({ status, metadata }) => status.readyReplicas === 2 && status.observedGeneration === metadata.generation,
  );
  const { items } = await rest.ok("GET", "/apis/apps/v1/deployments?labelSelector=life%3Dpatched");
  assert.equal(items.length, 1);
  const conditions = [{ type: "StatusUpdate", status: "True", reason: "E2E" }];
  await rest.ok("PATCH", `${path}/status`, { status: { conditions } }, strategic);
  const { status, metadata } = await rest.ok("GET", `${path}/status`);
  assert.ok(status.conditions.some(({ type }: Loose) => type === "StatusUpdate"));
  assert.equal(metadata.labels.kept, "yes");
  const whole = await rest.ok("GET", path);
  delete whole["metadata"].resourceVersion;
  whole["spec"].replicas = 3;
  await rest.ok("PUT", path, whole);
  await rest.until(path, (found) => found["status"].readyReplicas === 3);
  await rest.ok("DELETE", `${apps}/deployments?labelSelector=life%3Dpatched`);
  await rest.until(`${apps}/deployments?labelSelector=life%3Dpatched`, (all) => all["items"].length === 0);
  await rest.until(podsOf("life"), (all) => all["items"].length === 0);
});

test("DisruptionController: a budget says what may go, as pods come", async () => {
  const policy = "/apis/policy/v1/namespaces/default/poddisruptionbudgets";
  const selector = { matchLabels: { app: "guarded" } };
  await create(policy, "PodDisruptionBudget", "budget", { minAvailable: 1, selector });
  await rest.until(`${policy}/budget`, ({ status }) => status.observedGeneration === 1);
  await create(`${apps}/replicasets`, "ReplicaSet", "guarded", {
    replicas: 3,
    selector,
    template: template("guarded"),
  });
  const { status } = await rest.until(`${policy}/budget`, (found) => found["status"].currentHealthy === 3);
  assert.deepEqual([status.disruptionsAllowed, status.expectedPods, status.desiredHealthy], [2, 3, 1]);
});

function statefulSet(app: string, more: Loose = {}): Loose {
  return {
    serviceName: app,
    replicas: 3,
    selector: { matchLabels: { app } },
    template: template(app),
    ...more,
  };
}

async function scale(name: string, replicas: number): Promise<void> {
  await rest.ok("PATCH", `${apps}/statefulsets/${name}/scale`, { spec: { replicas } }, merge);
}

const ready = (name: string, yes = true) =>
  setStatus(
    rest,
    `${space}/pods/${name}`,
    running({ spec: { containers: [{ name: "c", image: "one" }] } }, yes),
  );

test("StatefulSet: pods come and go one after the other, and none while one is not well", async () => {
  const order: string[] = [];
  const stop = new AbortController();
  const watch = rest.watch(`${podsOf("row")}&watch=1`, stop.signal);
  const told = (async () => {
    for await (const { type, object } of watch)
      if (type !== "MODIFIED") order.push(`${type} ${object.metadata.name}`);
  })().catch(() => undefined);
  await create(
    `${apps}/statefulsets`,
    "StatefulSet",
    "row",
    statefulSet("row", { template: template("row", "be-unready") }),
  );
  await rest.until(podsOf("row"), ({ items }) => items.length === 1 && items[0].status.phase === "Running");
  await rest.until(`${apps}/statefulsets/row`, ({ status }) => status.replicas === 1);
  assert.deepEqual(namesOf(await rest.ok("GET", podsOf("row"))), ["row-0"]);
  for (const name of ["row-0", "row-1", "row-2"]) {
    await rest.until(podsOf("row"), ({ items }) =>
      items.some(({ metadata, status }: Loose) => metadata.name === name && status.phase === "Running"),
    );
    await ready(name);
  }
  await rest.until(`${apps}/statefulsets/row`, ({ status }) => status.readyReplicas === 3);
  await ready("row-1", false);
  await rest.until(`${apps}/statefulsets/row`, ({ status }) => status.readyReplicas === 2);
  await scale("row", 0);
  await rest.until(
    `${apps}/statefulsets/row`,
    ({ status, metadata }) => status.observedGeneration === metadata.generation,
  );
  assert.deepEqual(namesOf(await rest.ok("GET", podsOf("row"))), ["row-0", "row-1", "row-2"]);
  await ready("row-1");
  await rest.until(podsOf("row"), ({ items }) => items.length === 0);
  stop.abort();
  await told;
  assert.deepEqual(order, [
    "ADDED row-0",
    "ADDED row-1",
    "ADDED row-2",
    "DELETED row-2",
    "DELETED row-1",
    "DELETED row-0",
  ]);
});

test("StatefulSet: in parallel it grows and shrinks though no pod is well", async () => {
  const parallel = { podManagementPolicy: "Parallel", template: template("burst", "be-unready") };
  await create(`${apps}/statefulsets`, "StatefulSet", "burst", statefulSet("burst", parallel));
  await rest.until(podsOf("burst"), ({ items }) => items.length === 3);
  await scale("burst", 6);
  await rest.until(podsOf("burst"), ({ items }) => items.length === 6);
  await scale("burst", 0);
  await rest.until(podsOf("burst"), ({ items }) => items.length === 0);
  await rest.until(`${apps}/statefulsets/burst`, ({ status }) => status.replicas === 0);
});

test("StatefulSet: canaries, phases, all of it, and back; what failed is made anew", async () => {
  const path = `${apps}/statefulsets/phase`;
  await create(`${apps}/statefulsets`, "StatefulSet", "phase", statefulSet("phase"));
  const first = await rest.until(
    path,
    ({ status }) => status.readyReplicas === 3 && status.currentRevision === status.updateRevision,
  );
  const images = async () => {
    const { items } = await rest.ok("GET", podsOf("phase"));
    return Object.fromEntries(
      items.map(({ metadata, spec }: Loose) => [metadata.name, spec.containers[0].image]),
    );
  };
  const partition = async (at: number) => {
    const updateStrategy = { type: "RollingUpdate", rollingUpdate: { partition: at } };
    await rest.ok("PATCH", path, { spec: { updateStrategy } }, merge);
  };
  const settled = (updated: number) =>
    rest.until(
      path,
      ({ status, metadata }) =>
        status.observedGeneration === metadata.generation &&
        (status.updatedReplicas ?? 0) === updated &&
        status.readyReplicas === 3,
    );
  await partition(3);
  await rest.ok("PATCH", path, image("two"), strategic);
  const held = await settled(0);
  assert.notEqual(held["status"].updateRevision, first["status"].updateRevision);
  assert.equal(held["status"].currentRevision, first["status"].currentRevision);
  await partition(2);
  await settled(1);
  assert.deepEqual(await images(), { "phase-0": "one", "phase-1": "one", "phase-2": "two" });
  // A pod that goes comes back as its place says.
  for (const name of ["phase-0", "phase-2"]) {
    const { metadata } = await rest.ok("GET", `${space}/pods/${name}`);
    await rest.ok("DELETE", `${space}/pods/${name}`);
    await rest.until(
      podsOf("phase"),
      (all) =>
        all["items"].length === 3 && all["items"].every(isReady) && !uidsOf(all).includes(metadata.uid),
    );
  }
  assert.deepEqual(await images(), { "phase-0": "one", "phase-1": "one", "phase-2": "two" });
  await partition(0);
  const out = await rest.until(
    path,
    ({ status }) => status.currentRevision === held["status"].updateRevision && status.readyReplicas === 3,
  );
  assert.deepEqual(await images(), { "phase-0": "two", "phase-1": "two", "phase-2": "two" });
  assert.equal(out["status"].updateRevision, out["status"].currentRevision);
  await rest.ok("PATCH", path, image("one"), strategic);
  const back = await rest.until(
    path,
    ({ status }) => status.currentRevision === first["status"].currentRevision && status.readyReplicas === 3,
  );
  assert.equal(back["status"].updateRevision, first["status"].updateRevision);
  const { metadata } = await rest.ok("GET", `${space}/pods/phase-0`);
  await setStatus(rest, `${space}/pods/phase-0`, { phase: "Failed", reason: "Evicted" });
  await rest.until(
    podsOf("phase"),
    (all) => all["items"].length === 3 && all["items"].every(isReady) && !uidsOf(all).includes(metadata.uid),
  );
});

test("Job: a pod that a disruption ended counts for nothing where a rule says so", async () => {
  const { status } = await ended("ignored");
  assert.deepEqual([status.failed ?? 0, status.succeeded, disrupted], [0, 1, 2]);
});

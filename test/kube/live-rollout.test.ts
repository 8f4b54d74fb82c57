import assert from "node:assert/strict";
import http from "node:http";
import { after, before, test } from "node:test";
import type { Pod } from "#api/kube/types/core-pods.ts";
import type { Service } from "#api/kube/types/core.ts";
import { pods, services } from "#client/kube/resources.ts";
import { LiveCluster } from "../support/live-cluster.ts";
import { textOf } from "../support/live-place.ts";
import { isReady, shell, statusOf, waits } from "../support/pod-cases.ts";

// What a Deployment behind a Service promises its clients while it is rolled out, broken, mended, and killed in parts.

let cluster: LiveCluster;
let address = "";

const labels = { app: "shop" };
const serves = (version: string) =>
  `trap 'exit 9' USR1; mkdir -p /www; echo ${version} > /www/index.html; httpd -p 8080 -h /www; ${waits}`;

const deployment = (version: string, command = serves(version)) => {
  const container = {
    ...shell("main", command),
    readinessProbe: { httpGet: { port: 8080 }, periodSeconds: 1 },
    // A moment for those who have not heard yet that the pod goes.
    lifecycle: { preStop: { sleep: { seconds: 1 } } },
  };
  const template = {
    metadata: { labels },
    spec: { terminationGracePeriodSeconds: 5, containers: [container] },
  };
  const strategy = { rollingUpdate: { maxUnavailable: 0, maxSurge: 1 } };
  const spec = {
    replicas: 3,
    progressDeadlineSeconds: 4,
    selector: { matchLabels: labels },
    strategy,
    template,
  };
  return JSON.stringify({ apiVersion: "apps/v1", kind: "Deployment", metadata: { name: "shop" }, spec });
};

async function kubectl(words: string, input = "", code = 0): Promise<string> {
  const said = await cluster.kubectl("1.35", words.split(" "), { input });
  assert.equal(said.code, code, `kubectl ${words}: ${said.err}${said.out}`);
  return said.out + said.err;
}

before(async () => {
  cluster = await LiveCluster.start(["1.35"]);
  await kubectl("apply -f -", deployment("v1"));
  await kubectl("expose deployment shop --port=80 --target-port=8080");
  await kubectl("rollout status deployment/shop --timeout=30s");
  const made: Service = await cluster.kube
    .of(services)
    .get({ namespace: "default", name: "shop" }, AbortSignal.timeout(5000));
  address = made.spec?.clusterIP ?? "";
  await ask(); // until the rules are there a connection waits
});
after(() => cluster[Symbol.asyncDispose]());

function ask(): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const request = http.get({ host: address, port: 80, agent: false, timeout: 5000 }, (answer) => {
    textOf(answer).then(
      (text) => resolve(answer.statusCode === 200 ? text.trim() : `status ${answer.statusCode}`),
      reject,
    );
  });
  request.on("timeout", () => request.destroy(new Error("timed out")));
  request.on("error", reject);
  return promise;
}

interface Load {
  readonly answers: ReadonlyMap<string, number>;
  readonly failures: readonly string[];
}

/** Four clients ask one request after the other, each on a connection of its own, while the work goes on. */
async function underLoad(work: () => Promise<unknown>): Promise<Load> {
  const answers = new Map<string, number>();
  const failures: string[] = [];
  let isOver = false;
  const client = async () => {
    while (!isOver)
      try {
        const said = await ask();
        answers.set(said, (answers.get(said) ?? 0) + 1);
      } catch (error) {
        failures.push(String(error));
      }
  };
  const clients = [client(), client(), client(), client()];
  try {
    await work();
  } finally {
    isOver = true;
    await Promise.all(clients);
  }
  return { answers, failures };
}

const running = (signal: AbortSignal): Promise<readonly Pod[]> =>
  cluster.whenPods((all) => {
    const own = all.filter(
      ({ metadata }) => metadata.labels?.["app"] === "shop" && metadata.deletionTimestamp === undefined,
    );
    return own.length === 3 && own.every(isReady) ? own : undefined;
  }, signal);
const identities = (all: readonly Pod[]) =>
  all
    .map((pod) => {
      const { containerID = "", restartCount = 0 } = statusOf(pod, "main") ?? {};
      return [pod.metadata.name ?? "", containerID, restartCount] as const;
    })
    .toSorted(([a], [b]) => a.localeCompare(b));

test("a roll-out under load fails no request, and ends with the new version alone", async () => {
  const { answers, failures } = await underLoad(async () => {
    await kubectl("apply -f -", deployment("v2"));
    await kubectl("rollout status deployment/shop --timeout=30s");
  });
  assert.deepEqual(failures, []);
  assert.deepEqual([...answers.keys()].toSorted(), ["v1", "v2"]);
  assert.equal(await ask(), "v2");
});

test("a broken roll-out is told of, harms nobody, and is undone", async () => {
  const { answers, failures } = await underLoad(async () => {
    await kubectl("apply -f -", deployment("v3", "exit 1"));
    const told = await kubectl("rollout status deployment/shop --timeout=30s", "", 1);
    assert.match(told, /deployment "shop" exceeded its progress deadline/);
    assert.match(await kubectl("rollout history deployment/shop"), /REVISION.*\n1 .*\n2 .*\n3 /);
    await kubectl("rollout undo deployment/shop");
    await kubectl("rollout status deployment/shop --timeout=30s");
  });
  assert.deepEqual(failures, []);
  assert.deepEqual([...answers.keys()], ["v2"]);
});

test("a pod that is deleted is replaced, and no request fails", async (t) => {
  const [first] = await running(t.signal);
  const name = first?.metadata.name ?? "";
  const { failures } = await underLoad(async () => {
    await cluster.delete(name, t.signal);
    await running(t.signal);
  });
  assert.deepEqual(failures, []);
});

test("a container whose process ends is started again, the others are not", async (t) => {
  const [first, ...others] = await running(t.signal);
  const name = first?.metadata.name ?? "";
  await cluster.sh(name, "kill -USR1 1", t.signal).catch(() => {}); // the shell ends with it
  const restarted = await cluster.when(
    name,
    (pod) => statusOf(pod, "main")?.restartCount === 1 && isReady(pod),
    t.signal,
  );
  assert.equal(statusOf(restarted, "main")?.lastState?.terminated?.exitCode, 9);
  const now = await running(t.signal);
  assert.deepEqual(identities(now.filter(({ metadata }) => metadata.name !== name)), identities(others));
});

test("the server is killed and comes back: services go on meanwhile, and no container is started again", async (t) => {
  const before = identities(await running(t.signal));
  const { failures } = await underLoad(async () => {
    await cluster.kill("SIGKILL");
    for (let count = 0; count < 50; count++) await ask();
    await cluster.up();
    await kubectl("rollout status deployment/shop --timeout=30s");
  });
  assert.deepEqual(failures, []);
  assert.deepEqual(identities(await running(t.signal)), before);
});

test("what changed while the server was away is done when it is back", async (t) => {
  const [first] = await running(t.signal);
  const name = first?.metadata.name ?? "";
  await cluster.kube.of(pods).delete({ namespace: "default", name }, {}, t.signal);
  await cluster.kill("SIGKILL");
  await cluster.up();
  await cluster.gone(name, t.signal);
  assert.equal((await running(t.signal)).length, 3);
});

test("the engine is killed and comes back: requests are answered all the time, and no container is started again", async (t) => {
  const before = identities(await running(t.signal));
  const { failures } = await underLoad(async () => {
    await cluster.engine.stop("SIGKILL");
    for (let count = 0; count < 50; count++) await ask();
    await cluster.engine.up();
    await kubectl("scale deployment shop --replicas=4");
    await kubectl("rollout status deployment/shop --timeout=30s");
    await kubectl("scale deployment shop --replicas=3");
  });
  assert.deepEqual(failures, []);
  const now = identities(await running(t.signal));
  const kept = before.filter((one) => now.some((other) => other.join() === one.join()));
  assert.ok(kept.length >= 2, JSON.stringify({ before, now })); // of four that were there, one went
  assert.equal(now.filter(([, , restarts]) => restarts !== 0).length <= 1, true); // the one that ended above
});

import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import http from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { kubectlPath, type KubectlVersion } from "../support/kubectl.ts";
import { LiveCluster } from "../support/live-cluster.ts";
import { hasEnded, isReady, shell, statusOf, waits } from "../support/pod-cases.ts";
import { textOf } from "../support/live-place.ts";

// kubectl as a user would, with pods that run: old ones speak SPDY, newer ones WebSockets.

let cluster: LiveCluster;
const versions = ["1.20", "1.33", "1.35", "newest"] as const;
const folder = mkdtempSync(join(tmpdir(), "gantry-kubectl-"));

const web = `mkdir -p /www; hostname > /www/index.html; httpd -p 8080 -h /www; ${waits}`;
const talks = "for i in 1 2 3; do echo line $i; done; exec sleep 1000";

before(async () => {
  cluster = await LiveCluster.start(versions);
  const signal = AbortSignal.timeout(20_000);
  const again = "[ -e /v/begun ] && { echo second; exec sleep 1000; }; touch /v/begun; echo first; exit 1";
  const volumes = [{ name: "v", emptyDir: {} }];
  await Promise.all([
    cluster.pod("web", { containers: [shell("main", web)] }, signal),
    cluster.pod("talks", { containers: [shell("main", talks)] }, signal),
    cluster.pod(
      "again",
      { volumes, containers: [shell("main", again, { volumeMounts: [{ name: "v", mountPath: "/v" }] })] },
      signal,
    ),
    ...versions.map((version) =>
      cluster.pod(
        `asks-${version.replace(".", "-")}`,
        { containers: [{ ...shell("main", "read name; echo hello $name; exec sleep 1000"), stdin: true }] },
        signal,
      ),
    ),
  ]);
  await Promise.all(["web", "talks"].map((name) => cluster.when(name, isReady, signal)));
  await cluster.when("again", (pod) => statusOf(pod, "main")?.restartCount === 1 && isReady(pod), signal);
});
after(async () => {
  rmSync(folder, { recursive: true });
  await cluster[Symbol.asyncDispose]();
});

async function ok(
  version: KubectlVersion,
  words: string | readonly string[],
  input = "",
  code = 0,
): Promise<string> {
  const list = typeof words === "string" ? words.split(" ") : words;
  const said = await cluster.kubectl(version, list, { input });
  assert.equal(said.code, code, `kubectl ${list.join(" ")}: ${said.err}${said.out}`);
  return said.out;
}

/** A kubectl that goes on until it is ended. */
async function started(
  version: KubectlVersion,
  words: readonly string[],
): Promise<ChildProcess & AsyncDisposable> {
  const child = spawn(await kubectlPath(version), words, {
    env: { ...process.env, KUBECONFIG: cluster.kubeconfig },
  });
  const end = async () => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    child.kill();
    await once(child, "exit");
  };
  return Object.assign(child, { [Symbol.asyncDispose]: end });
}

/** What it has written, once it is that. It may go on. */
function heard(child: ChildProcess, wanted: RegExp): Promise<RegExpExecArray> {
  const { promise, resolve, reject } = Promise.withResolvers<RegExpExecArray>();
  let text = "";
  for (const stream of [child.stdout, child.stderr])
    stream?.on("data", (bytes: Buffer) => {
      text += bytes.toString();
      const found = wanted.exec(text);
      if (found !== null) resolve(found);
    });
  child.once("exit", () => reject(new Error(`kubectl said ${text}`)));
  return promise;
}

function get(options: http.RequestOptions): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  http
    .get({ ...options, agent: false }, (answer) => void textOf(answer).then(resolve, reject))
    .on("error", reject);
  return promise;
}

for (const version of versions) {
  const name = (what: string) => `${what}-${version.replace(".", "-")}`;

  test(`kubectl ${version}: exec has the streams and the exit code of its command, also with a terminal`, async () => {
    assert.equal(
      await ok(version, ["exec", "-i", "web", "--", "sh", "-c", "cat; exit 7"], "there and back", 7),
      "there and back",
    );
    const path = await kubectlPath(version);
    const script = spawn(
      "script",
      ["-qec", `${path} exec -it web -- sh -c 'test -t 0 && test -t 1 && echo terminal'`, "/dev/null"],
      { env: { ...process.env, KUBECONFIG: cluster.kubeconfig }, stdio: ["pipe", "pipe", "inherit"] },
    );
    assert.match(await textOf(script.stdout), /terminal\r\n/);
  });

  test(`kubectl ${version}: attach speaks with what runs`, async () => {
    await using child = await started(version, ["attach", "-i", name("asks")]);
    child.stdin?.write("there\n");
    await heard(child, /hello there\n/);
  });

  test(`kubectl ${version}: cp copies there and back`, async () => {
    const [file, back] = [join(folder, name("there")), join(folder, name("back"))];
    const text = "x".repeat(300_000);
    writeFileSync(file, text);
    await ok(version, `cp ${file} web:/tmp/${name("copy")}`);
    await ok(version, `cp web:/tmp/${name("copy")} ${back}`);
    assert.equal(readFileSync(back, "utf8"), text);
  });

  test(`kubectl ${version}: port-forward brings connections to a pod`, async () => {
    await using child = await started(version, ["port-forward", "pod/web", ":8080"]);
    const [, port] = await heard(child, /Forwarding from 127\.0\.0\.1:(\d+)/);
    for (let count = 0; count < 3; count++)
      assert.equal(await get({ host: "127.0.0.1", port: Number(port) }), "web\n");
  });

  test(`kubectl ${version}: logs are followed, of the container before, and no more than asked for`, async () => {
    assert.equal(await ok(version, "logs talks --tail=1"), "line 3\n");
    assert.equal(await ok(version, "logs talks --since=1h"), "line 1\nline 2\nline 3\n");
    assert.equal(await ok(version, "logs again --previous"), "first\n");
    await using child = await started(version, ["logs", "-f", "talks"]);
    await heard(child, /line 3\n/);
  });

  test(`kubectl ${version}: run --rm speaks with a pod, and leaves nothing`, async () => {
    const words = [
      "run",
      name("once"),
      "-i",
      "--rm",
      "--restart=Never",
      "--image=test",
      "--image-pull-policy=IfNotPresent",
      "--",
      "sh",
      "-c",
      "cat; echo over",
    ];
    assert.match(await ok(version, words, "words\n"), /words\nover\n/);
    assert.match((await cluster.kubectl(version, ["get", "pod", name("once")])).err, /not found/);
  });
}

test("Kubectl client Proxy server should support proxy with --port 0", async () => {
  await using child = await started("1.35", ["proxy", "-p", "0", "--disable-filter"]);
  const [, port] = await heard(child, /Starting to serve on 127\.0\.0\.1:(\d+)/);
  assert.match(await get({ host: "127.0.0.1", port: Number(port), path: "/api/" }), /"versions":/);
});

test("Kubectl client Proxy server should support --unix-socket=/path", async () => {
  const socketPath = join(folder, "proxy.sock");
  await using child = await started("1.35", ["proxy", `--unix-socket=${socketPath}`]);
  await heard(child, /Starting to serve on /);
  assert.match(await get({ socketPath, path: "/api/" }), /"versions":/);
});

test("Kubectl logs logs should be able to retrieve and filter logs", async (t) => {
  const script = "echo first of the log; for i in 1 2 3; do echo word $i; done; sleep 2; echo last";
  await cluster.pod("generator", { restartPolicy: "Never", containers: [shell("main", script)] }, t.signal);
  await cluster.when("generator", hasEnded, t.signal);
  assert.equal((await ok("1.35", "logs generator main")).split("\n").length, 6);
  assert.equal(await ok("1.35", "logs generator --tail=1"), "last\n");
  assert.equal(await ok("1.35", "logs generator --limit-bytes=1"), "f");
  assert.match(
    await ok("1.35", "logs generator --tail=1 --timestamps"),
    /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z last\n$/,
  );
  const recent = (await ok("1.35", "logs generator --since=2s")).length;
  assert.ok(recent < (await ok("1.35", "logs generator --since=24h")).length);
});

const template = (labels: object, container: object) => ({
  metadata: { labels },
  spec: { terminationGracePeriodSeconds: 1, containers: [container] },
});

test("Kubectl client Update Demo should create and stop a replication controller", async () => {
  const labels = { name: "update-demo" };
  const spec = { replicas: 2, selector: labels, template: template(labels, shell("main", web)) };
  await ok(
    "1.35",
    "create -f -",
    JSON.stringify({ apiVersion: "v1", kind: "ReplicationController", metadata: { name: "demo" }, spec }),
  );
  await ok("1.35", "wait --for=jsonpath={.status.readyReplicas}=2 rc/demo --timeout=20s");
  const names = (
    await ok("1.35", "get pods -l name=update-demo -o jsonpath={.items[*].metadata.name}")
  ).split(" ");
  for (const pod of names)
    assert.equal((await ok("1.35", ["exec", pod, "--", "cat", "/www/index.html"])).trim(), pod);
});

test("Kubectl client Update Demo should scale a replication controller", async () => {
  for (const count of [1, 2]) {
    await ok("1.35", `scale rc demo --replicas=${count} --timeout=20s`);
    await ok("1.35", `wait --for=jsonpath={.status.readyReplicas}=${count} rc/demo --timeout=20s`);
  }
  await ok("1.35", "delete --grace-period=0 --force rc demo");
  await ok("1.35", "wait --for=delete pods -l name=update-demo --timeout=20s");
});

/** A guestbook: who serves asks who keeps, by the names of their services. */
const guestbook = () => {
  const cgi = (name: string, body: string) =>
    `mkdir -p /www/cgi-bin; printf '%s\\n' '#!/bin/sh' 'echo Content-Type: text/plain; echo' '${body}' > /www/cgi-bin/${name}; chmod +x /www/cgi-bin/${name}`;
  const keeps = [
    cgi("set", "echo $QUERY_STRING >> /tmp/book; echo kept"),
    cgi("get", "cat /tmp/book"),
    "httpd -p 8080 -h /www",
    waits,
  ].join("\n");
  const asks = [
    cgi("book", "wget -qO- http://primary/cgi-bin/$QUERY_STRING"),
    "httpd -p 8080 -h /www",
    waits,
  ].join("\n");
  const app = (name: string, replicas: number, script: string) => [
    {
      apiVersion: "v1",
      kind: "Service",
      metadata: { name, labels: { app: "guestbook" } },
      spec: { selector: { part: name }, ports: [{ port: 80, targetPort: 8080 }] },
    },
    {
      apiVersion: "apps/v1",
      kind: "Deployment",
      metadata: { name, labels: { app: "guestbook" } },
      spec: {
        replicas,
        selector: { matchLabels: { part: name } },
        template: template(
          { part: name, app: "guestbook" },
          { ...shell("main", script), readinessProbe: { tcpSocket: { port: 8080 }, periodSeconds: 1 } },
        ),
      },
    },
  ];
  return JSON.stringify({
    apiVersion: "v1",
    kind: "List",
    items: [...app("primary", 1, keeps), ...app("frontend", 3, asks)],
  });
};

test("Kubectl client Guestbook application should create and stop a working application", async (t) => {
  await ok("1.35", "create -f -", guestbook());
  for (const name of ["primary", "frontend"])
    await ok("1.35", `rollout status deployment/${name} --timeout=20s`);
  const ask = (words: string) =>
    cluster.raw(`/api/v1/namespaces/default/services/frontend/proxy/cgi-bin/book?${words}`, t.signal);
  assert.equal(await ask("set?TestEntry"), "kept\n");
  assert.equal(await ask("get"), "TestEntry\n");
  await ok("1.35", "delete --grace-period=0 --force -f -", guestbook());
  await ok("1.35", "wait --for=delete pods -l app=guestbook --timeout=20s");
});

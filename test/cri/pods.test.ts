import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, renameSync, statSync, writeFileSync } from "node:fs";
import http from "node:http";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { after, before, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { containerEventType, containerState, podSandboxState } from "#api/cri/messages.ts";
import { loadBusybox } from "../support/busybox-image.ts";
import { OwnRegistry } from "../support/own-registry.ts";
import { PodsUnderTest } from "../support/pods.ts";
import { htpasswd } from "../support/registry.ts";

let pods: PodsUnderTest;
before(async () => {
  pods = await PodsUnderTest.start();
});
after(() => pods[Symbol.asyncDispose]());

const forever = "trap exit TERM; while :; do sleep 0.1; done";

test("version, status and configuration of the runtime", async (t) => {
  const version = await pods.runtime.version({}, t.signal);
  assert.equal(version.runtimeName, "gantry");
  assert.equal(version.runtimeApiVersion, "v1");
  const { status, runtimeHandlers } = await pods.runtime.status({ verbose: true }, t.signal);
  assert.deepEqual(
    status?.conditions?.map(({ type, status: isMet }) => [type, isMet]),
    [
      ["RuntimeReady", true],
      ["NetworkReady", true],
    ],
  );
  assert.ok(runtimeHandlers.some(({ name }) => name === "crun"));
  assert.equal((await pods.runtime.runtimeConfig({}, t.signal)).linux?.cgroupDriver, 1);
  assert.equal(statSync(join(pods.engine.run, "cri.sock")).mode & 0o777, 0o600);
});

test("a pod and its container, from the beginning to the end", async (t) => {
  const config = pods.config({
    labels: new Map([["app", "x"]]),
    annotations: new Map([["note", "y"]]),
    dnsConfig: { servers: ["10.96.0.10"], searches: ["a.svc", "svc"], options: ["ndots:5"] },
  });
  const { podSandboxId } = await pods.runtime.runPodSandbox({ config }, t.signal);
  const id = await pods.start(
    podSandboxId,
    "hostname; cat /etc/resolv.conf; echo oops >&2; exit 3",
    t.signal,
    {
      labels: new Map([["tier", "web"]]),
      metadata: { name: "main", attempt: 2 },
      logPath: "main/2.log",
    },
  );
  const status = await pods.ended(id, t.signal);
  assert.equal(status.exitCode, 3);
  assert.equal(status.reason, "Error");
  assert.equal(status.metadata?.attempt, 2);
  assert.ok((status.startedAt ?? 0n) > (status.createdAt ?? 0n));
  assert.ok((status.finishedAt ?? 0n) >= (status.startedAt ?? 0n));
  assert.equal(status.image?.image, "docker.io/library/test:latest");
  assert.match(status.imageId ?? "", /^sha256:[0-9a-f]{64}$/);
  const lines = readFileSync(status.logPath ?? "", "utf8")
    .trimEnd()
    .split("\n");
  for (const line of lines) assert.match(line, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z std(out|err) F /);
  const of = (stream: string) =>
    lines.filter((line) => line.includes(` ${stream} F `)).map((line) => line.split(" F ")[1]);
  assert.deepEqual(of("stdout"), [
    config.hostname,
    "search a.svc svc",
    "nameserver 10.96.0.10",
    "options ndots:5",
  ]);
  assert.deepEqual(of("stderr"), ["oops"]);

  const pod = await pods.runtime.podSandboxStatus({ podSandboxId }, t.signal);
  assert.equal(pod.status?.state, podSandboxState.SANDBOX_READY);
  assert.deepEqual(pod.status?.labels, new Map([["app", "x"]]));
  assert.match(pod.status?.network?.ip ?? "", /^\d+\.\d+\.\d+\.\d+$/);
  await assert.rejects(pods.runtime.startContainer({ containerId: id }, t.signal), /CONTAINER_EXITED state/);
  await assert.rejects(pods.runtime.runPodSandbox({ config }, t.signal), /is reserved for/);

  await pods.runtime.stopPodSandbox({ podSandboxId }, t.signal);
  await pods.runtime.stopPodSandbox({ podSandboxId }, t.signal);
  const stopped = await pods.runtime.podSandboxStatus({ podSandboxId }, t.signal);
  assert.equal(stopped.status?.state, podSandboxState.SANDBOX_NOTREADY);
  await assert.rejects(pods.create(podSandboxId, "true", t.signal), /is not running/);
  await pods.runtime.removePodSandbox({ podSandboxId }, t.signal);
  await pods.runtime.removePodSandbox({ podSandboxId }, t.signal);
  await assert.rejects(pods.runtime.podSandboxStatus({ podSandboxId }, t.signal), { kind: "not-found" });
  await assert.rejects(pods.status(id, t.signal), { kind: "not-found" });
});

test("Docker's API sees nothing of pods but their images", async (t) => {
  const pod = await pods.run(t.signal);
  await pods.start(pod, forever, t.signal);
  assert.equal(await pods.engine.dockerOk("ps", "-aq"), "");
  assert.equal(
    await pods.engine.dockerOk("network", "ls", "-q"),
    await pods.engine.dockerOk("network", "ls", "-q", "--filter", "type=builtin"),
  );
  const { images } = await pods.images.listImages({}, t.signal);
  assert.deepEqual(
    images.map(({ repoTags }) => repoTags),
    [["docker.io/library/test:latest"]],
  );
  await pods.engine.dockerOk("tag", "test", "other:1");
  const found = await pods.images.imageStatus({ image: { image: "other:1" } }, t.signal);
  assert.equal(found.image?.id, images[0]?.id);
  assert.equal((await pods.images.imageStatus({ image: { image: "nosuch" } }, t.signal)).image, undefined);
  await pods.images.removeImage({ image: { image: "nosuch" } }, t.signal);
  await pods.engine.dockerOk("rmi", "other:1");
  assert.match((await pods.engine.docker("rmi", "test")).stderr, /is using its referenced image/);
  await pods.engine.dockerOk("create", "--name", "docker", "test", "true");
  const request = { image: { image: "test" } };
  await assert.rejects(pods.images.removeImage(request, t.signal), /in use by a container of Docker's/);
  await pods.engine.dockerOk("rm", "docker");
  const { imageFilesystems } = await pods.images.imageFsInfo({}, t.signal);
  assert.ok((imageFilesystems[0]?.usedBytes?.value ?? 0) > 0);
  await pods.runtime.removePodSandbox({ podSandboxId: pod }, t.signal);
});

test("containers of a pod share its network, IPC and host name, and see each other's processes if it says so", async (t) => {
  const shared = { linux: { securityContext: { namespaceOptions: { pid: 0 } } } };
  const pod = await pods.run(t.signal, shared);
  const own = { linux: { securityContext: { namespaceOptions: { pid: 0 } } } };
  const one = await pods.start(
    pod,
    `httpd -p 8080 -h /etc; echo shared > /dev/shm/file; ${forever}`,
    t.signal,
    own,
  );
  const two = await pods.start(pod, forever, t.signal, own);
  const three = await pods.start(pod, forever, t.signal, {
    linux: { securityContext: { namespaceOptions: { pid: 1 } } },
  });
  const target = await pods.start(pod, forever, t.signal, {
    linux: { securityContext: { namespaceOptions: { pid: 3, targetId: three } } },
  });
  assert.match(await pods.sh(two, "wget -qO- http://127.0.0.1:8080/passwd", t.signal), /^root:/);
  assert.equal(await pods.sh(two, "cat /dev/shm/file", t.signal), "shared");
  for (const kind of ["net", "ipc", "uts"]) {
    const link = `readlink /proc/self/ns/${kind}`;
    assert.equal(await pods.sh(one, link, t.signal), await pods.sh(three, link, t.signal));
  }
  assert.match(await pods.sh(two, "ps -o args", t.signal), /httpd -p 8080/);
  assert.equal(await pods.sh(two, "cat /proc/1/comm", t.signal), "pause");
  assert.equal(await pods.sh(three, "cat /proc/1/comm", t.signal), "sh");
  const namespace = "readlink /proc/self/ns/pid";
  assert.equal(await pods.sh(target, namespace, t.signal), await pods.sh(three, namespace, t.signal));
  await pods.runtime.removePodSandbox({ podSandboxId: pod }, t.signal);
});

test("ports on the host lead to the pod, and the host and other pods reach it by its address", async (t) => {
  const portMappings = [{ containerPort: 80, hostPort: 18_080, protocol: 0 }];
  const pod = await pods.run(t.signal, { portMappings });
  await pods.start(pod, "echo hello > /tmp/index.html; exec httpd -f -p 80 -h /tmp", t.signal);
  const { status } = await pods.runtime.podSandboxStatus({ podSandboxId: pod }, t.signal);
  const address = status?.network?.ip ?? "";
  const other = await pods.run(t.signal);
  const client = await pods.start(other, forever, t.signal);
  assert.equal(await pods.sh(client, `wget -qO- http://${address}/`, t.signal), "hello");
  for (const host of [address, "127.0.0.1:18080"]) assert.equal(await get(`http://${host}/`), "hello\n");
  await assert.rejects(
    pods.run(t.signal, { portMappings }),
    /address already in use|port is already allocated/,
  );
  for (const podSandboxId of [pod, other]) await pods.runtime.removePodSandbox({ podSandboxId }, t.signal);
});

test("pods see each other by their own addresses, by way of the host, and services by theirs", async (t) => {
  const portMappings = [{ containerPort: 80, hostPort: 18_082, protocol: 0 }];
  const pod = await pods.run(t.signal, { portMappings });
  const program =
    "printf '#!/bin/sh\\necho\\necho $REMOTE_ADDR\\n' > /www/cgi-bin/who; chmod +x /www/cgi-bin/who";
  const server = await pods.start(
    pod,
    `mkdir -p /www/cgi-bin; ${program}; exec httpd -f -p 80 -h /www`,
    t.signal,
  );
  await pods.sh(server, "until wget -qO- http://127.0.0.1/cgi-bin/who 2>/dev/null; do :; done", t.signal);
  const client = await pods.start(await pods.run(t.signal), forever, t.signal);
  const addressOf = (id: string) =>
    pods.sh(id, "ip -o -4 addr show eth0 | sed 's/.*inet //; s,/.*,,'", t.signal);
  const [to, from] = [await addressOf(server), await addressOf(client)];
  execFileSync("nft", [
    "add table ip gantry_test_service; add chain ip gantry_test_service pre { type nat hook prerouting priority -100 ; }; " +
      `add rule ip gantry_test_service pre ip daddr 10.96.7.7 tcp dport 80 dnat to ${to}:80`,
  ]);
  try {
    for (const address of [to, "10.96.7.7"]) {
      const seen = await pods.sh(client, `wget -qO- http://${address}/cgi-bin/who`, t.signal);
      assert.equal(seen, `[::ffff:${from}]`);
    }
  } finally {
    execFileSync("nft", ["delete table ip gantry_test_service"]);
  }
  const neighbours = await pods.sh(client, "ip neigh", t.signal);
  const macs = new Set(neighbours.split("\n").map((line) => / lladdr (\S+)/.exec(line)?.[1]));
  const passesHooks = readFileSync("/proc/sys/net/bridge/bridge-nf-call-iptables", "utf8").trim() === "1";
  if (!passesHooks) assert.equal(macs.size, 1, neighbours);
  // To itself, by the host's port.
  const gateway = await pods.sh(server, "ip route | grep default | cut -d' ' -f3", t.signal);
  const itself = await pods.sh(server, `wget -qO- http://${gateway}:18082/cgi-bin/who`, t.signal);
  assert.equal(itself, `[::ffff:${gateway}]`);
  for (const { id = "" } of (await pods.runtime.listPodSandbox({}, t.signal)).items)
    await pods.runtime.removePodSandbox({ podSandboxId: id }, t.signal);
});

function get(url: string): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  http.get(url, { agent: false }, (answer) => void text(answer).then(resolve, reject)).on("error", reject);
  return promise;
}

test("how a container is confined is what its security context says", async (t) => {
  const pod = await pods.run(t.signal, {
    linux: {
      sysctls: new Map([
        ["net.core.somaxconn", "77"],
        ["kernel.msgmax", "9000"],
      ]),
      securityContext: { namespaceOptions: { pid: 1 } },
    },
  });
  const id = await pods.start(pod, forever, t.signal, {
    envs: [{ key: "WORD", value: Buffer.from("a b") }],
    workingDir: "/tmp",
    linux: {
      resources: {
        memoryLimitInBytes: 64 << 20,
        cpuShares: 512,
        cpuQuota: 50_000,
        cpuPeriod: 100_000,
        oomScoreAdj: 500,
      },
      securityContext: {
        runAsUser: { value: 1000 },
        runAsGroup: { value: 2000 },
        supplementalGroups: [3000],
        noNewPrivs: true,
        readonlyRootfs: true,
        capabilities: { addCapabilities: ["NET_ADMIN"], dropCapabilities: ["CHOWN"] },
        seccomp: { profileType: 1 },
        maskedPaths: ["/proc/uptime"],
        readonlyPaths: ["/proc/sys"],
      },
    },
  });
  const sh = (script: string) => pods.sh(id, script, t.signal);
  assert.equal(await sh("id -u; id -g; id -G"), "1000\n2000\n2000 3000");
  assert.equal(await sh("echo $WORD; pwd"), "a b\n/tmp");
  assert.equal(await sh("cat /proc/sys/net/core/somaxconn /proc/sys/kernel/msgmax"), "77\n9000");
  assert.match(await sh("grep -E 'NoNewPrivs|Seccomp:' /proc/1/status"), /NoNewPrivs:\t1\nSeccomp:\t0/);
  const bounding = BigInt(`0x${/CapBnd:\t(\w+)/.exec(await sh("cat /proc/1/status"))?.[1] ?? ""}`);
  assert.deepEqual(
    [0n, 12n].map((bit) => (bounding >> bit) & 1n),
    [0n, 1n],
  );
  assert.equal(await sh("touch /x 2>&1 || true"), "touch: /x: Read-only file system");
  assert.equal(await sh("wc -c < /proc/uptime"), "0");
  assert.equal(await sh("cat /proc/1/oom_score_adj"), "500");
  const status = await pods.status(id, t.signal);
  assert.deepEqual(status.user?.linux, { uid: 1000, gid: 2000, supplementalGroups: [2000, 3000] });
  assert.equal(status.resources?.linux?.memoryLimitInBytes, 64 << 20);
  await pods.runtime.updateContainerResources(
    { containerId: id, linux: { memoryLimitInBytes: 32 << 20 } },
    t.signal,
  );
  const changed = (await pods.status(id, t.signal)).resources?.linux;
  assert.deepEqual([changed?.memoryLimitInBytes, changed?.cpuShares], [32 << 20, 512]);
  await pods.runtime.removePodSandbox({ podSandboxId: pod }, t.signal);
});

test("the image's groups of a user count, unless the pod is strict about them", async (t) => {
  await loadBusybox(pods.engine, "groups:1", { User: "worker" }, (rootfs) => {
    writeFileSync(join(rootfs, "etc/passwd"), "root:x:0:0::/:/bin/sh\nworker:x:1000:1000::/:/bin/sh\n");
    writeFileSync(join(rootfs, "etc/group"), "worker:x:1000:\nextra:x:5000:worker\n");
  });
  const pod = await pods.run(t.signal);
  const groups = async (more: object) => {
    const id = await pods.start(pod, forever, t.signal, {
      image: { image: "groups:1" },
      linux: { securityContext: { supplementalGroups: [3000], ...more } },
    });
    return await pods.sh(id, "id -G", t.signal);
  };
  assert.equal(await groups({}), "1000 3000 5000");
  assert.equal(await groups({ runAsUser: { value: 1000 }, runAsGroup: { value: 2000 } }), "2000 3000 5000");
  assert.equal(await groups({ supplementalGroupsPolicy: 1 }), "1000 3000");
  assert.equal(
    await groups({ runAsUser: { value: 1000 }, runAsGroup: { value: 2000 }, supplementalGroupsPolicy: 1 }),
    "2000 3000",
  );
  await pods.runtime.removePodSandbox({ podSandboxId: pod }, t.signal);
  await pods.images.removeImage({ image: { image: "groups:1" } }, t.signal);
});

test("cgroups are below the parent that the pod names, devices and privileges are given", async (t) => {
  const parent = `/gantry-test-kubepods/burstable/pod${process.pid}`;
  const pod = await pods.run(t.signal, {
    linux: { cgroupParent: parent, securityContext: { namespaceOptions: { pid: 1 }, privileged: true } },
  });
  const id = await pods.start(pod, forever, t.signal, {
    linux: { securityContext: { privileged: true } },
    devices: [{ hostPath: "/dev/zero", containerPath: "/dev/nothing", permissions: "r" }],
  });
  const { info } = await pods.runtime.containerStatus({ containerId: id, verbose: true }, t.signal);
  const { pid } = JSON.parse(info.get("info") ?? "{}") as { pid: number };
  assert.ok(readFileSync(`/proc/${pid}/cgroup`, "utf8").includes(`${parent}/${id}`));
  assert.equal(
    await pods.sh(
      id,
      "head -c 3 /dev/nothing | wc -c; mount -t tmpfs none /mnt 2>/dev/null || mkdir /mnt && mount -t tmpfs none /mnt && echo mounted",
      t.signal,
    ),
    "3\nmounted",
  );
  const { stats } = await pods.runtime.podSandboxStats({ podSandboxId: pod }, t.signal);
  assert.ok((stats?.linux?.memory?.usageBytes?.value ?? 0) > 0);
  await pods.runtime.removePodSandbox({ podSandboxId: pod }, t.signal);
});

test("pods get addresses of the subnet that the node is given, once those of another one are gone", async (t) => {
  const use = (podCidr: string) =>
    pods.runtime.updateRuntimeConfig({ runtimeConfig: { networkConfig: { podCidr } } }, t.signal);
  const addressOf = async (podSandboxId: string) =>
    (await pods.runtime.podSandboxStatus({ podSandboxId }, t.signal)).status?.network?.ip ?? "";
  const before = await pods.run(t.signal);
  await use("10.244.7.0/24");
  assert.doesNotMatch(await addressOf(before), /^10\.244\.7\./);
  await pods.runtime.removePodSandbox({ podSandboxId: before }, t.signal);
  const pod = await pods.run(t.signal);
  assert.match(await addressOf(pod), /^10\.244\.7\./);
  const id = await pods.start(pod, forever, t.signal);
  assert.equal(await pods.sh(id, "ip route | grep default | cut -d' ' -f3", t.signal), "10.244.7.1");
  await pods.runtime.removePodSandbox({ podSandboxId: pod }, t.signal);
  for (const cidr of ["rubbish", "999.1.1.0/24", "10.244.7.0/33", "10.244.7.0/31"])
    await assert.rejects(use(cidr), /invalid pod CIDR/);
  await use("10.244.7.9/24");
  const again = await pods.run(t.signal);
  assert.match(await addressOf(again), /^10\.244\.7\./);
  await pods.runtime.removePodSandbox({ podSandboxId: again }, t.signal);
});

test("what would mean something else to those who read it is refused", async (t) => {
  const refused = (more: object, reason: RegExp) => assert.rejects(pods.run(t.signal, more), reason);
  await refused({ hostname: "a\0hold=3" }, /has a NUL in it/);
  await refused({ hostname: "x".repeat(65) }, /host name: Invalid argument/);
  await refused({ logDirectory: "logs" }, /no absolute path/);
  await refused({ metadata: undefined }, /must include metadata/);
  const linux = { securityContext: { namespaceOptions: { pid: 1 } } };
  await refused({ linux: { ...linux, cgroupParent: "/../x" } }, /leads out of the hierarchy/);
  await refused({ linux: { ...linux, sysctls: new Map([["kernel.panic", "1"]]) } }, /kernel.panic/);
  await refused(
    { linux: { ...linux, sysctls: new Map([["net.ipv4.nosuch", "1"]]) } },
    /net.ipv4.nosuch=1: No such file/,
  );
  const { items } = await pods.runtime.listPodSandbox({}, t.signal);
  assert.deepEqual(items, []);
});

test("an image comes from a registry, for whoever may have it", async (t) => {
  const passwords = join(pods.engine.run, "../passwords");
  writeFileSync(passwords, htpasswd);
  await using registry = await OwnRegistry.start(["--htpasswd", passwords]);
  const name = `${registry.host}/team/app:1`;
  await pods.engine.dockerOk("tag", "test", name);
  const config = join(pods.engine.run, "../docker");
  mkdirSync(config);
  const auth = Buffer.from("u:secret").toString("base64");
  writeFileSync(join(config, "config.json"), JSON.stringify({ auths: { [registry.host]: { auth } } }));
  await pods.engine.dockerOk("--config", config, "push", name);
  const { imageRef } = await pods.images.pullImage(
    { image: { image: name }, auth: { username: "u", password: "secret" } },
    t.signal,
  );
  const { image } = await pods.images.imageStatus({ image: { image: name } }, t.signal);
  assert.equal(image?.id, imageRef);
  assert.deepEqual(image?.repoTags?.includes(name), true);
  assert.match(image?.repoDigests?.[0] ?? "", /^localhost:\d+\/team\/app@sha256:/);
  await pods.engine.dockerOk("rmi", name);
  const wrong = { username: "u", password: "wrong", auth: "" };
  await assert.rejects(
    pods.images.pullImage({ image: { image: name }, auth: wrong }, t.signal),
    /failed to pull and unpack image .*(unauthorized|authentication|denied)/i,
  );
  await pods.images.pullImage({ image: { image: name }, auth: { auth } }, t.signal);
  await pods.engine.dockerOk("rmi", name);
});

test("a pod in the host's namespaces has none of its own", async (t) => {
  const namespaceOptions = { network: 2, pid: 2, ipc: 2 };
  const pod = await pods.run(t.signal, { linux: { securityContext: { namespaceOptions } } });
  const id = await pods.start(pod, forever, t.signal, { linux: { securityContext: { namespaceOptions } } });
  for (const kind of ["net", "pid", "ipc", "uts"])
    assert.equal(
      await pods.sh(id, `readlink /proc/self/ns/${kind}`, t.signal),
      (await import("node:fs")).readlinkSync(`/proc/self/ns/${kind}`),
    );
  const { status } = await pods.runtime.podSandboxStatus({ podSandboxId: pod }, t.signal);
  assert.equal(status?.network?.ip, "");
  await pods.runtime.removePodSandbox({ podSandboxId: pod }, t.signal);
});

test("a pod with a user namespace: its root is nobody outside", async (t) => {
  const mapping = { hostId: 1_900_000_000, containerId: 0, length: 65_536 };
  const namespaceOptions = { pid: 1, usernsOptions: { mode: 0, uids: [mapping], gids: [mapping] } };
  const pod = await pods.run(t.signal, { linux: { securityContext: { namespaceOptions } } });
  const id = await pods.start(pod, forever, t.signal, { linux: { securityContext: { namespaceOptions } } });
  assert.match(await pods.sh(id, "cat /proc/self/uid_map", t.signal), /^0 +1900000000 +65536$/);
  assert.equal(await pods.sh(id, "id -u; touch /file; stat -c %u /file", t.signal), "0\n0");
  assert.match(await pods.sh(id, "ip -o link show eth0", t.signal), /eth0/);
  const folder = join(pods.engine.run, "../owned");
  mkdirSync(folder, { mode: 0o755 });
  const mounted = {
    hostPath: folder,
    uidMappings: [mapping],
    gidMappings: [mapping],
    containerPath: "/data",
  };
  const owner = await pods.start(pod, "echo x > /data/file; stat -c %u /data; sleep 1000", t.signal, {
    linux: { securityContext: { namespaceOptions } },
    mounts: [mounted],
  });
  assert.equal(
    await pods.sh(owner, "until [ -s /data/file ]; do :; done; stat -c %u /data/file", t.signal),
    "0",
  );
  assert.equal(statSync(join(folder, "file")).uid, 0);
  await pods.runtime.removePodSandbox({ podSandboxId: pod }, t.signal);
});

test("mounts: of the host, read-only, propagated, and of images", async (t) => {
  const folder = join(pods.engine.run, "../mounts");
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, "file"), "content");
  const pod = await pods.run(t.signal);
  const id = await pods.start(pod, forever, t.signal, {
    mounts: [
      { hostPath: folder, containerPath: "/data" },
      { hostPath: join(folder, "file"), containerPath: "/etc/hosts", readonly: true },
      { hostPath: join(folder, "made"), containerPath: "/made" },
      { containerPath: "/image", image: { image: "test" } },
    ],
  });
  assert.equal(
    await pods.sh(id, "cat /data/file /etc/hosts; echo; echo x > /data/new; ls /image/bin/sh", t.signal),
    "contentcontent\n/image/bin/sh",
  );
  assert.equal(readFileSync(join(folder, "new"), "utf8"), "x\n");
  assert.ok(existsSync(join(folder, "made")));
  await assert.rejects(pods.sh(id, "echo x > /etc/hosts", t.signal), /Read-only file system/);
  const { mounts = [] } = await pods.status(id, t.signal);
  assert.deepEqual(
    mounts.map(({ containerPath }) => containerPath),
    ["/data", "/etc/hosts", "/made", "/image"],
  );
  await pods.runtime.removePodSandbox({ podSandboxId: pod }, t.signal);
});

test("a renamed log goes on in a new file, long lines in parts", async (t) => {
  const pod = await pods.run(t.signal);
  const id = await pods.start(
    pod,
    "echo one; read x; echo two; head -c 20000 /dev/zero | tr '\\0' x; echo; printf end",
    t.signal,
    {
      stdin: true,
      stdinOnce: true,
    },
  );
  const { logPath = "" } = await pods.status(id, t.signal);
  await pods.sh(id, "while ! [ -e /proc/1/fd/1 ]; do :; done", t.signal);
  renameSync(logPath, `${logPath}.1`);
  await pods.runtime.reopenContainerLog({ containerId: id }, t.signal);
  assert.equal(readFileSync(logPath, "utf8"), "");
  const { url } = await pods.runtime.attach({ containerId: id, stdin: true, stdout: true }, t.signal);
  const { connectSpdyCommand } = await import("../support/connect-command.ts");
  using command = await connectSpdyCommand(
    new URL(url),
    { stdin: true, stdout: true, stderr: false, tty: false },
    {},
    t.signal,
  );
  command.stdout?.resume();
  command.stdin?.end("go\n");
  await command.status;
  await pods.ended(id, t.signal);
  const lines = readFileSync(logPath, "utf8")
    .trimEnd()
    .split("\n")
    .map((line) => line.split(" ").slice(2));
  assert.deepEqual(
    lines.map(([tag, line = ""]) => [tag, line.length]),
    [
      ["F", 3],
      ["P", 16_384],
      ["F", 3_616],
      ["P", 3], // never got its end
    ],
  );
  assert.match(readFileSync(`${logPath}.1`, "utf8"), / stdout F one\n$/);
  await assert.rejects(pods.runtime.reopenContainerLog({ containerId: id }, t.signal), /not running/);
  await pods.runtime.removePodSandbox({ podSandboxId: pod }, t.signal);
});

test("what cannot be started has ended, and says why; what runs out of memory says so", async (t) => {
  const pod = await pods.run(t.signal);
  const id = await pods.create(pod, "", t.signal, { command: ["nosuch"] });
  await assert.rejects(
    pods.runtime.startContainer({ containerId: id }, t.signal),
    /executable file not found/,
  );
  const failed = await pods.status(id, t.signal);
  assert.deepEqual(
    [failed.state, failed.reason, failed.exitCode],
    [containerState.CONTAINER_EXITED, "StartError", 127],
  );
  const hungry = await pods.start(pod, "x=x; while :; do x=$x$x; done", t.signal, {
    linux: { resources: { memoryLimitInBytes: 8 << 20 } },
  });
  const killed = await pods.ended(hungry, t.signal);
  assert.deepEqual([killed.reason, killed.exitCode], ["OOMKilled", 137]);
  await pods.runtime.removePodSandbox({ podSandboxId: pod }, t.signal);
});

test("stop asks first and kills after the time given", async (t) => {
  const pod = await pods.run(t.signal);
  const polite = await pods.start(pod, "trap 'exit 7' TERM; echo up; while :; do sleep 0.05; done", t.signal);
  const rude = await pods.start(pod, "trap '' TERM; echo up; while :; do sleep 0.05; done", t.signal);
  for (const id of [polite, rude]) await pods.sh(id, "until grep -q 4 /proc/1/status; do :; done", t.signal);
  await pods.runtime.stopContainer({ containerId: polite, timeout: 10 }, t.signal);
  assert.equal((await pods.status(polite, t.signal)).exitCode, 7);
  await pods.runtime.stopContainer({ containerId: rude, timeout: 0 }, t.signal);
  assert.equal((await pods.status(rude, t.signal)).exitCode, 137);
  await pods.runtime.stopContainer({ containerId: rude, timeout: 0 }, t.signal);
  await pods.runtime.removePodSandbox({ podSandboxId: pod }, t.signal);
});

test("a container that comes while its pod goes is not left behind", async (t) => {
  for (let round = 0; round < 8; round++) {
    const pod = await pods.run(t.signal);
    const early = await pods.create(pod, forever, t.signal);
    const starting = pods.runtime.startContainer({ containerId: early }, t.signal);
    const making = pods.start(pod, forever, t.signal);
    const removing = delay(round * 4).then(() =>
      pods.runtime.removePodSandbox({ podSandboxId: pod }, t.signal),
    );
    for (const { status, reason } of (await Promise.allSettled([starting, making, removing])) as {
      status: string;
      reason?: unknown;
    }[])
      if (status === "rejected")
        assert.match(String(reason), /is not running|not found|No such container|killed|ended|failed/);
    assert.deepEqual(
      (await pods.runtime.listContainers({ filter: { podSandboxId: pod } }, t.signal)).containers,
      [],
    );
  }
});

test("events, lists by filter, and what is used", async (t) => {
  const stop = new AbortController();
  const types: (number | undefined)[] = [];
  const events = pods.runtime.getContainerEvents({}, stop.signal);
  const first = events.next();
  await pods.runtime.version({}, t.signal);
  const pod = await pods.run(t.signal, { labels: new Map([["app", "counted"]]) });
  const id = await pods.start(pod, forever, t.signal, { labels: new Map([["app", "counted"]]) });
  const { items } = await pods.runtime.listPodSandbox(
    { filter: { labelSelector: new Map([["app", "counted"]]), state: { state: 0 } } },
    t.signal,
  );
  assert.deepEqual(
    items.map((item) => item.id),
    [pod],
  );
  const list = (filter: object) => pods.runtime.listContainers({ filter }, t.signal);
  assert.equal((await list({ podSandboxId: pod })).containers.length, 1);
  assert.equal((await list({ id, state: { state: 2 } })).containers.length, 0);
  assert.equal((await list({ labelSelector: new Map([["app", "other"]]) })).containers.length, 0);
  const { stats } = await pods.runtime.listContainerStats({ filter: { podSandboxId: pod } }, t.signal);
  assert.ok((stats[0]?.memory?.workingSetBytes?.value ?? 0) > 0);
  assert.ok((stats[0]?.cpu?.usageCoreNanoSeconds?.value ?? 0) > 0);
  const { stats: podStats } = await pods.runtime.podSandboxStats({ podSandboxId: pod }, t.signal);
  assert.equal(podStats?.linux?.network?.defaultInterface?.name, "eth0");
  const { descriptors } = await pods.runtime.listMetricDescriptors({}, t.signal);
  const { podMetrics } = await pods.runtime.listPodSandboxMetrics({}, t.signal);
  assert.equal(podMetrics[0]?.containerMetrics?.[0]?.metrics?.length, descriptors.length);
  await pods.runtime.removePodSandbox({ podSandboxId: pod }, t.signal);
  for (let next = await first; ; next = await events.next()) {
    types.push(next.value?.containerEventType);
    if (next.value?.containerId === pod && types.at(-1) === containerEventType.CONTAINER_DELETED_EVENT) break;
  }
  stop.abort();
  assert.deepEqual(types.slice(0, 4), [0, 1, 0, 1]);
  assert.deepEqual(
    types.toSorted((a = 0, b = 0) => a - b),
    [0, 0, 1, 1, 2, 2, 3, 3],
  );
});

import assert from "node:assert/strict";
import { test } from "node:test";
import { failure } from "#api/kube/status.ts";
import type { ConfigMap } from "#api/kube/types/core.ts";
import { silentLog } from "#base/log.ts";
import { type KubeClient, kubeClient } from "#client/kube/kube-client.ts";
import { configMaps } from "#client/kube/resources.ts";
import { systemTimers } from "#host/system-timers.ts";
import { Informer } from "./informer.ts";
import { InformerFactory } from "./informer-factory.ts";
import { MemoryApi } from "./memory-api.fixture.ts";

const deps = { timers: systemTimers, random: () => 0, log: silentLog };

interface World extends AsyncDisposable {
  readonly api: MemoryApi;
  readonly kube: KubeClient;
  readonly informer: Informer<ConfigMap>;
  readonly signal: AbortSignal;
  /** What was told, e.g. `+a`, `~a`, `-a`. */
  readonly told: string[];
  /** Settles when so many things have been told. */
  heard(count: number): Promise<void>;
  run(): void;
}

function open(): World {
  const api = new MemoryApi();
  const kube = kubeClient(api, { userAgent: "test" });
  const stop = new AbortController();
  const informer = new Informer(kube.of(configMaps), deps);
  const told: string[] = [];
  let wake = () => {};
  const tell = (text: string) => {
    told.push(text);
    wake();
  };
  informer.handle({
    added: ({ metadata }) => tell(`+${metadata.name}`),
    updated: ({ metadata }) => tell(`~${metadata.name}`),
    deleted: ({ metadata }) => tell(`-${metadata.name}`),
  });
  let running: Promise<void> | undefined;
  return {
    api,
    kube,
    informer,
    told,
    signal: stop.signal,
    run: () => void (running = informer.run(stop.signal)),
    async heard(count) {
      while (told.length < count) {
        const more = Promise.withResolvers<void>();
        wake = more.resolve;
        await more.promise;
      }
    },
    async [Symbol.asyncDispose]() {
      stop.abort();
      await running;
    },
  };
}

function map(name: string, data: Record<string, string> = {}): ConfigMap {
  return { apiVersion: "v1", kind: "ConfigMap", metadata: { namespace: "default", name }, data };
}

for (const canStream of [true, false])
  test(`Informer: tells what is there, then what changes (${canStream ? "streamed" : "listed"})`, async () => {
    await using world = open();
    const { api, kube, informer, signal, told } = world;
    api.canStream = canStream;
    const maps = kube.of(configMaps);
    await maps.create(map("a"), signal);
    world.run();
    await informer.synced(signal);
    const b = await maps.create(map("b"), signal);
    await maps.update({ ...b, data: { x: "1" } }, signal);
    await maps.delete({ namespace: "default", name: "a" }, {}, signal);
    await world.heard(4);
    assert.deepEqual(told, ["+a", "+b", "~b", "-a"]);
    assert.deepEqual([...informer.cache.keys()], ["default/b"]);
    assert.equal(informer.cache.find({ namespace: "default", name: "b" })?.data?.["x"], "1");
  });

test("Informer: a watch that ends is resumed where it ended", async () => {
  await using world = open();
  const { api, kube, informer, signal, told } = world;
  world.run();
  await informer.synced(signal);
  await kube.of(configMaps).create(map("a"), signal);
  await world.heard(1);
  api.endWatches();
  await kube.of(configMaps).create(map("b"), signal);
  await world.heard(2);
  assert.deepEqual(told, ["+a", "+b"]);
  assert.equal(api.asked.filter((path) => path.includes("sendInitialEvents=true")).length, 1);
});

test("Informer: when the server has forgotten where the watch was, what changed meanwhile is told all the same", async () => {
  await using world = open();
  const { api, kube, informer, signal, told } = world;
  await kube.of(configMaps).create(map("a"), signal);
  await kube.of(configMaps).create(map("b"), signal);
  world.run();
  await informer.synced(signal);
  await kube.of(configMaps).create(map("c"), signal);
  await world.heard(3);
  api.refuse = ({ path }) => (path.includes("watch") ? failure("Expired", "too old") : undefined);
  api.endWatches();
  await kube.of(configMaps).delete({ namespace: "default", name: "a" }, {}, signal);
  await kube
    .of(configMaps)
    .patch({ namespace: "default", name: "b" }, { data: { x: "1" } }, { type: "merge" }, signal);
  api.compact();
  api.refuse = () => undefined;
  await world.heard(5);
  assert.deepEqual(told.toSorted(), ["+a", "+b", "+c", "-a", "~b"]);
});

test("InformerFactory: gives one informer for a resource, which runs even when made late", async () => {
  const api = new MemoryApi();
  const stop = new AbortController();
  const factory = new InformerFactory(kubeClient(api, { userAgent: "test" }), deps);
  factory.start(stop.signal);
  const informer = factory.of(configMaps);
  assert.equal(factory.of(configMaps), informer);
  await factory.synced(stop.signal);
  assert.equal(api.asked.length, 1);
  stop.abort();
  await factory.ended();
});

test("IndexedCache: finds by index what was put before and after the index was added", async () => {
  await using world = open();
  const { informer } = world;
  informer.cache.set(map("a", { team: "x" }));
  informer.cache.addIndex("team", ({ data }) => (data?.["team"] === undefined ? [] : [data["team"]]));
  informer.cache.set(map("b", { team: "x" }));
  assert.deepEqual(
    [...informer.cache.by("team", "x")].map(({ metadata }) => metadata.name),
    ["a", "b"],
  );
  informer.cache.set(map("a", { team: "y" }));
  assert.equal(informer.cache.countBy("team", "x"), 1);
  informer.cache.delete("default/b");
  assert.deepEqual([...informer.cache.by("team", "x")], []);
});

import assert from "node:assert/strict";
import { test } from "node:test";
import type { BuildOptions } from "./build-options.ts";
import { planBuild } from "./plan-build.ts";

const plain: BuildOptions = {
  context: import.meta.dirname,
  args: {},
  contexts: {},
  labels: {},
  tags: [],
  platforms: [],
  noCache: false,
  noCacheFilter: [],
  pull: false,
  addHosts: [],
  ulimits: [],
  secrets: [],
  ssh: [],
  entitlements: [],
  outputs: [],
  push: false,
  load: false,
  cacheFrom: [],
  cacheTo: [],
  annotations: [],
  attests: new Map(),
};

const standardInput = (): AsyncIterable<Uint8Array> => assert.fail("standard input was read");
const plan = (options: Partial<BuildOptions>) =>
  planBuild({ ...plain, ...options }, { env: {}, isTerminal: false, standardInput });

test("planBuild: an image of the engine unless told, by the names that were given", async () => {
  const { exports, pushes } = await plan({ tags: ["a", "b:2"] });
  assert.deepEqual(exports, [
    { type: "moby", attrs: new Map([["name", "docker.io/library/a,docker.io/library/b:2"]]) },
  ]);
  assert.deepEqual(pushes, []);
});

test("planBuild: what is pushed is built first, and pushed by its own names", async () => {
  const { exports, pushes } = await plan({ outputs: ["type=image,name=r:5000/x,push=true"] });
  assert.deepEqual(exports, [{ type: "moby", attrs: new Map([["name", "r:5000/x"]]) }]);
  assert.deepEqual(pushes, ["r:5000/x"]);
  assert.deepEqual((await plan({ tags: ["r:5000/y"], push: true })).pushes, ["r:5000/y"]);
  await assert.rejects(plan({ push: true }), /tag is needed when pushing to registry/);
});

test("planBuild: files alone make no image, unless it is to be kept too", async () => {
  const types = async (options: Partial<BuildOptions>) =>
    (await plan(options)).exports.map(({ type }) => type);
  assert.deepEqual(await types({ outputs: ["type=tar"] }), ["tar"]);
  assert.deepEqual(await types({ outputs: ["type=tar"], load: true }), ["tar", "moby"]);
  assert.deepEqual(await types({ outputs: ["type=cacheonly"] }), []);
  assert.deepEqual(await types({ outputs: ["type=docker"] }), ["moby"]);
});

test("planBuild: what the engine is told", async () => {
  const { frontendAttrs, entitlements } = await plan({
    target: "t",
    args: { A: "1" },
    labels: { l: "m" },
    noCacheFilter: ["one", "two"],
    pull: true,
    network: "host",
    addHosts: ["h:1.2.3.4", "i=::1"],
    shmSize: 1024,
    ulimits: ["nofile=1:2"],
    platforms: ["linux/amd64"],
    cacheFrom: ["user/app:cache"],
    contexts: { base: "docker-image://x" },
  });
  assert.deepEqual(entitlements, ["network.host"]);
  assert.deepEqual(Object.fromEntries(frontendAttrs), {
    "build-arg:A": "1",
    "label:l": "m",
    target: "t",
    "no-cache": "one,two",
    "image-resolve-mode": "pull",
    platform: "linux/amd64",
    "force-network-mode": "host",
    "add-hosts": "h=1.2.3.4,i=::1",
    "shm-size": "1024",
    ulimit: "nofile=1:2",
    "cache-imports": '[{"Type":"registry","Attrs":{"ref":"user/app:cache"}}]',
    "context:base": "docker-image://x",
  });
});

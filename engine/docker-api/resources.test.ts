import assert from "node:assert/strict";
import { test } from "node:test";
import { openFakeEngine } from "./fake-engine.ts";
import { ask, createContainer, messageIn } from "./test-client.ts";

const filtered = (filter: object) => `?filters=${encodeURIComponent(JSON.stringify(filter))}`;

test("version and info: the fields that clients read", async () => {
  await using engine = await openFakeEngine();
  await createContainer(engine.socket, { Cmd: ["sleep"] }, "one");
  const version = JSON.parse((await ask(engine.socket, "GET", "/version")).text) as Record<string, unknown>;
  assert.deepEqual(
    [version["ApiVersion"], version["MinAPIVersion"], version["Os"]],
    ["1.51", "1.24", "linux"],
  );
  const info = JSON.parse((await ask(engine.socket, "GET", "/v1.51/info")).text) as Record<string, unknown>;
  assert.deepEqual(
    [info["Containers"], info["ContainersStopped"], info["Images"], info["OSType"]],
    [1, 1, 1, "linux"],
  );
  assert.equal((info["Swarm"] as { LocalNodeState: string }).LocalNodeState, "inactive");
  const auth = await ask(engine.socket, "POST", "/auth", { body: { username: "u", password: "secret" } });
  assert.equal(auth.status, 501);
  assert.doesNotMatch(auth.text, /secret/);
});

test("system df: types by version, layers counted once, usage objects from 1.52", async () => {
  await using engine = await openFakeEngine();
  await createContainer(engine.socket, { Cmd: ["sleep"] }, "one");
  await ask(engine.socket, "POST", "/volumes/create", { body: { Name: "vol" } });
  const old = JSON.parse((await ask(engine.socket, "GET", "/v1.41/system/df?type=image")).text) as Record<
    string,
    readonly unknown[]
  >;
  assert.deepEqual([old["LayersSize"], old["BuilderSize"]], [100, 0]);
  assert.deepEqual([old["Images"]?.length, old["Containers"]?.length, old["Volumes"]?.length], [1, 1, 1]);
  const some = JSON.parse((await ask(engine.socket, "GET", "/v1.51/system/df?type=volume")).text) as Record<
    string,
    unknown
  >;
  assert.deepEqual([some["Images"], some["Containers"], some["BuildCache"]], [null, null, null]);
  const usage = JSON.parse((await ask(engine.socket, "GET", "/v1.52/system/df")).text) as Record<
    string,
    object
  >;
  assert.deepEqual(usage["ContainerUsage"], { ActiveCount: 0, TotalCount: 1, Reclaimable: 7, TotalSize: 7 });
  assert.deepEqual(usage["VolumeUsage"], { ActiveCount: 0, TotalCount: 1, Reclaimable: 5, TotalSize: 5 });
  assert.deepEqual(usage["ImageUsage"], { ActiveCount: 1, TotalCount: 1, Reclaimable: 0, TotalSize: 100 });
  assert.equal((await ask(engine.socket, "GET", "/v1.51/system/df?type=x")).status, 400);
});

test("images: list with filters, inspect, history, tag, save, remove, prune", async () => {
  await using engine = await openFakeEngine();
  const { socket } = engine;
  const count = async (query: string) =>
    (JSON.parse((await ask(socket, "GET", `/images/json${query}`)).text) as readonly unknown[]).length;
  assert.equal(await count(""), 1);
  assert.equal(await count(filtered({ reference: ["b*"] })), 1);
  assert.equal(await count(filtered({ reference: ["c*"] })), 0);
  assert.equal(await count(filtered({ dangling: { true: true } })), 0);
  assert.equal(await count(filtered({ label: [] })), 1);
  assert.equal((await ask(socket, "GET", `/images/json${filtered({ foo: ["x"] })}`)).status, 400);
  assert.equal((await ask(socket, "GET", "/images/bb/json")).status, 200);
  assert.equal((await ask(socket, "GET", "/images/bb/history")).status, 200);
  assert.equal(messageIn(await ask(socket, "GET", "/images/nope/json")), "No such image: nope:latest");
  assert.equal((await ask(socket, "POST", "/images/bb/tag?repo=x&tag=y")).status, 201);
  assert.equal((await ask(socket, "POST", "/images/bb/tag?repo=X")).status, 400);
  const saved = await ask(socket, "GET", "/images/get?names=bb&names=bb:latest");
  assert.deepEqual([saved.status, saved.headers["content-type"]], [200, "application/x-tar"]);
  assert.equal((await ask(socket, "GET", "/images/get?names=nope")).status, 404);
  assert.equal((await ask(socket, "GET", "/images/a/b/get")).status, 404);
  assert.equal((await ask(socket, "DELETE", "/images/bb?force=1")).text, '[{"Untagged":"bb:latest"}]\n');
  assert.equal(
    (await ask(socket, "POST", "/images/prune")).text,
    '{"ImagesDeleted":null,"SpaceReclaimed":0}\n',
  );
  assert.equal((await ask(socket, "GET", "/images/search?term=x")).status, 501);
});

test("networks: list with filters, create, inspect, connect, disconnect, remove, prune", async () => {
  await using engine = await openFakeEngine();
  const { socket } = engine;
  await createContainer(socket, { Cmd: ["sleep"] }, "one");
  const names = async (query: string) =>
    (JSON.parse((await ask(socket, "GET", `/networks${query}`)).text) as readonly { Name: string }[]).map(
      ({ Name }) => Name,
    );
  assert.deepEqual(await names("/"), ["bridge", "host", "none"]);
  const post = (path: string, body: object) => ask(socket, "POST", `/networks/${path}`, { body });
  assert.equal((await post("create", { Name: "mine" })).status, 201);
  assert.equal((await post("create", { Name: "mine" })).status, 409);
  assert.equal((await post("create", { Name: "default" })).status, 403);
  assert.equal((await post("create", {})).status, 400);
  assert.equal((await post("create", { Name: "o", Driver: "overlay" })).status, 503);
  assert.deepEqual(await names(filtered({ type: ["custom"] })), ["mine"]);
  assert.deepEqual(await names(filtered({ driver: ["null"] })), ["none"]);
  assert.deepEqual(await names(filtered({ name: ["min"] })), ["mine"]);
  assert.deepEqual(await names(filtered({ dangling: ["true"] })), ["mine"]);
  assert.equal((await ask(socket, "GET", `/networks${filtered({ type: ["x"] })}`)).status, 500);
  assert.equal(messageIn(await ask(socket, "GET", "/networks/nope")), "network nope not found");
  assert.equal((await ask(socket, "GET", "/networks/mine?scope=swarm")).status, 404);
  assert.equal((await post("mine/connect", { Container: "one" })).status, 200);
  assert.equal((await post("mine/connect", { Container: "nope" })).status, 404);
  assert.equal((await post("mine/disconnect", { Container: "one", Force: true })).status, 200);
  assert.equal((await ask(socket, "DELETE", "/networks/bridge")).status, 403);
  assert.equal((await ask(socket, "POST", "/networks/prune")).text, '{"NetworksDeleted":["mine"]}\n');
  assert.equal((await ask(socket, "DELETE", "/networks/mine")).status, 404);
});

test("volumes: create, list, inspect, remove, prune by version", async () => {
  await using engine = await openFakeEngine();
  const { socket } = engine;
  assert.equal((await ask(socket, "GET", "/volumes")).text, '{"Volumes":[],"Warnings":null}\n');
  const create = (Name: string) =>
    ask(socket, "POST", "/volumes/create", { body: { Name, Labels: { a: "b" } } });
  assert.equal((await create("v1")).status, 201);
  await create("v2");
  assert.equal((await ask(socket, "GET", "/volumes/v1")).status, 200);
  assert.equal(messageIn(await ask(socket, "GET", "/volumes/nope")), "get nope: no such volume");
  const some = await ask(socket, "GET", `/volumes${filtered({ name: ["2"] })}`);
  assert.equal((JSON.parse(some.text) as { Volumes: readonly unknown[] }).Volumes.length, 1);
  assert.equal((await ask(socket, "DELETE", "/volumes/v1")).status, 204);
  // Before 1.42 named volumes were meant too.
  assert.equal(
    (await ask(socket, "POST", "/v1.51/volumes/prune")).text,
    '{"VolumesDeleted":[],"SpaceReclaimed":0}\n',
  );
  assert.equal(
    (await ask(socket, "POST", "/v1.41/volumes/prune")).text,
    '{"VolumesDeleted":["v2"],"SpaceReclaimed":5}\n',
  );
});

test("what the engine does not have is answered as Docker's daemon answers with the feature off", async () => {
  await using engine = await openFakeEngine();
  for (const path of ["/swarm", "/nodes", "/services", "/tasks/x", "/secrets", "/configs/x"]) {
    const reply = await ask(engine.socket, "GET", path);
    assert.equal(reply.status, 503, path);
    assert.match(messageIn(reply), /^This node is not a swarm manager\. Use "docker swarm init"/);
  }
  assert.equal((await ask(engine.socket, "GET", "/plugins")).text, "[]\n");
  assert.equal((await ask(engine.socket, "GET", "/plugins/a/b/json")).status, 404);
  for (const method of ["GET", "POST"] as const)
    assert.equal((await ask(engine.socket, method, "/containers/x/checkpoints")).status, 501);
  assert.equal((await ask(engine.socket, "DELETE", "/containers/x/checkpoints/one")).status, 501);
  assert.equal((await ask(engine.socket, "DELETE", "/containers/x/checkpoints/one/two")).status, 404);
  for (const path of ["/session", "/grpc"])
    assert.equal(messageIn(await ask(engine.socket, "POST", path)), "no upgrade proto in request", path);
});

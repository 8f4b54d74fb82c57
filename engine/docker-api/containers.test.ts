import assert from "node:assert/strict";
import { test } from "node:test";
import { type FakeEngine, openFakeEngine } from "./fake-engine.ts";
import { ask, createContainer, messageIn } from "./test-client.ts";

interface Summary {
  readonly Id: string;
  readonly Names: readonly string[];
  readonly Image: string;
  readonly ImageID: string;
  readonly Command: string;
  readonly State: string;
  readonly Status: string;
  readonly Labels: Readonly<Record<string, string>>;
  readonly SizeRw?: number;
  readonly SizeRootFs?: number;
  readonly Ports: readonly object[];
  readonly Mounts: readonly object[];
}

async function list(engine: FakeEngine, query = "", version = "v1.51"): Promise<readonly Summary[]> {
  const reply = await ask(engine.socket, "GET", `/${version}/containers/json${query}`);
  assert.equal(reply.status, 200, reply.text);
  return JSON.parse(reply.text) as readonly Summary[];
}

const filtered = (filter: object) => `?filters=${encodeURIComponent(JSON.stringify(filter))}`;

test("list: running ones, all, the last n; newest first", async () => {
  await using engine = await openFakeEngine();
  assert.deepEqual(await list(engine), []);
  for (const name of ["c1", "c2", "c3"])
    await createContainer(engine.socket, { Cmd: ["sleep", "a b"] }, name);
  await ask(engine.socket, "POST", "/containers/c2/start");
  const names = (summaries: readonly Summary[]) => summaries.map(({ Names }) => Names[0]);
  assert.deepEqual(names(await list(engine)), ["/c2"]);
  assert.deepEqual(names(await list(engine, "?all=1")), ["/c3", "/c2", "/c1"]);
  assert.deepEqual(names(await list(engine, "?limit=2")), ["/c3", "/c2"]);
  const [running] = await list(engine);
  assert.equal(running?.Command, "sleep 'a b'");
  assert.equal(running.State, "running");
  assert.match(running.Status, /^Up /);
  assert.deepEqual([running.Ports, running.Mounts, running.Labels], [[], [], {}]);
});

test("list: a change shows at once although answers are kept", async () => {
  await using engine = await openFakeEngine();
  await createContainer(engine.socket, { Cmd: ["sleep"] }, "before");
  assert.equal((await list(engine, "?all=1"))[0]?.Status, "Created");
  await ask(engine.socket, "POST", "/containers/before/rename?name=after");
  await ask(engine.socket, "POST", "/containers/after/start");
  const [summary] = await list(engine);
  assert.deepEqual([summary?.Names, summary?.State], [["/after"], "running"]);
  await ask(engine.socket, "POST", "/containers/after/pause");
  assert.match((await list(engine))[0]?.Status ?? "", /\(Paused\)$/);
});

test("list: a container has the names that others' links give it, as long as they do", async () => {
  await using engine = await openFakeEngine();
  const id = await createContainer(engine.socket, { Cmd: ["sleep"] }, "web");
  const linked = { Cmd: ["sleep"], HostConfig: { Links: [`${id}:db`, `${id}:web`] } };
  await createContainer(engine.socket, linked, "other");
  const names = async () => (await list(engine, "?all=1")).map(({ Names }) => Names);
  assert.deepEqual(await names(), [["/other"], ["/other/db", "/other/web", "/web"]]);
  await ask(engine.socket, "POST", "/containers/other/rename?name=zoo");
  assert.deepEqual(await names(), [["/zoo"], ["/web", "/zoo/db", "/zoo/web"]]);
  await ask(engine.socket, "DELETE", "/containers/zoo");
  assert.deepEqual(await names(), [["/web"]]);
});

test("list: sizes only when asked for", async () => {
  await using engine = await openFakeEngine();
  await createContainer(engine.socket, { Cmd: ["sleep"] });
  const [sized] = await list(engine, "?all=1&size=1");
  assert.deepEqual([sized?.SizeRw, sized?.SizeRootFs], [7, 107]);
  const [plain] = await list(engine, "?all=1");
  assert.deepEqual([plain?.SizeRw, plain?.SizeRootFs], [undefined, undefined]);
});

test("list: every filter", async () => {
  await using engine = await openFakeEngine();
  const a = await createContainer(
    engine.socket,
    {
      Cmd: ["exit", "3"],
      Labels: { tier: "front" },
      ExposedPorts: { "80/tcp": {} },
      HostConfig: { PortBindings: { "80/tcp": [{ HostPort: "1" }] } },
    },
    "alpha",
  );
  await createContainer(engine.socket, { Cmd: ["sleep"], HostConfig: { NetworkMode: "none" } }, "beta");
  await ask(engine.socket, "POST", "/containers/alpha/start");
  await ask(engine.socket, "POST", "/containers/alpha/wait");
  await ask(engine.socket, "POST", "/containers/beta/start");
  const names = async (filter: object) =>
    (await list(engine, `${filtered(filter)}&all=1`))
      .map(({ Names }) => Names[0]?.slice(1) ?? "")
      .sort((x, y) => (x < y ? -1 : 1));
  const cases: readonly (readonly [object, readonly string[]])[] = [
    [{ name: ["alph"] }, ["alpha"]],
    [{ name: { "^/beta$": true } }, ["beta"]],
    [{ id: [a.slice(0, 12)] }, ["alpha"]],
    [{ status: ["exited"] }, ["alpha"]],
    [{ status: ["running", "exited"] }, ["alpha", "beta"]],
    [{ exited: ["3"] }, ["alpha"]],
    [{ exited: ["0"] }, []],
    [{ label: ["tier"] }, ["alpha"]],
    [{ label: ["tier=back"] }, []],
    [{ ancestor: ["bb"] }, ["alpha", "beta"]],
    [{ ancestor: ["nope"] }, []],
    [{ before: ["beta"] }, ["alpha"]],
    [{ since: ["alpha"] }, ["beta"]],
    [{ publish: ["1-80"] }, []],
    [{ expose: ["80/udp"] }, []],
    [{ network: ["none"] }, ["beta"]],
    [{ network: ["bridge"] }, ["alpha"]],
    [{ volume: ["x"] }, []],
    [{ health: ["none"] }, ["alpha", "beta"]],
    [{ health: ["healthy"] }, []],
    [{ "is-task": ["false"] }, ["alpha", "beta"]],
    [{ "is-task": ["true"] }, []],
  ];
  for (const [filter, expected] of cases)
    assert.deepEqual(await names(filter), expected, JSON.stringify(filter));
  assert.equal((await list(engine, filtered({ status: ["exited"] }))).length, 1);
});

test("list: bad parameters are 400 and say which", async () => {
  await using engine = await openFakeEngine();
  const cases: readonly (readonly [string, string, number])[] = [
    [filtered({ foo: ["x"] }), "invalid filter 'foo'", 400],
    [filtered({ "label!": ["x"] }), "invalid filter 'label!'", 400],
    [
      filtered({ status: ["x"] }),
      "invalid filter 'status=x': invalid value for state (x): must be one of created, running, paused, restarting, removing, exited, dead",
      400,
    ],
    [
      filtered({ exited: ["x"] }),
      `invalid filter 'exited=x': strconv.Atoi: parsing "x": invalid syntax`,
      400,
    ],
    [
      filtered({ health: ["x"] }),
      "invalid filter 'health=x': invalid value for health (x): must be one of none, starting, healthy, unhealthy",
      400,
    ],
    [filtered({ "is-task": ["x"] }), "invalid filter 'is-task=[x]'", 400],
    [
      filtered({ publish: ["x"] }),
      'error while looking up for publish x: strconv.ParseUint: parsing "x": invalid syntax',
      400,
    ],
    [filtered({ before: ["nope"] }), "No such container: nope", 404],
    ["?limit=x", 'strconv.Atoi: parsing "x": invalid syntax', 400],
  ];
  for (const [query, message, status] of cases) {
    const reply = await ask(engine.socket, "GET", `/containers/json${query}`);
    assert.equal(reply.status, status, query);
    assert.equal(messageIn(reply), message);
  }
});

interface Inspect {
  readonly Name: string;
  readonly Path: string;
  readonly Args: readonly string[];
  readonly LogPath: string;
  readonly HostsPath: string;
  readonly SizeRw?: number;
  readonly State: { readonly Status: string; readonly Running: boolean; readonly Pid: number };
  readonly HostConfig: Readonly<Record<string, unknown>>;
  readonly Config: Readonly<Record<string, unknown>>;
  readonly GraphDriver: { readonly Name: string; readonly Data: Readonly<Record<string, string>> };
  readonly NetworkSettings: Readonly<Record<string, unknown>> & {
    readonly Networks: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
  };
}

async function inspect(engine: FakeEngine, ref: string, version = "v1.51"): Promise<Inspect> {
  const reply = await ask(engine.socket, "GET", `/${version}/containers/${ref}/json`);
  assert.equal(reply.status, 200, reply.text);
  return JSON.parse(reply.text) as Inspect;
}

test("inspect: what was asked for, what was given, and paths once it has started", async () => {
  await using engine = await openFakeEngine();
  const id = await createContainer(
    engine.socket,
    { Cmd: ["sleep", "5"], Env: ["A=b"], HostConfig: { Memory: 1e8, CapAdd: ["SYS_TIME"] } },
    "one",
  );
  const created = await inspect(engine, "one");
  assert.deepEqual([created.Name, created.Path, created.Args, created.LogPath], ["/one", "sleep", ["5"], ""]);
  assert.deepEqual(created.HostConfig["CapAdd"], ["CAP_SYS_TIME"]);
  assert.equal(created.HostConfig["MemorySwap"], 2e8);
  assert.deepEqual(created.HostConfig["MaskedPaths"], ["/proc/kcore"]);
  assert.deepEqual(created.Config["Env"], ["A=b"]);
  assert.deepEqual(created.GraphDriver, {
    Data: { ID: id, LowerDir: "/snapshots/1/fs", UpperDir: "/snapshots/2/fs", WorkDir: "/snapshots/2/work" },
    Name: "overlay2",
  });
  await ask(engine.socket, "POST", "/containers/one/start");
  const running = await inspect(engine, id.slice(0, 12));
  assert.deepEqual([running.State.Status, running.State.Running, running.State.Pid], ["running", true, 4242]);
  assert.equal(running.HostsPath, `/var/lib/gantry/containers/${id}/hosts`);
  assert.equal(running.LogPath, `/var/lib/gantry/containers/${id}/${id}-json.log`);
});

test("create: half of a surrogate pair, which is no text, is the character that stands for it", async () => {
  await using engine = await openFakeEngine();
  await createContainer(engine.socket, { Cmd: ["sleep"], Labels: { "a\ud800": "b\udfff" } }, "one");
  assert.deepEqual((await inspect(engine, "one")).Config["Labels"], { "a\ufffd": "b\ufffd" });
});

test("inspect: fields by API version", async () => {
  await using engine = await openFakeEngine();
  await createContainer(engine.socket, { Cmd: ["sleep"] }, "one");
  const fields = async (version: string) => {
    const { NetworkSettings } = await inspect(engine, "one", version);
    const endpoint = NetworkSettings.Networks["bridge"] ?? {};
    return {
      legacy: "IPAddress" in NetworkSettings,
      // Neither hangs on the version with Docker's daemon.
      newer: "DNSNames" in endpoint && "GwPriority" in endpoint,
    };
  };
  assert.deepEqual(await fields("v1.24"), { legacy: true, newer: true });
  assert.deepEqual(await fields("v1.51"), { legacy: true, newer: true });
  assert.deepEqual(await fields("v1.52"), { legacy: false, newer: true });
});

test("lifecycle: statuses of every action, and 304 has no body", async () => {
  await using engine = await openFakeEngine();
  const { socket } = engine;
  const id = await createContainer(socket, { Cmd: ["sleep"] }, "life");
  const post = (path: string) => ask(socket, "POST", `/containers/${path}`);
  assert.equal((await post("life/stop")).status, 304);
  assert.equal((await post("life/start")).status, 204);
  const again = await post("life/start");
  assert.deepEqual([again.status, again.text], [304, ""]);
  assert.equal((await ask(socket, "DELETE", "/containers/life")).status, 409);
  assert.equal((await post("life/resize?h=24&w=80")).status, 200);
  assert.equal((await post("life/resize?h=x&w=80")).status, 400);
  assert.equal((await post("life/resize?h=1&w=70000")).status, 400);
  assert.equal((await post("life/stop?t=x")).status, 400);
  assert.equal((await post("life/pause")).status, 204);
  assert.equal((await post("life/unpause")).status, 204);
  assert.equal((await post("life/rename")).status, 400);
  assert.equal(
    messageIn(await post("life/rename?name=life")),
    "Renaming a container with the same name as its current name",
  );
  assert.equal(
    messageIn(await post("life/rename?name=a/b")),
    "Error when allocating new name: Invalid container name (/a/b), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed",
  );
  assert.equal((await post("life/rename?name=death")).status, 204);
  assert.equal((await post("death/restart?t=1")).status, 204);
  assert.equal((await post("death/kill?signal=SIGKILL")).status, 204);
  await post("death/wait");
  assert.equal((await post("death/kill")).status, 409);
  assert.equal((await ask(socket, "POST", "/containers/death/update", { body: { Memory: 1 } })).status, 200);
  assert.equal((await ask(socket, "DELETE", `/containers/${id}?v=1`)).status, 204);
  assert.equal(messageIn(await post("death/start")), "No such container: death");
});

test("create: names, conflicts, unknown images, warnings", async () => {
  await using engine = await openFakeEngine();
  const create = (query: string, body: object) =>
    ask(engine.socket, "POST", `/containers/create${query}`, { body });
  const made = await create("?name=/n1", {
    Image: "bb",
    Cmd: ["sleep"],
    HostConfig: { NetworkMode: "host", PortBindings: { "1/tcp": [{}] } },
  });
  assert.equal(made.status, 201);
  assert.deepEqual((JSON.parse(made.text) as { Warnings: unknown }).Warnings, [
    "Published ports are discarded when using host network mode",
  ]);
  const taken = await create("?name=n1", { Image: "bb", Cmd: ["sleep"] });
  assert.equal(taken.status, 409);
  assert.match(
    messageIn(taken),
    /^Conflict\. The container name "\/n1" is already in use by container "[0-9a-f]{64}"\./,
  );
  const unknown = await create("", { Image: "nope" });
  assert.deepEqual([unknown.status, messageIn(unknown)], [404, "No such image: nope:latest"]);
  assert.equal((await create("?name=-", { Image: "bb" })).status, 400);
});

test("top, changes and prune", async () => {
  await using engine = await openFakeEngine();
  const { socket } = engine;
  await createContainer(socket, { Cmd: ["sleep"] }, "tt");
  assert.equal((await ask(socket, "GET", "/containers/tt/top")).status, 409);
  await ask(socket, "POST", "/containers/tt/start");
  const top = await ask(socket, "GET", "/containers/tt/top");
  assert.equal(
    top.text,
    `{"Processes":[["root","${process.pid}","node test"]],"Titles":["UID","PID","CMD"]}\n`,
  );
  assert.equal((await ask(socket, "GET", "/containers/tt/top?ps_args=-o%20pid=PID")).status, 200);
  const hidden = await ask(socket, "GET", "/containers/tt/top?ps_args=-eo%20ppid=PID");
  assert.equal(messageIn(hidden), 'specifying "ppid=PID" is not allowed');
  assert.equal((await ask(socket, "GET", "/containers/tt/changes")).text, '[{"Path":"/added","Kind":1}]\n');
  await createContainer(socket, { Cmd: ["sleep"], Labels: { keep: "1" } }, "kept");
  const gone = await createContainer(socket, { Cmd: ["sleep"] }, "gone");
  const pruned = await ask(socket, "POST", `/containers/prune${filtered({ "label!": ["keep"] })}`);
  assert.deepEqual(JSON.parse(pruned.text), { ContainersDeleted: [gone], SpaceReclaimed: 7 });
  const young = await ask(socket, "POST", `/containers/prune${filtered({ until: ["1h"] })}`);
  assert.deepEqual(JSON.parse(young.text), { ContainersDeleted: null, SpaceReclaimed: 0 });
  assert.equal((await ask(socket, "POST", `/containers/prune${filtered({ until: ["soon"] })}`)).status, 400);
});

test("archive: stat header, content, errors; export", async () => {
  await using engine = await openFakeEngine();
  const { socket } = engine;
  await createContainer(socket, { Cmd: ["sleep"] }, "box");
  const head = await ask(socket, "HEAD", "/containers/box/archive?path=/tmp");
  assert.equal(head.status, 200);
  const header = head.headers["x-docker-container-path-stat"];
  assert.deepEqual(JSON.parse(Buffer.from(String(header), "base64").toString()), {
    name: "tmp",
    size: 0,
    mode: 2147484141,
    mtime: "0001-01-01T00:00:00Z",
    linkTarget: "",
  });
  const tar = Buffer.alloc(1024);
  tar.write("file");
  tar.write("0000000005\0 ", 124);
  assert.equal((await ask(socket, "PUT", "/containers/box/archive?path=/tmp", { body: tar })).status, 200);
  const got = await ask(socket, "GET", "/containers/box/archive?path=/tmp/file");
  assert.equal(got.headers["content-type"], "application/x-tar");
  assert.equal(got.text.length, 1024);
  const missing = await ask(socket, "GET", "/containers/box/archive?path=/nope");
  assert.deepEqual(
    [missing.status, messageIn(missing)],
    [404, "Could not find the file /nope in container box"],
  );
  assert.equal(
    messageIn(await ask(socket, "GET", "/containers/box/archive")),
    "bad parameter: path cannot be empty",
  );
  const exported = await ask(socket, "GET", "/containers/box/export");
  assert.equal(exported.headers["content-type"], "application/octet-stream");
});

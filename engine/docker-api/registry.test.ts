import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { Fault } from "#base/fault.ts";
import type { Distribution, PullRequest, PushRequest } from "#engine/images/distribution.ts";
import { parseDigest } from "#oci/digest.ts";
import { openFakeEngine } from "./fake-engine.ts";
import { parseRegistryAuth } from "./registry-auth.ts";
import { ask } from "./test-client.ts";

const digest = parseDigest(`sha256:${"ab".repeat(32)}`);

/** Remembers what it was asked, and does as it is told. */
class Told implements Distribution {
  readonly pulls: PullRequest[] = [];
  readonly pushes: PushRequest[] = [];
  #failure: Fault | undefined;
  #line: string | undefined;

  does(line: string | undefined, failure?: Fault): void {
    this.#line = line;
    this.#failure = failure;
  }

  async pull(request: PullRequest, report: (line: object) => void): Promise<void> {
    this.pulls.push(request);
    this.#work(report);
  }

  async push(request: PushRequest, report: (line: object) => void): Promise<void> {
    this.pushes.push(request);
    this.#work(report);
  }

  async inspect() {
    return {
      descriptor: { mediaType: "m", digest, size: 7 },
      platforms: [{ os: "linux", architecture: "amd64" }],
    };
  }

  async login(): Promise<void> {
    this.#work(() => {});
  }

  async search(term: string, limit: number) {
    const description = `${term}, ${limit}`;
    return [
      { name: "one", stars: 3, isOfficial: false, description },
      { name: "two", stars: 30, isOfficial: true, description },
      { name: "three", stars: 7, isOfficial: false, description },
    ];
  }

  #work(report: (line: object) => void): void {
    if (this.#line !== undefined) report({ status: this.#line });
    if (this.#failure !== undefined) throw this.#failure;
  }
}

test("POST /images/create?fromImage: a failure before the first line has a status, one after it is a line", async () => {
  const distribution = new Told();
  await using engine = await openFakeEngine({ distribution });
  const pull = () => ask(engine.socket, "POST", "/images/create?fromImage=a/b&tag=1&platform=linux/arm64");
  distribution.does("Pulling from a/b");
  assert.equal((await pull()).text, '{"status":"Pulling from a/b"}\r\n');
  distribution.does(undefined, new Fault("not-found", "manifest for a/b:1 not found"));
  const missing = await pull();
  assert.deepEqual([missing.status, missing.text], [404, '{"message":"manifest for a/b:1 not found"}\n']);
  distribution.does("Pulling from a/b", new Fault("remote", "unexpected EOF"));
  assert.match(
    (await pull()).text,
    /\r\n\{"errorDetail":\{"message":"unexpected EOF"\},"error":"unexpected EOF"\}\r\n$/,
  );
  assert.deepEqual(distribution.pulls[0], {
    name: "a/b",
    tag: "1",
    isAll: false,
    platform: "linux/arm64",
    credentials: {},
  });
});

test("POST /images/create?fromImage: without any tag all tags are meant", async () => {
  const distribution = new Told();
  await using engine = await openFakeEngine({ distribution });
  for (const name of ["a", "h:5000/a", "h:5000/a:1", `a@${digest}`])
    await ask(engine.socket, "POST", `/images/create?fromImage=${encodeURIComponent(name)}`);
  assert.deepEqual(
    distribution.pulls.map(({ isAll }) => isAll),
    [true, true, false, false],
  );
});

test("POST /images/{name}/push: takes the credentials and the platform along", async () => {
  const distribution = new Told();
  await using engine = await openFakeEngine({ distribution });
  const auth = Buffer.from(JSON.stringify({ username: "u", password: "ü?>~" })).toString("base64url");
  const platform = encodeURIComponent('{"os":"linux","architecture":"aarch64"}');
  const path = `/images/h:5000/a/b/push?tag=1&platform=${platform}`;
  await ask(engine.socket, "POST", path, { headers: { "X-Registry-Auth": auth } });
  assert.deepEqual(distribution.pushes[0], {
    name: "h:5000/a/b",
    tag: "1",
    platform: { os: "linux", architecture: "arm64" },
    credentials: { username: "u", password: "ü?>~", identityToken: "", registryToken: "" },
  });
  assert.equal((await ask(engine.socket, "POST", "/images/a/push?platform=x")).status, 400);
});

test("GET /distribution, POST /auth", async () => {
  const distribution = new Told();
  await using engine = await openFakeEngine({ distribution });
  assert.deepEqual(JSON.parse((await ask(engine.socket, "GET", "/distribution/h/a:1/json")).text), {
    Descriptor: { mediaType: "m", digest, size: 7 },
    Platforms: [{ os: "linux", architecture: "amd64" }],
  });
  const login = () =>
    ask(engine.socket, "POST", "/auth", { body: { username: "u", password: "p", serveraddress: "h" } });
  assert.equal((await login()).text, '{"IdentityToken":"","Status":"Login Succeeded"}\n');
  distribution.does(
    undefined,
    new Fault("remote", "login attempt to https://h/v2/ failed with status: 401 Unauthorized"),
  );
  assert.equal((await login()).status, 500);
});

test("parseRegistryAuth: any base64, padded or not; rubbish is nobody", () => {
  fc.assert(
    fc.property(
      fc.string(),
      fc.string(),
      fc.constantFrom("base64", "base64url"),
      (username, password, encoding) => {
        const bytes = Buffer.from(JSON.stringify({ username, password }));
        const padded = bytes.toString(encoding as BufferEncoding);
        for (const text of [padded, padded.replace(/=+$/, "")])
          assert.deepEqual(parseRegistryAuth(text), { username, password });
      },
    ),
  );
  for (const text of [
    "",
    "e30=",
    "e30",
    "bnVsbA",
    "@@@@",
    "x".repeat(100_000),
    Buffer.from('{"username":1}').toString("base64"),
  ])
    assert.deepEqual(parseRegistryAuth(text), {});
  const pair = Buffer.from("u:p:q").toString("base64");
  assert.deepEqual(parseRegistryAuth(Buffer.from(JSON.stringify({ auth: pair })).toString("base64")), {
    username: "u",
    password: "p:q",
  });
});

test("GET /images/search: limit and filters are Docker's", async () => {
  await using engine = await openFakeEngine({ distribution: new Told() });
  const search = async (query: string) => await ask(engine.socket, "GET", `/images/search?${query}`);
  const namesOf = async (filters: object) => {
    const { text } = await search(`term=x&filters=${encodeURIComponent(JSON.stringify(filters))}`);
    return (JSON.parse(text) as { readonly name: string }[]).map(({ name }) => name);
  };
  assert.deepEqual(JSON.parse((await search("term=a/b&limit=0")).text)[0], {
    star_count: 3,
    is_official: false,
    name: "one",
    is_automated: false,
    description: "a/b, 25",
  });
  assert.deepEqual(await namesOf({ stars: { 5: true } }), ["two", "three"]);
  assert.deepEqual(await namesOf({ stars: ["5", "10"], "is-automated": ["false"] }), ["two"]);
  assert.deepEqual(await namesOf({ "is-official": ["false"] }), ["one", "three"]);
  assert.deepEqual(await namesOf({ "is-automated": ["true"] }), []);
  for (const [query, message] of [
    ["limit=101", "limit 101 is outside the range of [1, 100]"],
    ["limit=x", 'invalid limit specified: strconv.Atoi: parsing "x": invalid syntax'],
    ['filters={"stars":["a"]}', `invalid filter 'stars=a': strconv.Atoi: parsing "a": invalid syntax`],
    ['filters={"is-official":["a"]}', "invalid filter 'is-official=[a]'"],
    ['filters={"x":["a"]}', "invalid filter 'x'"],
  ] as const) {
    const { status, text } = await search(`term=a&${encodeURI(query)}`);
    assert.deepEqual([status, JSON.parse(text)], [400, { message }]);
  }
});

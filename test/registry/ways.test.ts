import assert from "node:assert/strict";
import http from "node:http";
import { type AddressInfo, connect, type Socket } from "node:net";
import { test } from "node:test";
import { loadBusybox } from "../support/busybox-image.ts";
import { EngineUnderTest } from "../support/engine.ts";
import { RegistryUnderTest } from "../support/registry.ts";

/** A server of HTTP on this machine for as long as it is needed, and what it was asked. */
class Listener implements AsyncDisposable {
  readonly asked: string[] = [];
  readonly #server: http.Server;

  static async open(server: http.Server): Promise<Listener> {
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    return new Listener(server);
  }

  private constructor(server: http.Server) {
    this.#server = server;
    server.on("request", ({ method, url }) => this.asked.push(`${method} ${url}`));
    server.on("connect", ({ url }) => this.asked.push(`CONNECT ${url}`));
  }

  get host(): string {
    return `127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}

/** To it every name means the registry. */
function proxyTo({ port }: RegistryUnderTest): http.Server {
  const server = http.createServer((request, response) => {
    const { pathname, search } = new URL(request.url ?? "", "http://none");
    const { method, headers } = request;
    const options = { host: "127.0.0.1", port, method, headers, path: `${pathname}${search}`, agent: false };
    const onward = http.request(options, (answer) => {
      response.writeHead(answer.statusCode ?? 0, answer.headers);
      answer.pipe(response);
    });
    onward.on("error", () => response.destroy());
    request.pipe(onward);
  });
  server.on("connect", (_request, client: Socket) => {
    const upstream = connect(port, "127.0.0.1", () => client.write("HTTP/1.1 200 OK\r\n\r\n"));
    client.pipe(upstream).pipe(client);
    for (const socket of [client, upstream])
      socket.on("error", () => client.destroy(upstream.destroy() as never));
  });
  return server;
}

test("a proxy of the flags: images go and come through it, info shows it, and what needs none goes past it", async () => {
  for (const isSecure of [false, true]) {
    await using registry = await RegistryUnderTest.start(isSecure);
    await using proxy = await Listener.open(proxyTo(registry));
    const far = "far.test:5000";
    const proxies = ["--http-proxy", `http://u:p@${proxy.host}`, "--https-proxy", `http://${proxy.host}`];
    const flags = [...proxies, "--no-proxy", "near.test", "--insecure-registry", far];
    await using engine = await EngineUnderTest.start("10.213.0.1/16", undefined, flags);
    const info = (await engine.api("GET", "/info")).json as Readonly<Record<string, string>>;
    assert.deepEqual(
      [info["HttpProxy"], info["HttpsProxy"], info["NoProxy"]],
      [`http://xxxxx:xxxxx@${proxy.host}`, `http://${proxy.host}`, "near.test"],
    );
    const name = `${far}/through:1`;
    await loadBusybox(engine, name);
    const id = await engine.dockerOk("images", "-q", name);
    const config = isSecure ? await loggedIn(engine, registry, far) : [];
    await engine.dockerOk(...config, "push", name);
    await engine.dockerOk("rmi", "-f", id);
    await engine.dockerOk(...config, "pull", name);
    assert.equal(await engine.dockerOk("images", "-q", name), id);
    const [kind] = isSecure ? [`CONNECT ${far}`] : [`GET http://${far}/v2/`];
    assert.ok(proxy.asked.includes(kind), proxy.asked.join("\n"));

    proxy.asked.length = 0;
    await engine.docker("pull", "near.test/x");
    const here = `${registry.host}/here:1`;
    await engine.dockerOk("tag", name, here);
    await engine.docker(...config, "push", here);
    assert.deepEqual(proxy.asked, []);
  }
});

async function loggedIn(
  engine: EngineUnderTest,
  { folder }: RegistryUnderTest,
  host: string,
): Promise<readonly string[]> {
  const config = ["--config", `${folder}/docker`];
  await engine.dockerOk(...config, "login", "-u", "u", "-p", "secret", host);
  return config;
}

test("docker search asks the index that the term names", async () => {
  const server = http.createServer((request, response) => {
    if (request.url?.startsWith("/v1/search?q=err") === true) return void response.writeHead(503).end("oops");
    const results = [
      { name: "a/one", description: "a thing", star_count: 3, is_official: false, is_automated: true },
      { name: "two", star_count: 30, is_official: true },
    ];
    response.end(request.url === "/v1/_ping" ? "{}" : JSON.stringify({ results }));
  });
  await using index = await Listener.open(server);
  await using engine = await EngineUnderTest.start();
  const search = async (...args: string[]) =>
    await engine.dockerOk("search", "--format", "{{.Name}} {{.StarCount}} {{.Description}}", ...args);
  assert.equal(await search("--limit", "7", `${index.host}/foo/bar baz`), "a/one 3 a thing\ntwo 30");
  assert.deepEqual(index.asked, ["GET /v1/_ping", "GET /v1/search?q=foo%2Fbar+baz&n=7"]);
  assert.equal(await search("-f", "is-official=true", `${index.host}/x`), "two 30");
  const failures: readonly (readonly [string, RegExp])[] = [
    [`${index.host}/err`, /Unexpected status code 503/],
    [
      "127.0.0.1:1/x",
      /invalid registry endpoint "http:\/\/127\.0\.0\.1:1\/v1\/"\. HTTPS attempt: Get .*refused\. HTTP attempt: Get/,
    ],
    [
      "nosuch.invalid/x",
      /invalid registry endpoint https:\/\/nosuch\.invalid\/v1\/: Get .* please add `--insecure-registry nosuch\.invalid`/,
    ],
  ];
  for (const [term, expected] of failures)
    assert.match((await engine.docker("search", term)).stderr, expected);
});

test("a registry that asks for patience gets it, up to a minute; one that asks for more has refused", async () => {
  let left = 0;
  let after = "1";
  const at: number[] = [];
  const server = http.createServer((request, response) => {
    if (request.url === "/v2/") return void response.end("{}");
    at.push(performance.now());
    if (left-- > 0) return void response.writeHead(429, { "Retry-After": after }).end();
    response.writeHead(404).end();
  });
  await using registry = await Listener.open(server);
  await using engine = await EngineUnderTest.start();
  left = 1;
  assert.match((await engine.docker("pull", `${registry.host}/x`)).stderr, /manifest unknown/);
  assert.equal(at.length, 2);
  assert.ok((at[1] ?? 0) - (at[0] ?? 0) >= 990);
  [left, after] = [9, "3600"];
  assert.match((await engine.docker("pull", `${registry.host}/x`)).stderr, /toomanyrequests/);
  assert.equal(at.length, 3);
});

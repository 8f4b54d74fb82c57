import assert from "node:assert/strict";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { test } from "node:test";
import { isFault } from "#base/fault.ts";
import { usualRegistries } from "#base/registry-settings.ts";
import { connectRegistry } from "./connect.ts";
import type { Credentials } from "./credentials.ts";
import { Repository } from "./repository.ts";

type Answering = (request: IncomingMessage, response: ServerResponse) => void;

/** A server that remembers who said what: `METHOD /path authorization`. */
async function serve(answer: Answering) {
  const seen: string[] = [];
  const server = createServer((request, response) => {
    seen.push(`${request.method} ${request.url} ${request.headers.authorization ?? "-"}`);
    answer(request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    seen,
    port,
    host: `127.0.0.1:${port}`,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

const user: Credentials = { username: "u", password: "p" };
const basic = `Basic ${Buffer.from("u:p").toString("base64")}`;

async function tagsAt(
  host: string,
  credentials: Credentials,
  signal: AbortSignal,
): Promise<readonly string[]> {
  using connected = await connectRegistry(
    { settings: usualRegistries, now: () => 0 },
    host,
    credentials,
    signal,
  );
  return await new Repository(connected.endpoint, "a/b").tags(signal);
}

const challenge = (response: ServerResponse, text: string) =>
  response.writeHead(401, { "WWW-Authenticate": text }).end();
const list = (response: ServerResponse) => response.end('{"tags":["1","2"]}');

test("Endpoint: a token is asked for by scope, once, and shown", async (t) => {
  let tokens = 0;
  await using realm = await serve((_, response) => {
    tokens++;
    response.end('{"token":"abc","expires_in":300}');
  });
  await using registry = await serve((request, response) =>
    request.headers.authorization === "Bearer abc"
      ? list(response)
      : challenge(response, `Bearer realm="http://${realm.host}/token",service="s"`),
  );
  using connected = await connectRegistry(
    { settings: usualRegistries, now: () => 0 },
    registry.host,
    user,
    t.signal,
  );
  const repository = new Repository(connected.endpoint, "a/b");
  for (let count = 0; count < 3; count++) assert.deepEqual(await repository.tags(t.signal), ["1", "2"]);
  assert.equal(tokens, 1);
  assert.deepEqual(realm.seen, [`GET /token?service=s&scope=repository%3Aa%2Fb%3Apull&account=u ${basic}`]);
});

test("Endpoint: an identity token goes into the body of a POST", async (t) => {
  const bodies: string[] = [];
  await using realm = await serve((request, response) => {
    request.on("data", (chunk: Buffer) => bodies.push(String(chunk)));
    request.on("end", () => response.end('{"access_token":"abc"}'));
  });
  await using registry = await serve((request, response) =>
    request.headers.authorization === "Bearer abc"
      ? list(response)
      : challenge(response, `Bearer realm="http://${realm.host}/token",service="s"`),
  );
  await tagsAt(registry.host, { identityToken: "id" }, t.signal);
  assert.equal(new URLSearchParams(bodies[0]).get("refresh_token"), "id");
  assert.deepEqual(realm.seen, ["POST /token -"]);
});

test("Endpoint: a token that the registry does not like any more is asked for anew, once", async (t) => {
  let tokens = 0;
  await using realm = await serve((_, response) => void response.end(`{"token":"t${++tokens}"}`));
  await using registry = await serve((request, response) =>
    request.headers.authorization === "Bearer t2"
      ? list(response)
      : challenge(response, `Bearer realm="http://${realm.host}/token"`),
  );
  assert.deepEqual(await tagsAt(registry.host, {}, t.signal), ["1", "2"]);
  assert.equal(tokens, 2);
});

test("Endpoint: nobody but the registry is told who asks, wherever it points to", async (t) => {
  await using elsewhere = await serve((_, response) => list(response));
  await using registry = await serve((request, response) => {
    if (request.headers.authorization === undefined) challenge(response, 'Basic realm="r"');
    else response.writeHead(307, { Location: `http://${elsewhere.host}/x` }).end();
  });
  assert.deepEqual(await tagsAt(registry.host, user, t.signal), ["1", "2"]);
  assert.deepEqual(elsewhere.seen, ["GET /x -"]);
});

test("Endpoint: a challenge of somebody else is not answered", async (t) => {
  await using elsewhere = await serve((_, response) => challenge(response, 'Basic realm="r"'));
  await using registry = await serve((request, response) => {
    if (request.headers.authorization === undefined) challenge(response, 'Basic realm="r"');
    else response.writeHead(302, { Location: `http://${elsewhere.host}/x` }).end();
  });
  await assert.rejects(tagsAt(registry.host, user, t.signal), /unauthorized: authentication required/);
  assert.deepEqual(elsewhere.seen, ["GET /x -"]);
});

test("Endpoint: refuses servers of tokens and redirects where no registry can be", async (t) => {
  for (const realm of [
    "http://169.254.169.254/latest/meta-data",
    "http://[fe80::1]/",
    "http://[::ffff:169.254.169.254]/",
    "file:///etc/shadow",
    "ftp://h/",
    "",
    "not a url",
  ]) {
    await using tokens = await serve((_, response) => challenge(response, `Bearer realm="${realm}"`));
    await assert.rejects(tagsAt(tokens.host, user, t.signal), (error) => isFault(error, "forbidden"), realm);
    await using redirect = await serve((request, response) => {
      if (request.url === "/v2/") response.end();
      else response.writeHead(307, { Location: realm }).end();
    });
    if (realm === "not a url") continue; // a path of the same server
    await assert.rejects(
      tagsAt(redirect.host, user, t.signal),
      (error) => isFault(error, "forbidden"),
      realm,
    );
  }
});

test("Endpoint: redirects in a circle come to an end", async (t) => {
  await using registry = await serve((request, response) => {
    if (request.url === "/v2/") response.end();
    else response.writeHead(302, { Location: "/again" }).end();
  });
  await assert.rejects(tagsAt(registry.host, {}, t.signal), /stopped after 10 redirects/);
  assert.equal(registry.seen.length, 12);
});

test("Endpoint: an answer that is no answer is the registry's fault, and short", async (t) => {
  await using registry = await serve((request, response) => {
    if (request.url === "/v2/") response.end();
    else response.end("x".repeat(5_000_000));
  });
  await assert.rejects(tagsAt(registry.host, {}, t.signal), (error) => isFault(error, "remote"));
});

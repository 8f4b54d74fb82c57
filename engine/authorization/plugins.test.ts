import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { type TestContext, test } from "node:test";
import type { RequestFacts } from "./authorization.ts";
import { openAuthorization } from "./plugins.ts";

const facts: RequestFacts = {
  user: "",
  method: "",
  requestMethod: "GET",
  requestUri: "/v1.51/info?a=b",
  headers: { Accept: "*/*" },
  body: undefined,
  peerCertificates: [],
};
const forever = new AbortController().signal;

type Handler = (
  path: string,
  message: Record<string, unknown>,
  response: ServerResponse,
  request: IncomingMessage,
) => void;

/** Plugins on sockets of their own. Each answers its activation and leaves the rest to the handler. */
async function openPlugins(t: TestContext, handlers: Readonly<Record<string, Handler>>) {
  const sockets = mkdtempSync(join(tmpdir(), "gantry-authz-"));
  const servers: Server[] = [];
  for (const [name, handle] of Object.entries(handlers)) {
    const server = createServer((request, response) => {
      void text(request).then((message) => {
        if (request.url === "/Plugin.Activate") return response.end('{"Implements":["authz"]}');
        return handle(request.url ?? "", JSON.parse(message) as Record<string, unknown>, response, request);
      });
    });
    await new Promise<void>((resolve) => server.listen(join(sockets, `${name}.sock`), resolve));
    servers.push(server);
  }
  const stop = () => {
    for (const server of servers) {
      server.close();
      server.closeAllConnections();
    }
  };
  t.after(() => {
    stop();
    rmSync(sockets, { recursive: true });
  });
  return { folders: { sockets, specs: [] }, stop };
}

const allows: Handler = (_path, _message, response) => response.end('{"Allow":true}');
const denies: Handler = (_path, _message, response) => response.end('{"Allow":false,"Msg":"no luck"}');

test("openAuthorization: plugins see what dockerd's would, under the names it uses", async (t) => {
  const seen: unknown[] = [];
  const { folders } = await openPlugins(t, {
    a: (path, message, response, { headers, method }) => {
      seen.push({ path, message, accept: headers.accept, method });
      response.end('{"Allow":true}');
    },
  });
  const authorization = await openAuthorization(["a"], folders);
  const request = {
    ...facts,
    user: "alice",
    method: "TLS",
    body: Buffer.from("{}"),
    peerCertificates: ["PEM"],
  };
  await authorization.allowRequest(request, forever);
  await authorization.allowAnswer(
    facts,
    { status: 200, headers: { Server: "x" }, body: Buffer.from("[]") },
    forever,
  );
  const common = { accept: "application/vnd.docker.plugins.v1.2+json", method: "POST" };
  const usual = { RequestMethod: "GET", RequestUri: "/v1.51/info?a=b", RequestHeaders: { Accept: "*/*" } };
  assert.deepEqual(seen, [
    {
      path: "/AuthZPlugin.AuthZReq",
      message: {
        User: "alice",
        UserAuthNMethod: "TLS",
        ...usual,
        RequestBody: "e30=",
        RequestPeerCertificates: ["UEVN"],
      },
      ...common,
    },
    {
      path: "/AuthZPlugin.AuthZRes",
      message: { ...usual, ResponseStatusCode: 200, ResponseBody: "W10=", ResponseHeaders: { Server: "x" } },
      ...common,
    },
  ]);
});

test("openAuthorization: all plugins must allow it, and the first that does not says why", async (t) => {
  const { folders } = await openPlugins(t, { yes: allows, no: denies, also: allows });
  const open = (...names: string[]) => openAuthorization(names, folders);
  await (await open("yes", "also")).allowRequest(facts, forever);
  for (const names of [["no"], ["yes", "no"], ["no", "yes"], ["yes", "no", "also"]])
    await assert.rejects((await open(...names)).allowRequest(facts, forever), {
      kind: "forbidden",
      message: "authorization denied by plugin no: no luck",
    });
});

test("openAuthorization: whatever a plugin does, other than allowing it, denies it", async (t) => {
  const answers: Readonly<Record<string, Handler>> = {
    rubbish: (_path, _message, response) => response.end("rubbish"),
    empty: (_path, _message, response) => response.end(""),
    object: (_path, _message, response) => response.end("{}"),
    list: (_path, _message, response) => response.end('[{"Allow":true}]'),
    text: (_path, _message, response) => response.end('{"Allow":"true"}'),
    number: (_path, _message, response) => response.end('{"Allow":1}'),
    failed: (_path, _message, response) => response.writeHead(500).end('{"Err":"boom","Allow":true}'),
    redirect: (_path, _message, response) => response.writeHead(302, { Location: "/" }).end('{"Allow":true}'),
    half: (_path, _message, response) =>
      response.writeHead(200, { "Content-Length": 100 }).write('{"Allow":true}', () => response.destroy()),
    gone: (_path, _message, response) => response.destroy(),
    silent: () => {},
    flood: (_path, _message, response) => response.end('{"Allow":true}'.padEnd(2 ** 21)),
  };
  const { folders, stop } = await openPlugins(t, { ...answers, late: allows });
  for (const name of Object.keys(answers)) {
    const authorization = await openAuthorization([name], folders, 300);
    await assert.rejects(
      authorization.allowRequest(facts, forever),
      /^(Fault: )?.*plugin \w+( failed with error)?: /,
      name,
    );
    await assert.rejects(
      authorization.allowAnswer(facts, { status: 200, headers: {}, body: undefined }, forever),
      name,
    );
  }
  const failed = await openAuthorization(["failed"], folders);
  await assert.rejects(failed.allowRequest(facts, forever), {
    kind: "internal",
    message: "plugin failed failed with error: AuthZPlugin.AuthZReq: boom",
  });
  const late = await openAuthorization(["late"], folders);
  stop();
  await assert.rejects(late.allowRequest(facts, forever), /plugin late (failed|with|:)/);
});

test("openAuthorization: a plugin that is not there, or is for something else, is refused at once", async (t) => {
  const { folders } = await openPlugins(t, {});
  await assert.rejects(openAuthorization(["nosuch"], folders), {
    message: 'failed to validate authorization plugin: plugin "nosuch" not found',
  });
  const server = createServer((_request, response) => response.end('{"Implements":["VolumeDriver"]}'));
  await new Promise<void>((resolve) => server.listen(join(folders.sockets, "volumes.sock"), resolve));
  t.after(() => server.close());
  await assert.rejects(openAuthorization(["volumes"], folders), /does not implement authz/);
});

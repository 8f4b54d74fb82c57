import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import http from "node:http";
import net, { type AddressInfo } from "node:net";
import { Readable } from "node:stream";
import { buffer, text } from "node:stream/consumers";
import { test } from "node:test";
import { acceptCommand } from "./accept-command.ts";
import { acceptPortForward } from "./accept-port-forward.ts";
import { connectSpdyCommand, connectWebSocketCommand } from "../../test/support/connect-command.ts";
import { connectPortForward } from "../../test/support/connect-port-forward.ts";
import { openWebSocket } from "../../test/support/open-upgrade.ts";
import { exitCodeOf, exitStatus } from "./remote-status.ts";
import type { RemoteStreams, WantedStreams } from "./streams.ts";
import type { UpgradeRequest } from "./upgrade.ts";

interface TestServer extends AsyncDisposable {
  readonly url: URL;
}

async function serve(handle: (upgrade: UpgradeRequest) => Promise<void>): Promise<TestServer> {
  const server = http.createServer();
  server.on("upgrade", (request, socket, head) => {
    socket.on("error", () => {});
    handle({ request, socket, head }).catch(() => socket.destroy());
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    url: new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}/x`),
    [Symbol.asyncDispose]: async () => {
      server.close();
      server.closeAllConnections();
    },
  };
}

function serveCommand(wanted: WantedStreams, run: (client: RemoteStreams) => Promise<number>) {
  return serve(async (upgrade) => {
    const client = await acceptCommand(upgrade, wanted);
    await client.finish(exitStatus(await run(client)));
  });
}

/** As `cat`, with a word on stderr. */
async function cat({ stdin, stdout, stderr }: RemoteStreams): Promise<number> {
  stderr?.write("complaint");
  for await (const piece of stdin ?? []) if (stdout?.write(piece) === false) await once(stdout, "drain");
  return 42;
}

const all = { stdin: true, stdout: true, stderr: true, tty: false };
const connectors = { spdy: connectSpdyCommand, websocket: connectWebSocketCommand };

for (const [name, connect] of Object.entries(connectors)) {
  test(`remote command by ${name}: streams, the end of input, and the exit code arrive`, async (t) => {
    await using server = await serveCommand(all, cat);
    using command = await connect(server.url, all, {}, t.signal);
    const sent = randomBytes(3_000_000);
    command.stdin?.end(sent);
    const [out, err, status] = await Promise.all([
      buffer(command.stdout ?? Readable.from([])),
      text(command.stderr ?? Readable.from([])),
      command.status,
    ]);
    assert.ok(out.equals(sent));
    assert.equal(err, "complaint");
    assert.equal(exitCodeOf(status), 42);
  });

  test(`remote command by ${name}: a terminal's size follows the client's`, async (t) => {
    const terminal = { ...all, tty: true };
    const sizes: unknown[] = [];
    await using server = await serveCommand(terminal, async (client) => {
      for await (const size of client.sizes ?? []) {
        sizes.push(size);
        if (sizes.length === 2) break;
        client.stdout?.write("more");
      }
      return 0;
    });
    using command = await connect(server.url, terminal, {}, t.signal);
    command.resize({ width: 80, height: 24 });
    await once(command.stdout ?? process.stdin, "data");
    command.resize({ width: 100, height: 50 });
    assert.equal(exitCodeOf(await command.status), 0);
    assert.deepEqual(sizes, [
      { width: 80, height: 24 },
      { width: 100, height: 50 },
    ]);
  });

  test(`remote command by ${name}: a client that leaves is told of`, async (t) => {
    const left = Promise.withResolvers<void>();
    await using server = await serveCommand(all, async ({ signal }) => {
      if (!signal.aborted) await once(signal, "abort");
      left.resolve();
      return 0;
    });
    const command = await connect(server.url, all, {}, t.signal);
    command[Symbol.dispose]();
    await left.promise;
    await assert.rejects(command.status, { kind: "unavailable" });
  });
}

test("remote command: version 4 in base64, as browsers have it", async (t) => {
  await using server = await serveCommand(all, async ({ stdin, stdout }) => {
    for await (const piece of stdin ?? []) {
      stdout?.write(`<${String(piece)}>`);
      break;
    }
    return 0;
  });
  const socket = await openWebSocket(server.url, ["v4.base64.channel.k8s.io"], {}, t.signal);
  const messages: string[] = [];
  socket.on("message", (data: Buffer) => messages.push(data.toString()));
  socket.resume();
  socket.send(`0${Buffer.from("hello").toString("base64")}`);
  await once(socket, "close");
  const decoded = messages.map((message) => [message[0], Buffer.from(message.slice(1), "base64").toString()]);
  assert.deepEqual(decoded, [
    ["1", "<hello>"],
    ["3", JSON.stringify(exitStatus(0))],
  ]);
});

test("remote command: what is no upgrade that it knows is refused", async () => {
  await using server = await serveCommand(all, cat);
  const request = http.request(server.url, { headers: { Connection: "Upgrade", Upgrade: "h2c" } });
  request.end();
  const [response] = (await once(request, "response")) as [http.IncomingMessage];
  assert.equal(response.statusCode, 400);
  response.destroy();
});

async function echoServer(): Promise<net.Server> {
  const server = net.createServer({ allowHalfOpen: true }, (socket) => socket.pipe(socket));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return server;
}

async function serveForward(ports: readonly number[] = []) {
  const over = new AbortController();
  const server = await serve((upgrade) =>
    acceptPortForward(
      upgrade,
      ports,
      async (port) => {
        const socket = net.connect({ port, host: "127.0.0.1", allowHalfOpen: true });
        await once(socket, "connect");
        return socket;
      },
      over.signal,
    ),
  );
  return { url: server.url, over, [Symbol.asyncDispose]: () => server[Symbol.asyncDispose]() };
}

for (const how of ["spdy", "websocket"] as const)
  test(`port forward by ${how}: many connections at once, each ends by itself`, async (t) => {
    const echo = await echoServer();
    const { port } = echo.address() as AddressInfo;
    await using server = await serveForward();
    using ports = await connectPortForward(server.url, how, {}, t.signal);
    await Promise.all(
      Array.from({ length: 20 }, async (_, index) => {
        const { data, failure } = await ports.open(port);
        const sent = randomBytes(10_000 * index + 1);
        data.end(sent);
        assert.ok((await buffer(data)).equals(sent));
        assert.equal(await failure, "");
      }),
    );
    const { data, failure } = await ports.open(1);
    data.resume();
    assert.match(await failure, /an error occurred forwarding 1 -> 1: .*ECONNREFUSED/);
    echo.close();
  });

test("port forward by channels: the port is announced, then bytes go both ways", async (t) => {
  const echo = await echoServer();
  const { port } = echo.address() as AddressInfo;
  await using server = await serveForward([port]);
  const socket = await openWebSocket(server.url, ["v4.channel.k8s.io"], {}, t.signal);
  const messages: Buffer[] = [];
  const three = Promise.withResolvers<void>();
  socket.on("message", (data: Buffer) => {
    if (messages.push(data) === 3) three.resolve();
  });
  socket.resume();
  socket.send(Buffer.concat([Buffer.from([0]), Buffer.from("hello")]));
  await three.promise;
  const announced = Buffer.alloc(2);
  announced.writeUInt16LE(port);
  assert.deepEqual(messages, [
    Buffer.concat([Buffer.from([0]), announced]),
    Buffer.concat([Buffer.from([1]), announced]),
    Buffer.concat([Buffer.from([0]), Buffer.from("hello")]),
  ]);
  socket.terminate();
  echo.close();
});

import { createServer, request, type RequestListener } from "node:http";
import { type AddressInfo, connect } from "node:net";
import { text } from "node:stream/consumers";
import type { EngineUnderTest } from "../support/engine.ts";
import { type EscapeCase, madeIn } from "./escape-case.ts";
import { guardedName } from "./policy-plugin.ts";

const makes = JSON.stringify({ Image: "probe", HostConfig: { Privileged: true } });
const padding = " ".repeat((4 << 20) + 1);
const json = "Content-Type: application/json";

/** Heads and bodies of one request, each as some client might write it so that a policy sees less than the engine does. */
const disguises: readonly (readonly [head: string, body: string])[] = [
  [`${json}\r\nContent-Length: ${makes.length}`, makes],
  [`${json}\r\nTransfer-Encoding: chunked`, chunked(makes)],
  [`Transfer-Encoding: chunked`, chunked(makes)],
  [`Content-Type: APPLICATION/JSON; x=y\r\nContent-Length: ${makes.length}`, makes],
  [`${json}\r\nContent-Length: 0`, makes],
  [`${json}\r\nContent-Length: 0\r\nTransfer-Encoding: chunked`, chunked(makes)],
  [`${json}\r\nContent-Length: ${makes.length}\r\nContent-Length: 0`, makes],
  [`${json}\r\nContent-Length: ${makes.length + padding.length}`, padding + makes],
  [`${json}\r\nUpgrade: h2c\r\nContent-Length: ${makes.length}`, makes],
  [`${json}\r\nExpect: 100-continue\r\nContent-Length: ${makes.length}`, makes],
];

/** What clients and registries say to the engine. */
export const requestCases: readonly EscapeCase[] = [
  {
    id: "E14",
    title: "no request is carried out that authorization saw another one of (CVE-2024-41110, CVE-2026-34040)",
    async attempt({ engine }) {
      const found: string[] = [];
      for (const [head, body] of disguises) {
        await send(engine, `/containers/create?name=${guardedName}`, head, body);
        const { status } = await engine.api("DELETE", `/containers/${guardedName}?force=1`);
        if (status === 204) found.push(`a privileged container by ${head}`);
      }
      return found;
    },
    weakness: "weak engine",
  },
  {
    id: "E28",
    title: "no checkpoint is written or read where a client says (CVE-2026-53489)",
    async attempt({ engine, victim }) {
      await engine.dockerOk("create", "--name", "stopped", "probe", "sleep", "1000");
      const container = "/containers/stopped";
      for (const id of ["one", "../../one", `../..${victim}/one`]) {
        const where = `checkpoint=${encodeURIComponent(id)}&checkpoint-dir=${encodeURIComponent(victim)}`;
        await engine.api("POST", `${container}/checkpoints`, {
          CheckpointID: id,
          CheckpointDir: victim,
          Exit: true,
        });
        await engine.api("POST", `${container}/start?${where}`);
        await engine.api(
          "DELETE",
          `${container}/checkpoints/${encodeURIComponent(id)}?dir=${encodeURIComponent(victim)}`,
        );
      }
      const { json } = await engine.api("GET", `${container}/json`);
      await engine.docker("rm", "-f", "stopped");
      const { Status } = (json as { State: { Status: string } }).State;
      return [...(Status === "created" ? [] : [`it is ${Status}`]), ...madeIn(victim)];
    },
    weakness: "weak engine",
  },
  {
    id: "E36",
    title: "a registry that sends elsewhere does not send the password along (CVE-2020-15157)",
    async attempt({ engine }) {
      const heard: string[] = [];
      await using elsewhere = await serve(({ headers }, response) => {
        heard.push(...(headers.authorization === undefined ? [] : [headers.authorization]));
        response.writeHead(404).end();
      });
      await using registry = await serve(({ headers }, response) => {
        if (headers.authorization === undefined)
          response.writeHead(401, { "WWW-Authenticate": 'Basic realm="r"' }).end();
        else response.writeHead(307, { Location: `http://${elsewhere.host}/v2/a/manifests/1` }).end();
      });
      await pull(engine, `${registry.host}/a:1`);
      return heard;
    },
    weakness: "weak engine",
  },
];

async function serve(listener: RequestListener): Promise<AsyncDisposable & { readonly host: string }> {
  const server = createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    host: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** With a password, as `docker pull` sends it; resolves to what is answered. */
async function pull(engine: EngineUnderTest, reference: string): Promise<string> {
  const login = Buffer.from(JSON.stringify({ username: "user", password: "password" })).toString("base64url");
  const options = {
    socketPath: engine.socket,
    method: "POST",
    path: `/images/create?fromImage=${encodeURIComponent(reference)}`,
    headers: { "X-Registry-Auth": login },
  };
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  request(options, (answer) => void text(answer).then(resolve, reject))
    .on("error", reject)
    .end();
  return promise;
}

/** Resolves when the engine closes the connection. */
async function send(engine: EngineUnderTest, path: string, head: string, body: string): Promise<string> {
  const socket = connect(engine.socket);
  socket.on("error", () => {}); // refused before all of it is written
  socket.write(`POST ${path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n${head}\r\n\r\n${body}`);
  return text(socket).catch(() => "");
}

function chunked(body: string): string {
  return `${body.length.toString(16)}\r\n${body}\r\n0\r\n\r\n`;
}

import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { createServer } from "node:tls";
import { isFault } from "#base/fault.ts";
import { readText } from "#client/streams.ts";
import { Authority, type Party } from "../../test/support/certificates.ts";
import { openTransport, type TlsFiles } from "./open-transport.ts";

const read = (path: string) => readFileSync(path, "utf8");

/** A daemon that wants certificates: it upgrades, and sends back what it got when our side ends. */
async function serve(
  t: TestContext,
): Promise<{ readonly port: number; readonly client: Party; readonly stranger: Party }> {
  const folder = mkdtempSync(join(tmpdir(), "gantry-tls-"));
  const authority = new Authority(join(folder, "authority"));
  const server = authority.issue(join(folder, "server"), { name: "server", usage: "serverAuth" });
  const listener = createServer(
    {
      cert: read(server.cert),
      key: read(server.key),
      ca: read(server.ca),
      requestCert: true,
      rejectUnauthorized: true,
      allowHalfOpen: true,
    },
    (socket) => {
      let got = "";
      socket.on("error", () => {});
      socket.on("data", (bytes: Buffer) => {
        if (got === "") socket.write("HTTP/1.1 101 UPGRADED\r\n\r\n");
        got += bytes.toString();
      });
      socket.on("end", () => socket.end(got.slice(got.indexOf("\r\n\r\n") + 4)));
    },
  );
  listener.listen(0, "127.0.0.1");
  await once(listener, "listening");
  t.after(() => {
    listener.close();
    rmSync(folder, { recursive: true });
  });
  return {
    port: (listener.address() as AddressInfo).port,
    client: authority.issue(join(folder, "client"), { name: "client", usage: "clientAuth" }),
    stranger: new Authority(join(folder, "other")).issue(join(folder, "stranger"), {
      name: "x",
      usage: "clientAuth",
    }),
  };
}

const files = ({ ca, cert, key }: Party): TlsFiles => ({
  ca: read(ca),
  cert: read(cert),
  key: read(key),
  verify: true,
});
const attach = { method: "POST", path: "/x" } as const;

test("openTransport: half-closes a hijacked connection over TLS and reads on", async (t) => {
  const { port, client } = await serve(t);
  const transport = openTransport({ kind: "tcp", host: "127.0.0.1", port, tls: files(client) });
  const taken = await transport.hijack(attach, t.signal);
  assert.ok(taken.kind === "hijacked");
  await taken.write(new TextEncoder().encode("typed"));
  taken.closeWrite();
  assert.equal(await readText(taken.incoming), "typed");
});

test("openTransport: a daemon that the authority does not know is not talked to", async (t) => {
  const { port, stranger } = await serve(t);
  const transport = openTransport({ kind: "tcp", host: "127.0.0.1", port, tls: files(stranger) });
  await assert.rejects(transport.hijack(attach, t.signal), (error) => isFault(error, "unavailable"));
});

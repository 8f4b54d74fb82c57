import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { connect } from "node:tls";
import { silentLog } from "#base/log.ts";
import { ensurePki, type PkiDeps } from "#orchestrator/pki/pki.ts";
import type { NodeDeps } from "../node-deps.ts";
import { openNodeServer } from "./node-server.ts";

const yearMs = 31_536_000_000;

/** Of the certificate that a new connection is shown. */
async function serialAt(port: number): Promise<string> {
  const socket = connect({ host: "127.0.0.1", port, rejectUnauthorized: false });
  try {
    await once(socket, "secureConnect");
    return socket.getPeerCertificate().serialNumber;
  } finally {
    socket.destroy();
  }
}

test("NodeServer: after a renewal new connections are shown the new certificate", async (t) => {
  const folder = mkdtempSync(join(tmpdir(), "gantry-node-"));
  t.after(() => rmSync(folder, { recursive: true }));
  const identityAt = (now: () => Date) => {
    const names = { hostname: "host-a", nodeName: "node-a", addresses: ["127.0.0.1"] };
    const deps: PkiDeps = { ...names, folder: join(folder, "pki"), now, log: silentLog };
    const { identities, authority } = ensurePki(deps);
    return { ...identities.kubelet, authority };
  };
  await using server = await openNodeServer({
    host: "127.0.0.1",
    port: 0,
    identity: identityAt(() => new Date()),
    deps: {} as NodeDeps,
    find: () => undefined,
    pods: () => [],
  });
  const before = await serialAt(server.port);
  assert.equal(await serialAt(server.port), before);
  server.renewTls(identityAt(() => new Date(Date.now() + yearMs)));
  assert.notEqual(await serialAt(server.port), before);
});

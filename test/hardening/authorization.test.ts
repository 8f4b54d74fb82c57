import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { test } from "node:test";
import { promisify } from "node:util";
import { loadBusybox } from "../support/busybox-image.ts";
import { Authority } from "../support/certificates.ts";
import { checkout, EngineUnderTest } from "../support/engine.ts";

const run = promisify(execFile);
const address = "tcp://127.0.0.1:23763";

interface Asked {
  readonly User?: string;
  readonly UserAuthNMethod?: string;
  readonly RequestMethod: string;
  readonly RequestUri: string;
  readonly RequestBody?: string;
  readonly RequestPeerCertificates?: readonly string[];
}

/** Lets alice do everything but make privileged containers, and others only read. */
function decide(asked: Asked): object {
  const body = Buffer.from(asked.RequestBody ?? "", "base64").toString();
  if (body.includes('"Privileged":true')) return { Allow: false, Msg: "no privileged containers" };
  if (asked.RequestMethod !== "GET" && asked.RequestMethod !== "HEAD" && asked.User === "bob")
    return { Allow: false, Msg: "bob may only look" };
  return { Allow: true };
}

test("a plugin knows users by their certificates, sees bodies, and when it is down nobody does anything", async () => {
  const folder = mkdtempSync(join(tmpdir(), "gantry-authz-"));
  const name = `gantry-test-${process.pid}`;
  const socket = join("/run/docker/plugins", `${name}.sock`);
  mkdirSync("/run/docker/plugins", { recursive: true });
  const seen: Asked[] = [];
  const plugin = createServer((request, response) => {
    void text(request).then((message) => {
      if (request.url === "/Plugin.Activate") return response.end('{"Implements":["authz"]}');
      const asked = JSON.parse(message) as Asked;
      seen.push(asked);
      return response.end(JSON.stringify(decide(asked)));
    });
  });
  await new Promise<void>((resolve) => plugin.listen(socket, resolve));
  const authority = new Authority(join(folder, "authority"));
  const server = authority.issue(join(folder, "server"), { name: "engine", usage: "serverAuth" });
  for (const user of ["alice", "bob"])
    authority.issue(join(folder, user), { name: user, usage: "clientAuth" });
  const files = ["--tlscacert", server.ca, "--tlscert", server.cert, "--tlskey", server.key];
  const flags = ["-H", address, "--tlsverify", ...files, "--authorization-plugin", name];
  try {
    await using engine = await EngineUnderTest.start("10.233.0.1/16", undefined, flags);
    const as = (user: string, ...args: readonly string[]) => {
      const env = {
        PATH: process.env["PATH"],
        DOCKER_CONFIG: "/nonexistent",
        DOCKER_CERT_PATH: join(folder, user),
      };
      return run("docker", ["-H", address, "--tlsverify", ...args], { env }).then(
        ({ stdout }) => stdout,
        ({ stderr }: { stderr: string }) => stderr,
      );
    };
    await loadBusybox(engine);
    assert.equal(await as("alice", "run", "--rm", "test", "echo", "hi"), "hi\n");
    assert.equal((await as("bob", "ps", "-q")).trim(), "");
    assert.match(
      await as("bob", "run", "--rm", "test", "true"),
      new RegExp(`authorization denied by plugin ${name}: bob may only look`),
    );
    assert.match(
      await as("alice", "run", "--privileged", "--rm", "test", "true"),
      /no privileged containers/,
    );
    assert.match((await engine.docker("create", "--privileged", "test")).stderr, /no privileged containers/);
    assert.match(
      (await engine.docker("info", "-f", "{{json .Plugins.Authorization}}")).stdout,
      new RegExp(name),
    );
    const asked = seen.find(({ User }) => User === "alice");
    assert.equal(asked?.UserAuthNMethod, "TLS");
    assert.match(
      Buffer.from(asked.RequestPeerCertificates?.[0] ?? "", "base64").toString(),
      /^-----BEGIN CERTIFICATE-----\n/,
    );
    assert.equal(
      seen.some(({ User }) => User === undefined),
      true,
    ); // on the socket
    await new Promise<void>((resolve) => plugin.close(() => resolve()));
    const down = `plugin ${name} failed with error: `;
    assert.match((await engine.docker("ps")).stderr, new RegExp(down));
    assert.match(await as("alice", "ps"), new RegExp(down));
    const { stdout } = await run(join(checkout, "bin/gantry"), [
      "up",
      "--no-link",
      "--no-cluster",
      "--root",
      engine.root,
      "--run",
      engine.run,
    ]);
    assert.match(stdout, /already up/); // as it answers
    await new Promise<void>((resolve) => plugin.listen(socket, resolve));
    assert.equal((await engine.docker("ps", "-q")).stdout, "");
  } finally {
    plugin.close();
    rmSync(folder, { recursive: true });
  }
});

test("an engine whose plugin is not there does not start", async () => {
  const folder = mkdtempSync(join(tmpdir(), "gantry-authz-"));
  const flags = [
    "--root",
    join(folder, "root"),
    "--run",
    join(folder, "run"),
    "--authorization-plugin",
    "nosuch",
  ];
  const { stderr } = await run(join(checkout, "bin/gantry"), ["engine", ...flags]).catch(
    (error: { stderr: string }) => error,
  );
  assert.match(stderr, /failed to validate authorization plugin: plugin "nosuch" not found/);
  rmSync(folder, { recursive: true });
});

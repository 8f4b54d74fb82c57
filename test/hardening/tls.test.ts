import assert from "node:assert/strict";
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { copyFileSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { request } from "node:https";
import { connect as connectPlain } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { after, before, test } from "node:test";
import { connect, type ConnectionOptions, type SecureVersion, type TLSSocket } from "node:tls";
import { promisify } from "node:util";
import Docker from "dockerode";
import { loadBusybox } from "../support/busybox-image.ts";
import { Authority, type Party } from "../support/certificates.ts";
import { checkout, EngineUnderTest } from "../support/engine.ts";

// The API by TCP: only under TLS, only for clients with a certificate, and for those just as on the socket.

const port = 23_760;
const address = `tcp://127.0.0.1:${port}`;
const run = promisify(execFile);

let folder: string;
let engine: EngineUnderTest;
let authority: Authority;
let server: Party;
let alice: Party;

before(async () => {
  folder = mkdtempSync(join(tmpdir(), "gantry-tls-"));
  authority = new Authority(join(folder, "authority"));
  server = authority.issue(join(folder, "server"), { name: "engine", usage: "serverAuth" });
  alice = authority.issue(join(folder, "alice"), { name: "alice", usage: "clientAuth" });
  const files = ["--tlscacert", server.ca, "--tlscert", server.cert, "--tlskey", server.key];
  engine = await EngineUnderTest.start("10.231.0.1/16", undefined, ["-H", address, "--tlsverify", ...files]);
  await loadBusybox(engine);
});
after(async () => {
  await engine[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true });
});

async function docker(party: Party, ...args: readonly string[]) {
  const tls = ["--tlsverify", "--tlscacert", server.ca, "--tlscert", party.cert, "--tlskey", party.key];
  const env = { ...process.env, DOCKER_CONFIG: "/nonexistent" };
  return run("docker", ["-H", address, ...tls, ...args], { env }).then(
    ({ stdout }) => ({ isDone: true, output: stdout }),
    ({ stderr }: { stderr: string }) => ({ isDone: false, output: stderr }),
  );
}

/** The status of a ping, or why there is none. */
async function ping(party: Partial<Party>, options: ConnectionOptions = {}): Promise<number | string> {
  const { promise, resolve } = Promise.withResolvers<number | string>();
  const read = (path: string | undefined) => (path === undefined ? undefined : readFileSync(path));
  const outgoing = request(
    {
      host: "127.0.0.1",
      port,
      path: "/_ping",
      agent: false,
      ca: read(server.ca),
      cert: read(party.cert),
      key: read(party.key),
      ...options,
    },
    (response) => {
      response.resume();
      resolve(response.statusCode ?? 0);
    },
  );
  outgoing.on("error", (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
  outgoing.end();
  return promise;
}

function connectTls(options: ConnectionOptions = {}): TLSSocket {
  const [ca, cert, key] = [server.ca, alice.cert, alice.key].map((path) => readFileSync(path));
  return connect({ host: "127.0.0.1", port, ca, cert, key, ...options });
}

test("a client with a certificate works as on the socket: run, exec, streams with half-close, cp, events", async () => {
  assert.deepEqual(await docker(alice, "run", "--rm", "test", "echo", "hi"), {
    isDone: true,
    output: "hi\n",
  });
  await docker(alice, "run", "-d", "--name", "kept", "test", "sleep", "1000");
  const piped = spawn(
    "docker",
    [
      "-H",
      address,
      "--tlsverify",
      "--tlscacert",
      server.ca,
      "--tlscert",
      alice.cert,
      "--tlskey",
      alice.key,
    ].concat(["exec", "-i", "kept", "sh", "-c", "cat; echo after the end"]),
    { stdio: ["pipe", "pipe", "inherit"], env: { ...process.env, DOCKER_CONFIG: "/nonexistent" } },
  );
  piped.stdin.end("in\n".repeat(100_000));
  assert.equal(await text(piped.stdout), `${"in\n".repeat(100_000)}after the end\n`);
  assert.equal((await docker(alice, "cp", join(checkout, "package.json"), "kept:/tmp/x")).isDone, true);
  assert.match((await docker(alice, "exec", "kept", "grep", "name", "/tmp/x")).output, /gantry/);
  assert.equal((await docker(alice, "rm", "-f", "kept")).isDone, true);
});

test("dockerode and docker-py work with a certificate", async () => {
  const read = (path: string) => readFileSync(path);
  const client = new Docker({
    host: "127.0.0.1",
    port,
    protocol: "https",
    ca: read(server.ca),
    cert: read(alice.cert),
    key: read(alice.key),
  });
  assert.equal((await client.info()).OSType, "linux");
  const container = await client.createContainer({
    Image: "test",
    Cmd: ["cat"],
    OpenStdin: true,
    StdinOnce: true,
    Tty: false,
  });
  const stream = await container.attach({ stream: true, hijack: true, stdin: true, stdout: true });
  await container.start();
  stream.end("by dockerode\n");
  let seen = "";
  for await (const chunk of stream as AsyncIterable<Buffer>) seen += chunk.toString("latin1");
  assert.match(seen, /by dockerode\n/);
  await container.remove({ force: true });
  const script = `
import docker
tls = docker.tls.TLSConfig(client_cert=("${alice.cert}", "${alice.key}"), ca_cert="${server.ca}", verify=True)
client = docker.DockerClient(base_url="${address}", tls=tls)
print(client.containers.run("test", ["echo", "by docker-py"], remove=True).decode(), end="")`;
  assert.equal(
    (await run("/usr/bin/python3", ["-c", script], { env: { PATH: process.env["PATH"] } })).stdout,
    "by docker-py\n",
  );
});

test("a client without a certificate, or with a wrong one, is let nothing know", async () => {
  const stranger = new Authority(join(folder, "strangers"));
  const wrong = stranger.issue(join(folder, "wrong"), { name: "alice", usage: "clientAuth" });
  const expired = authority.issue(join(folder, "expired"), {
    name: "alice",
    usage: "clientAuth",
    hasExpired: true,
  });
  const servant = authority.issue(join(folder, "servant"), { name: "alice", usage: "serverAuth" });
  assert.equal(await ping(alice), 200);
  assert.equal(typeof (await ping({})), "string");
  for (const party of [wrong, expired, servant]) {
    assert.equal(typeof (await ping(party)), "string", party.folder);
    assert.equal((await docker(party, "ps")).isDone, false);
  }
  const tryVersion = (version: SecureVersion) => ping(alice, { minVersion: version, maxVersion: version });
  assert.equal(typeof (await tryVersion("TLSv1.1")), "string");
  assert.equal(await tryVersion("TLSv1.2"), 200);
  assert.equal(await tryVersion("TLSv1.3"), 200);
  for (const ciphers of ["AES128-SHA", "ECDHE-ECDSA-AES128-SHA", "ECDHE-ECDSA-AES256-SHA384"])
    assert.equal(typeof (await ping(alice, { maxVersion: "TLSv1.2", ciphers })), "string", ciphers);
});

test("no HTTP/2, no session that outlives a look at the certificate, no answer to plain HTTP", async () => {
  const visit = async (session?: Buffer) => {
    const client = connectTls({ ALPNProtocols: ["h2", "http/1.1"], ...(session && { session }) });
    let ticket: Buffer | undefined;
    client.on("session", (bytes: Buffer) => {
      ticket = bytes;
    });
    await once(client, "secureConnect");
    assert.equal(client.alpnProtocol, "http/1.1");
    assert.equal(client.isSessionReused(), false);
    client.write("GET /_ping HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    assert.match(await text(client), /^HTTP\/1.1 200 OK/);
    return ticket;
  };
  await visit(await visit());
  const plain = connectPlain(port, "127.0.0.1");
  plain.on("error", () => {});
  plain.write("GET /_ping HTTP/1.1\r\nHost: x\r\n\r\n");
  assert.doesNotMatch(await text(plain).catch(() => ""), /200|OK|Docker/);
});

test("SIGHUP reads the certificates again, and keeps the old ones when the new make no sense", async () => {
  const fingerprint = async () => {
    const client = connectTls();
    await once(client, "secureConnect");
    const { fingerprint256 } = client.getPeerCertificate();
    client.destroy();
    return fingerprint256;
  };
  const reload = async (expected: RegExp) => {
    process.kill(engine.pid, "SIGHUP");
    await engine.untilLog(expected);
  };
  const before = await fingerprint();
  const fresh = authority.issue(join(folder, "fresh"), { name: "engine", usage: "serverAuth" });
  copyFileSync(fresh.cert, server.cert);
  await reload(/were not read again/); // the key does not fit
  assert.equal(await fingerprint(), before);
  copyFileSync(fresh.key, server.key);
  await reload(/certificates read again/);
  assert.notEqual(await fingerprint(), before);
});

test("TCP without TLS, or TLS for anyone, is refused unless it was asked for in so many words", async () => {
  const root = join(folder, "other");
  const start = (...flags: readonly string[]) =>
    run(join(checkout, "bin/gantry"), ["engine", "--root", root, "--run", join(root, "run"), ...flags]).then(
      () => "it ran",
      ({ stderr }: { stderr: string }) => stderr,
    );
  assert.match(
    await start("-H", "tcp://127.0.0.1:23761"),
    /would give root on this machine to everyone .* --insecure-tcp/,
  );
  assert.match(await start("-H", "tcp://127.0.0.1:23761", "--tls"), /--tls alone lets in everyone/);
  assert.match(
    await start("-H", "tcp://127.0.0.1:23761", "--tlsverify", "--tlscert", "/nope"),
    /could not read TLS certificate \/nope/,
  );
  assert.match(
    await start("-H", address, "--insecure-tcp"),
    /cannot listen on 127.0.0.1:23760: .*EADDRINUSE/,
  );
  await using open = await EngineUnderTest.start("10.232.0.1/16", undefined, [
    "-H",
    "tcp://127.0.0.1:23761",
    "-H",
    `unix://${folder}/second.sock`,
    "--insecure-tcp",
  ]);
  const { stdout } = await run("curl", ["-s", "http://127.0.0.1:23761/_ping"]);
  assert.equal(stdout, "OK");
  assert.equal(
    (await run("curl", ["-s", "--unix-socket", `${folder}/second.sock`, "http://d/_ping"])).stdout,
    "OK",
  );
  await open.untilLog(/everyone who can reach this address is root/);
});

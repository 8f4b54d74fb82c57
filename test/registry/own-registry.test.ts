import assert from "node:assert/strict";
import { execFile, spawn } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import http from "node:http";
import https from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { promisify } from "node:util";
import { Authority } from "../support/certificates.ts";
import { checkout } from "../support/engine.ts";
import { OwnRegistry } from "../support/own-registry.ts";
import { htpasswd } from "../support/registry.ts";
import { octets, sha256, Target, withQuery } from "./conformance/target.ts";

const run = promisify(execFile);
const gantry = join(checkout, "bin/gantry");

let folder: string;
before(() => {
  folder = mkdtempSync(join(tmpdir(), "gantry-own-registry-"));
});
after(() => rmSync(folder, { recursive: true }));

/** A file of passwords with `u`, whose password is `secret`. */
function passwordFile(): string {
  const path = join(folder, "users");
  writeFileSync(path, htpasswd);
  return path;
}

const asUser = { headers: { Authorization: `Basic ${Buffer.from("u:secret").toString("base64")}` } };

test("auth: with passwords nobody reads or writes without one", async () => {
  await using registry = await OwnRegistry.start(["--htpasswd", passwordFile()]);
  const target = new Target(`http://127.0.0.1:${registry.port}`);
  for (const [method, path] of [
    ["GET", "/v2/"],
    ["GET", "/v2/_catalog"],
    ["GET", "/v2/a/tags/list"],
    ["POST", "/v2/a/blobs/uploads/"],
    ["DELETE", "/v2/a/manifests/v1"],
  ] as const) {
    const { status, headers, body } = await target.call(method, path);
    assert.deepEqual([path, status], [path, 401]);
    assert.match(String(headers["www-authenticate"]), /^Basic realm="/);
    assert.match(body.toString(), /"code":"UNAUTHORIZED"/);
  }
  for (const credentials of ["u:wrong", "v:secret", "u", ":", "u:secret\0"]) {
    const headers = { Authorization: `Basic ${Buffer.from(credentials).toString("base64")}` };
    assert.equal((await target.call("GET", "/v2/", { headers })).status, 401, credentials);
  }
  assert.equal((await target.call("GET", "/v2/", asUser)).status, 200);
  assert.equal((await target.call("POST", "/v2/a/blobs/uploads/", { ...asUser, body: "" })).status, 202);
  target.close();
});

test("auth: a password file that changes counts at once, a broken one leaves the old users", async () => {
  const path = passwordFile();
  await using registry = await OwnRegistry.start(["--htpasswd", path]);
  const target = new Target(`http://127.0.0.1:${registry.port}`);
  assert.equal((await target.call("GET", "/v2/", asUser)).status, 200);
  writeFileSync(path, "u:clear\n");
  assert.equal((await target.call("GET", "/v2/", asUser)).status, 200);
  await registry.untilLog(/the old ones stay/);
  writeFileSync(path, "u:$2y$04$abcdefghijklmnopqrstuuOQiyCxlgf/oeuTqixKmWdcYUh4Hjl0a\n");
  assert.equal((await target.call("GET", "/v2/", asUser)).status, 401);
  target.close();
});

test("auth: with anonymous read everybody pulls by a token of nobody's, users push by one of theirs", async () => {
  await using registry = await OwnRegistry.start(["--htpasswd", passwordFile(), "--anonymous", "read"]);
  const target = new Target(`http://127.0.0.1:${registry.port}`);
  const { status, headers } = await target.call("GET", "/v2/");
  assert.equal(status, 401);
  const [, realm = ""] =
    /^Bearer realm="([^"]+)",service="[^"]+"$/.exec(String(headers["www-authenticate"])) ?? [];
  const tokenFor = async (options: object, expected: number) => {
    const reply = await target.call("GET", realm, options);
    assert.equal(reply.status, expected);
    const { token } = JSON.parse(reply.body.toString()) as { token: string };
    return { headers: { Authorization: `Bearer ${token}` } };
  };
  const [nobody, user] = [await tokenFor({}, 200), await tokenFor(asUser, 200)];
  await tokenFor({ headers: { Authorization: `Basic ${Buffer.from("u:no").toString("base64")}` } }, 401);
  assert.equal((await target.call("GET", "/v2/", nobody)).status, 200);
  assert.equal((await target.call("GET", "/v2/_catalog", nobody)).status, 200);
  assert.equal((await target.call("GET", "/v2/_catalog")).status, 200);
  for (const [caller, isDenied] of [
    [nobody, true],
    [{}, false],
  ] as const) {
    const refused = await target.call("POST", "/v2/a/blobs/uploads/", { ...caller, body: "" });
    assert.equal(refused.status, 401);
    const challenge = String(refused.headers["www-authenticate"]);
    assert.match(challenge, /scope="repository:a:pull,push,delete"/);
    // Docker's daemon tries five times, unless it is told that another token would not help.
    assert.equal(challenge.includes('error="insufficient_scope"'), isDenied);
  }
  assert.equal((await target.call("POST", "/v2/a/blobs/uploads/", { ...user, body: "" })).status, 202);
  for (const forged of ["x.y", "e30.e30", `${user.headers.Authorization.slice(7, -2)}xx`]) {
    const caller = { headers: { Authorization: `Bearer ${forged}` } };
    assert.equal((await target.call("GET", "/v2/", caller)).status, 401);
  }
  target.close();
});

test("auth: who guesses passwords is held up, and nobody else", async () => {
  const slow = join(folder, "slow");
  writeFileSync(slow, "u:$2y$12$abcdefghijklmnopqrstuuOQiyCxlgf/oeuTqixKmWdcYUh4Hjl0a\n");
  await using registry = await OwnRegistry.start(["--htpasswd", slow]);
  const target = new Target(`http://127.0.0.1:${registry.port}`);
  const guess = async (number: number) => {
    const headers = { Authorization: `Basic ${Buffer.from(`u:${number}`).toString("base64")}` };
    return (await target.call("GET", "/v2/", { headers })).status;
  };
  const statuses = await Promise.all(Array.from({ length: 12 }, (_, number) => guess(number)));
  const countOf = (wanted: number) => statuses.filter((status) => status === wanted).length;
  assert.deepEqual([countOf(401), countOf(429)], [4, 8]);
  assert.equal(await guess(99), 401);
  target.close();
});

test("flags: what would let strangers in is refused unless it was asked for", async () => {
  for (const [flags, why] of [
    [["--listen", "0.0.0.0:0"], /in the clear/],
    [["--listen", ":0"], /in the clear/],
    [["--listen", ":0", "--insecure"], /could push/],
    [["--anonymous", "nothing"], /lets nobody in/],
    [["--anonymous", "all"], /nothing, read or write/],
    [["--htpasswd", "/nonexistent"], /cannot use the passwords of \/nonexistent/],
    [["--htpasswd", passwordFile(), "--anonymous", "write"], /means nothing/],
    [["--tlscert", "a.pem"], /belong together/],
    [["--tlscert", "/nonexistent", "--tlskey", "/nonexistent"], /could not read TLS certificate/],
    [["--listen", "localhost"], /HOST:PORT or :PORT/],
    [["--listen", "203.0.113.1:1", "--insecure", "--anonymous", "read"], /cannot listen on 203\.0\.113\.1:1/],
  ] as const)
    await assert.rejects(
      run(gantry, ["registry", "--root", join(folder, "refused"), ...flags]),
      (error: { code: number; stderr: string }) => error.code === 1 && why.test(error.stderr),
      flags.join(" "),
    );
});

test("password: makes lines that the registry takes", async () => {
  const child = spawn(gantry, ["registry", "password", "alice"], { stdio: ["pipe", "pipe", "inherit"] });
  child.stdin.end("wonderland\n");
  const line = Buffer.concat(await child.stdout.toArray()).toString();
  const path = join(folder, "made");
  writeFileSync(path, line);
  await using registry = await OwnRegistry.start(["--htpasswd", path]);
  const target = new Target(`http://127.0.0.1:${registry.port}`);
  const headers = { Authorization: `Basic ${Buffer.from("alice:wonderland").toString("base64")}` };
  assert.equal((await target.call("GET", "/v2/", { headers })).status, 200);
  target.close();
});

test("TLS: with a certificate, a key, and clients that show one", async () => {
  const certificates = join(folder, "tls");
  mkdirSync(certificates);
  const authority = new Authority(join(certificates, "ca"));
  for (const [name, usage] of [
    ["registry", "serverAuth"],
    ["client", "clientAuth"],
  ] as const) {
    mkdirSync(join(certificates, name));
    authority.issue(join(certificates, name), { name, usage });
  }
  const file = (...path: string[]) => join(certificates, ...path);
  const flags = ["--tlscert", file("registry", "cert.pem"), "--tlskey", file("registry", "key.pem")];
  const get = (port: number, options: https.RequestOptions) =>
    new Promise<number>((resolve, reject) => {
      https
        .get({ host: "localhost", port, path: "/v2/", agent: false, ...options }, (answer) => {
          answer.resume();
          resolve(answer.statusCode ?? 0);
        })
        .on("error", reject);
    });
  const ca = readFileSync(file("registry", "ca.pem"));
  await using registry = await OwnRegistry.start(flags);
  assert.equal(await get(registry.port, { ca }), 200);
  await assert.rejects(get(registry.port, {}), /certificate/);
  await assert.rejects(new Target(`http://127.0.0.1:${registry.port}`).call("GET", "/v2/"));
  await using strict = await OwnRegistry.start([...flags, "--tlscacert", file("client", "ca.pem")]);
  await assert.rejects(get(strict.port, { ca }));
  const [cert, key] = [readFileSync(file("client", "cert.pem")), readFileSync(file("client", "key.pem"))];
  assert.equal(await get(strict.port, { ca, cert, key }), 200);
});

test("store: a blob is there once, whoever has it, and goes when nobody has it", async () => {
  await using registry = await OwnRegistry.start();
  const target = new Target(`http://127.0.0.1:${registry.port}`);
  const content = randomBytes(100_000);
  const names = [target.name(), target.name()];
  for (const name of names) await target.pushBlob(name, content);
  const blobs = () => readdirSync(join(registry.root, "blobs/sha256"));
  assert.deepEqual(blobs(), [sha256(content).slice(7)]);
  assert.deepEqual(readdirSync(join(registry.root, "uploads")), []);
  for (const name of names) {
    await target.call("DELETE", `${name}/blobs/${sha256(content)}`);
    if (name === names[0])
      assert.equal((await target.call("HEAD", `${names[1]}/blobs/${sha256(content)}`)).status, 200);
  }
  while (blobs().length > 0) await new Promise((resolve) => setTimeout(resolve, 10));
  target.close();
});

test("uploads: an upload goes on after the registry was killed in the middle of it", async () => {
  await using registry = await OwnRegistry.start();
  const target = new Target(`http://127.0.0.1:${registry.port}`);
  const [name, content] = [target.name(), randomBytes(3_000_000)];
  const location = await target.begin(name);
  const first = await target.call("PATCH", location, {
    headers: octets,
    body: content.subarray(0, 1_000_000),
  });
  assert.equal(first.headers.range, "0-999999");
  await registry.stop("SIGKILL");
  await registry.up();
  const status = await target.call("GET", location);
  assert.deepEqual([status.status, status.headers.range], [204, "0-999999"]);
  const put = await target.call("PUT", withQuery(location, { digest: sha256(content) }), {
    headers: { ...octets, "Content-Range": "1000000-2999999" },
    body: content.subarray(1_000_000),
  });
  assert.equal(put.status, 201);
  assert.ok((await target.call("GET", `${name}/blobs/${sha256(content)}`)).body.equals(content));
  target.close();
});

test("uploads: a client that goes away in the middle goes on where it got to, also while the old request hangs", async () => {
  await using registry = await OwnRegistry.start();
  const target = new Target(`http://127.0.0.1:${registry.port}`);
  const [name, content] = [target.name(), randomBytes(1_000_000)];
  const location = await target.begin(name);
  const hanging = http.request({
    host: "127.0.0.1",
    port: registry.port,
    method: "PATCH",
    path: location,
    headers: { ...octets, "Content-Length": content.length },
  });
  hanging.on("error", () => {});
  hanging.write(content.subarray(0, 400_000));
  const range = async () => String((await target.call("GET", location)).headers.range);
  while ((await range()) !== "0-399999") await new Promise((resolve) => setTimeout(resolve, 10));
  const put = await target.call("PUT", withQuery(location, { digest: sha256(content) }), {
    headers: { ...octets, "Content-Range": "400000-999999" },
    body: content.subarray(400_000),
  });
  hanging.destroy();
  assert.equal(put.status, 201);
  target.close();
});

test("uploads: killed at random moments of a push, never half a manifest, and the next push succeeds", async () => {
  await using registry = await OwnRegistry.start();
  const target = new Target(`http://127.0.0.1:${registry.port}`);
  for (let round = 0; round < 8; round++) {
    const name = target.name();
    const timer = setTimeout(() => void registry.stop("SIGKILL"), 5 + round * 12);
    const pushed = await target.pushImage(name, "v1").catch(() => undefined);
    clearTimeout(timer);
    await registry.stop("SIGKILL");
    await registry.up();
    await assertWhole(target, name, pushed !== undefined);
    await target.pushImage(name, "v1");
    await assertWhole(target, name, true);
  }
  assert.deepEqual(
    readdirSync(join(registry.root, "blobs/sha256")).filter(
      (hex) => hashOf(join(registry.root, "blobs/sha256", hex)) !== hex,
    ),
    [],
  );
  target.close();
});

/** What the tag names is all there, or there is no tag; there has to be one that was acknowledged. */
async function assertWhole(target: Target, name: string, isAcknowledged: boolean): Promise<void> {
  const { status, body } = await target.call("GET", `${name}/manifests/v1`);
  if (!isAcknowledged && status === 404) return;
  assert.equal(status, 200);
  const { config, layers } = JSON.parse(body.toString()) as { config: Named; layers: Named[] };
  for (const { digest } of [config, ...layers])
    assert.equal(sha256((await target.call("GET", `${name}/blobs/${digest}`)).body), digest);
}

interface Named {
  readonly digest: string;
}

function hashOf(path: string): string {
  return createHash("sha256").update(readFileSync(path)).digest("hex");
}

test("hostile: bodies that nobody asked for, heads that never end, too many uploads", async () => {
  await using registry = await OwnRegistry.start();
  const target = new Target(`http://127.0.0.1:${registry.port}`);
  const large = await target.call("PUT", "a/manifests/v1", { body: Buffer.alloc(8 * 1024 * 1024, 32) });
  assert.deepEqual([large.status, large.body.toString().includes("SIZE_INVALID")], [413, true]);
  const head = await target.call("GET", "/v2/", { headers: { "X-Long": "x".repeat(40_000) } });
  assert.equal(head.status, 431);
  const name = target.name();
  const statuses = new Set<number>();
  for (let count = 0; count < 210; count++)
    statuses.add((await target.call("POST", `${name}/blobs/uploads/`, { body: "" })).status);
  assert.deepEqual([...statuses], [202, 429]);
  assert.equal((await target.call("POST", `${target.name()}/blobs/uploads/`, { body: "" })).status, 202);
  assert.equal(await registry.stop("SIGTERM"), 0);
  assert.doesNotMatch(registry.log, /"level":"error"/);
  target.close();
});

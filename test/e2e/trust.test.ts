import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { createReadStream, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { loadBusybox } from "../support/busybox-image.ts";
import { checkout, EngineUnderTest } from "../support/engine.ts";

const folder = mkdtempSync(join(tmpdir(), "gantry-trust-"));
const policy = join(folder, "policy.json");
const anything = { default: [{ type: "insecureAcceptAnything" }] };
let engine: EngineUnderTest;

function writePolicy(document: object): void {
  writeFileSync(policy, JSON.stringify(document));
}

/** The daemon says in its log when it has read the policy again. */
async function changePolicy(document: object, expected = /trust policy read again/): Promise<void> {
  const before = engine.log.length;
  writePolicy(document);
  process.kill(engine.pid, "SIGHUP");
  await engine.untilLog(expected, before);
}

function gantry(...args: readonly string[]): Promise<{ readonly code: number; readonly out: string }> {
  const { promise, resolve } = Promise.withResolvers<{ readonly code: number; readonly out: string }>();
  const env = { ...process.env, DOCKER_HOST: `unix://${engine.socket}`, GANTRY_TRUST_PASSPHRASE: "secret" };
  execFile(join(checkout, "bin/gantry"), args, { env, cwd: folder }, (error, stdout, stderr) =>
    resolve({ code: typeof error?.code === "number" ? error.code : 0, out: stdout + stderr }),
  );
  return promise;
}

before(async () => {
  writePolicy(anything);
  engine = await EngineUnderTest.start("10.219.0.1/16", undefined, ["--trust-policy", policy]);
  await loadBusybox(engine, "acme/app:1");
  const { code, out } = await gantry("trust", "key", "generate", "-o", "acme");
  assert.equal(code, 0, out);
});
after(async () => {
  await engine[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true });
});

const signed = {
  default: [{ type: "reject" }],
  transports: {
    docker: {
      "docker.io/acme": [
        {
          type: "sigstoreSigned",
          keyPath: join(folder, "acme.pub"),
          signedIdentity: { type: "matchRepository" },
        },
      ],
    },
  },
};

test("trust: the private key is for its owner alone, and under the passphrase", async () => {
  assert.equal(statSync(join(folder, "acme.key")).mode & 0o777, 0o600);
  assert.match(
    readFileSync(join(folder, "acme.key"), "utf8"),
    /^-----BEGIN ENCRYPTED GANTRY PRIVATE KEY-----/,
  );
  writeFileSync(join(folder, "wrong"), "other\n");
  const { code, out } = await gantry(
    "trust",
    "sign",
    "--key",
    "acme.key",
    "--passphrase-file",
    "wrong",
    "acme/app:1",
  );
  assert.equal(code, 1);
  assert.match(out, /the passphrase is another/);
});

test("trust: create and start are refused by a policy, until the image is signed", async () => {
  const made = await engine.docker("create", "--name", "early", "acme/app:1", "true");
  assert.equal(made.code, 0, made.stderr);
  await changePolicy(signed);
  const run = await engine.docker("run", "--rm", "acme/app:1", "true");
  assert.equal(run.code, 125);
  assert.match(
    run.stderr,
    /Error response from daemon: image acme\/app:1 is refused by the trust policy: scope "docker.io\/acme": a signature was required, but there is none/,
  );
  const start = await engine.docker("start", "early");
  assert.match(start.stderr, /refused by the trust policy/);
  const id = (await engine.docker("inspect", "-f", "{{.Image}}", "early")).stdout.trim();
  assert.match((await engine.docker("run", "--rm", id, "true")).stderr, /refused by the trust policy/);
  await engine.untilLog(
    /"level":"warn","msg":"image refused by the trust policy","area":"trust","use":"start"/,
  );
  assert.equal((await gantry("trust", "policy", "test", "acme/app:1")).code, 1);

  const { code, out } = await gantry("trust", "sign", "--key", "acme.key", "acme/app:1");
  assert.equal(code, 0, out);
  assert.match(out, /^sha256:[0-9a-f]{64} signed as docker.io\/acme\/app:1\n$/);
  assert.equal((await engine.docker("run", "--rm", "acme/app:1", "echo", "fine")).stdout, "fine\n");
  assert.equal((await engine.docker("run", "--rm", id, "echo", "fine")).stdout, "fine\n");
  assert.equal((await engine.docker("start", "-a", "early")).code, 0);
  await engine.docker("rm", "early");
  await engine.untilLog(/"msg":"image accepted by the trust policy"/);
  assert.match((await gantry("trust", "verify", "--key", "acme.pub", "acme/app:1")).out, /trusted/);
  assert.match((await gantry("trust", "verify", "acme/app:1")).out, /trusted: scope/);
  assert.match((await gantry("trust", "policy", "show")).out, /sigstoreSigned/);
});

test("trust: a name that is not signed for is refused, whatever it stands for", async () => {
  await engine.docker("tag", "acme/app:1", "acme/other:1");
  await engine.docker("tag", "acme/app:1", "elsewhere:1");
  assert.match(
    (await engine.docker("run", "--rm", "acme/other:1", "true")).stderr,
    /which matchRepository does not accept/,
  );
  assert.match(
    (await engine.docker("run", "--rm", "elsewhere:1", "true")).stderr,
    /default: everything is rejected/,
  );
  await engine.docker("rmi", "acme/other:1", "elsewhere:1");
});

test("trust: neither a build nor a mount uses what is refused", async () => {
  await changePolicy({ default: [{ type: "reject" }] });
  writeFileSync(join(folder, "Dockerfile"), "FROM acme/app:1\nRUN true\n");
  const env = await gantry("build", "-t", "made", ".");
  assert.match(env.out, /refused by the trust policy/);
  await changePolicy(anything);
  const mount = ["--mount", "type=image,source=acme/app:1,target=/mnt"];
  await engine.docker("tag", "acme/app:1", "free:1");
  await changePolicy({ ...signed, transports: { docker: { "docker.io/library/free": anything.default } } });
  assert.match(
    (await engine.docker("run", "--rm", ...mount, "free:1", "true")).stderr,
    /refused by the trust policy/,
  );
  await engine.docker("rmi", "free:1");
});

test("trust: what is saved brings its signature along; without it, load refuses before anything is unpacked", async () => {
  await changePolicy(signed);
  const archive = join(folder, "saved.tar");
  assert.equal((await engine.docker("save", "-o", archive, "acme/app:1")).code, 0);
  await engine.docker("rmi", "-f", "acme/app:1");
  const answer = await engine.upload("POST", "/images/load", createReadStream(archive));
  assert.match(answer.body, /Loaded image: acme\/app:1/);
  assert.equal((await engine.docker("run", "--rm", "acme/app:1", "echo", "fine")).stdout, "fine\n");
  await engine.docker("rmi", "-f", "acme/app:1");
  await assert.rejects(loadBusybox(engine, "acme/app:1"), /refused by the trust policy/);
  assert.equal((await engine.docker("images", "-q")).stdout, "");
});

test("trust: a policy that makes no sense leaves the old one in force, and an engine does not start with it", async () => {
  await changePolicy({ default: [{ type: "reject" }], more: 1 }, /the old one stays in force/);
  assert.match((await gantry("trust", "policy", "show")).out, /sigstoreSigned/);
  await assert.rejects(
    EngineUnderTest.start("10.219.0.1/16", undefined, ["--trust-policy", policy]),
    /unknown field/,
  );
  await changePolicy(anything);
});

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { issue, pemOf, publicPem } from "#engine/trust/certificates.fixture.ts";
import { loadBusybox } from "../support/busybox-image.ts";
import { checkout, EngineUnderTest } from "../support/engine.ts";
import { RegistryUnderTest } from "../support/registry.ts";

const folder = mkdtempSync(join(tmpdir(), "gantry-trust-push-"));
const now = Date.now();
const root = issue({ notBefore: now - 1e9, notAfter: now + 1e9, isAuthority: true, subject: { CN: "root" } });
const alice = issue({ notBefore: now - 1e8, notAfter: now + 1e8, issuer: root });
const bob = issue({ notBefore: now - 1e8, notAfter: now + 1e8, issuer: root });
let registry: RegistryUnderTest;
let signer: EngineUnderTest;
let image: string;

for (const [name, one] of Object.entries({ alice, bob })) {
  writeFileSync(join(folder, `${name}.key`), one.privateKey.export({ type: "pkcs8", format: "pem" }));
  writeFileSync(join(folder, `${name}.pub`), publicPem(one.publicKey));
  writeFileSync(join(folder, `${name}.pem`), pemOf(one, root));
}

function gantry(engine: EngineUnderTest, ...args: readonly string[]) {
  const { promise, resolve } = Promise.withResolvers<{ readonly code: number; readonly out: string }>();
  const env = { ...process.env, DOCKER_HOST: `unix://${engine.socket}`, DOCKER_CONFIG: folder };
  execFile(join(checkout, "bin/gantry"), args, { env, cwd: folder }, (error, stdout, stderr) =>
    resolve({ code: typeof error?.code === "number" ? error.code : 0, out: stdout + stderr }),
  );
  return promise;
}

async function good(engine: EngineUnderTest, ...args: readonly string[]): Promise<string> {
  const { code, out } = await gantry(engine, ...args);
  assert.equal(code, 0, out);
  return out;
}

/** An engine that accepts what the policy accepts. */
function strict(name: string, cidr: string, document: object): Promise<EngineUnderTest> {
  const file = join(folder, name);
  writeFileSync(file, JSON.stringify(document));
  return EngineUnderTest.start(cidr, undefined, ["--trust-policy", file]);
}

const signedBy = (...keys: readonly string[]) => ({
  default: [{ type: "reject" }],
  transports: {
    docker: {
      [registry.host]: keys.map((key) => ({
        type: "sigstoreSigned",
        keyPath: join(folder, `${key}.pub`),
        signedIdentity: { type: "matchRepository" },
      })),
    },
  },
});

async function document(
  reference: string,
): Promise<{ readonly manifests?: readonly object[]; readonly layers?: readonly object[] }> {
  const accept = "application/vnd.oci.image.index.v1+json, application/vnd.oci.image.manifest.v1+json";
  const answer = await fetch(`http://${registry.host}/v2/acme/app/manifests/${reference}`, {
    headers: { accept },
  });
  assert.equal(answer.status, 200, reference);
  return (await answer.json()) as object;
}

before(async () => {
  registry = await RegistryUnderTest.start();
  image = `${registry.host}/acme/app:1`;
  signer = await EngineUnderTest.start("10.234.0.1/16");
  await loadBusybox(signer, image);
});
after(async () => {
  await signer[Symbol.asyncDispose]();
  await registry[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true });
});

test("push: the signatures of an image go with it, where a registry has no referrers too", async () => {
  await good(signer, "trust", "sign", "--key", "alice.key", image);
  await good(signer, "trust", "sign", "--key", "bob.key", "--simple", image);
  await good(
    signer,
    "trust",
    "sign",
    "--key",
    "alice.key",
    "--certificate",
    "alice.pem",
    "--notation",
    "cose",
    image,
  );
  const out = await good(signer, "push", image);
  assert.equal(out.match(/signature pushed: sha256:/g)?.length, 3);
  const digest = /digest: sha256:([0-9a-f]{64})/.exec(out)?.[1] ?? "";
  const counts = async () => [
    (await document(`sha256-${digest}`)).manifests?.length,
    (await document(`sha256-${digest}.sig`)).layers?.length,
  ];
  assert.deepEqual(await counts(), [2, 1]);
  await good(signer, "push", image);
  assert.deepEqual(await counts(), [2, 1], "a second push adds nothing");
  await good(signer, "trust", "sign", "--key", "alice.key", "--simple", image);
  await good(signer, "push", image);
  assert.deepEqual(await counts(), [2, 2], "a second signer's stands beside the first one's");
});

/** Debian's is built without the verification itself, and says so once for every signature that it found. */
test("push: skopeo finds the older form of both signers", async () => {
  const policy = join(folder, "skopeo.json");
  writeFileSync(policy, JSON.stringify(signedBy("bob")));
  mkdirSync(join(folder, "registries.d"));
  writeFileSync(join(folder, "registries.d/all.yaml"), "default-docker:\n  use-sigstore-attachments: true\n");
  const said = await new Promise<string>((resolve) => {
    const places = ["--policy", policy, "--registries.d", join(folder, "registries.d")];
    const args = ["copy", "--src-tls-verify=false", `docker://${image}`, `dir:${join(folder, "copy")}`];
    execFile("skopeo", [...places, ...args], (error, out, err) =>
      resolve(error === null ? "copied" : out + err),
    );
  });
  assert.match(said, /^copied$|reasons: [^;]*sigstore disabled; [^;]*sigstore disabled"/);
});

test("push: another host pulls the image because of its signatures alone", async () => {
  await using both = await strict("both.json", "10.235.0.1/16", signedBy("alice", "bob"));
  await good(both, "pull", image);
  const { out } = await gantry(both, "trust", "verify", "--key", "alice.pub", image);
  assert.match(out, /trusted/);
});

test("push: Notation's policy finds the COSE envelope", async () => {
  const trustpolicy = join(folder, "notation");
  mkdirSync(join(trustpolicy, "truststore/x509/ca/acme"), { recursive: true });
  writeFileSync(join(trustpolicy, "truststore/x509/ca/acme/root.pem"), pemOf(root));
  const file = join(trustpolicy, "trustpolicy.json");
  const statement = {
    name: "acme",
    registryScopes: [`${registry.host}/acme/app`],
    signatureVerification: { level: "strict" },
    trustStores: ["ca:acme"],
    trustedIdentities: ["x509.subject: C=DE, ST=BE, O=Test"],
  };
  writeFileSync(file, JSON.stringify({ version: "1.0", trustPolicies: [statement] }));
  await using engine = await EngineUnderTest.start("10.236.0.1/16", undefined, ["--trust-policy", file]);
  await good(engine, "pull", image);
  assert.match(await good(engine, "trust", "policy", "test", image), /trusted/);
});

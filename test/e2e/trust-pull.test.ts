import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import {
  descriptorOf,
  digestOfBytes,
  layerOf,
  ociImage,
  ociIndexType,
  ociManifestType,
} from "#engine/images/archives.fixture.ts";
import { publicPem } from "#engine/trust/certificates.fixture.ts";
import { signBundle, signSimple } from "#engine/trust/sign.ts";
import { signatureArtifact } from "#engine/trust/signatures.fixture.ts";
import type { Digest } from "#oci/digest.ts";
import { EngineUnderTest } from "../support/engine.ts";

const bundleType = "application/vnd.dev.sigstore.bundle.v0.3+json";

/** A registry of what it is told: documents and blobs by digest, tags, and nothing else. */
async function serve(knowsReferrers: boolean) {
  const blobs = new Map<string, string | Uint8Array>();
  const tags = new Map<string, string>();
  const referrers = new Map<string, string>();
  const server = createServer(({ url = "" }, answer) => {
    const [, kind = "", what = ""] = /\/(manifests|blobs|referrers)\/([^/]+)$/.exec(url) ?? [];
    if (url === "/v2/") return answer.end("{}");
    const isReferrers = kind === "referrers";
    const digest = tags.get(what) ?? what;
    const content = isReferrers ? (knowsReferrers ? referrers.get(what) : undefined) : blobs.get(digest);
    if (content === undefined) return answer.writeHead(404).end('{"errors":[{"code":"MANIFEST_UNKNOWN"}]}');
    const type = (JSON.parse(kind === "blobs" ? "{}" : String(content)) as { mediaType?: string }).mediaType;
    answer.writeHead(200, {
      "content-type": type ?? "application/octet-stream",
      "docker-content-digest": digest,
      "content-length": Buffer.byteLength(content),
    });
    return answer.end(content);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const add = (...contents: readonly (string | Uint8Array)[]) => {
    for (const content of contents) blobs.set(digestOfBytes(content), content);
  };
  return { host: `127.0.0.1:${port}`, add, tags, referrers, [Symbol.dispose]: () => void server.close() };
}

test("trust: a pull takes signatures from the registry, and without one fetches no layer", async () => {
  const folder = mkdtempSync(join(tmpdir(), "gantry-trust-pull-"));
  using modern = await serve(true);
  using old = await serve(false);
  const signer = generateKeyPairSync("ec", { namedCurve: "prime256v1" });
  const requirement = {
    type: "sigstoreSigned",
    keyData: Buffer.from(publicPem(signer.publicKey)).toString("base64"),
  };
  const policy = join(folder, "policy.json");
  const docker = { [modern.host]: [requirement], [old.host]: [requirement] };
  writeFileSync(policy, JSON.stringify({ default: [{ type: "reject" }], transports: { docker } }));
  await using engine = await EngineUnderTest.start("10.220.0.1/16", undefined, ["--trust-policy", policy]);

  const layers = [layerOf("base")];
  const image = ociImage(layers);
  const platform = { os: "linux", architecture: process.arch === "arm64" ? "arm64" : "amd64" };
  const index = JSON.stringify({
    schemaVersion: 2,
    mediaType: ociIndexType,
    manifests: [descriptorOf(ociManifestType, image.manifest, { platform })],
  });
  for (const registry of [modern, old]) {
    registry.add(...image.blobs, index);
    registry.tags.set("1", digestOfBytes(index));
    registry.tags.set("2", digestOfBytes(image.manifest));
  }
  // By the API, a bundle of the index.
  const subject = descriptorOf(ociIndexType, index);
  const content = signBundle(signer, digestOfBytes(index) as Digest, `${modern.host}/acme/app:1`);
  const artifact = signatureArtifact(
    { mediaType: bundleType, content },
    { artifactType: bundleType, subject },
  );
  const listed = JSON.stringify({
    schemaVersion: 2,
    mediaType: ociIndexType,
    manifests: [descriptorOf(ociManifestType, artifact.manifest)],
  });
  const unsigned = await engine.docker("pull", `${modern.host}/acme/app:1`);
  assert.match(unsigned.stderr, /refused by the trust policy: .*there is none/);
  modern.add(...artifact.blobs);
  modern.referrers.set(digestOfBytes(index), listed);
  const pulled = await engine.docker("pull", `${modern.host}/acme/app:1`);
  assert.equal(pulled.code, 0, pulled.stderr);
  const made = await engine.docker("create", `${modern.host}/acme/app:1`);
  assert.equal(made.code, 0, made.stderr);
  await engine.docker("rm", made.stdout.trim());
  assert.match(
    (await engine.docker("pull", `${modern.host}/acme/app:2`)).stderr,
    /refused by the trust policy/,
  );

  // By cosign's tag, of the manifest itself.
  const { payload, signature } = signSimple(
    signer,
    digestOfBytes(image.manifest) as Digest,
    `${old.host}/acme/app:2`,
  );
  const simple = signatureArtifact({
    mediaType: "application/vnd.dev.cosign.simplesigning.v1+json",
    content: payload,
    annotations: { "dev.cosignproject.cosign/signature": signature },
  });
  old.add(...simple.blobs);
  old.tags.set(`sha256-${digestOfBytes(image.manifest).slice(7)}.sig`, digestOfBytes(simple.manifest));
  const second = await engine.docker("pull", `${old.host}/acme/app:2`);
  assert.equal(second.code, 0, second.stderr);
  assert.match((await engine.docker("pull", `${old.host}/acme/app:1`)).stderr, /refused by the trust policy/);
  await engine.docker("rmi", "-f", ...(await engine.docker("images", "-q")).stdout.trim().split("\n"));
  rmSync(folder, { recursive: true });
});

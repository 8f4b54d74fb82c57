import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { createPublicKey, generateKeyPairSync, X509Certificate } from "node:crypto";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { once } from "node:events";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { connect, createServer, type TLSSocket } from "node:tls";
import { subjectOfCertificate } from "#base/distinguished-name.ts";
import { isFault } from "#base/fault.ts";
import { silentLog } from "#base/log.ts";
import { issueCertificate } from "#host/x509/certificate.ts";
import { ensureEncryptionKeys } from "./encryption-keys.ts";
import { ensureAdminKubeconfig } from "./kubeconfig.ts";
import { identityNames } from "./identities.ts";
import { ensurePki, type PkiDeps } from "./pki.ts";
import { PkiKeeper } from "./pki-keeper.ts";

const DAY_MS = 86_400_000;

function newDeps(t: TestContext, more: Partial<PkiDeps> = {}): PkiDeps {
  const folder = mkdtempSync(join(tmpdir(), "gantry-pki-"));
  t.after(() => rmSync(folder, { recursive: true }));
  return {
    folder: join(folder, "pki"),
    hostname: "host-a",
    nodeName: "node-a",
    addresses: ["192.0.2.7", "2001:db8::7"],
    now: () => new Date(),
    log: silentLog,
    ...more,
  };
}

const later = (days: number) => () => new Date(Date.now() + days * DAY_MS);
const openssl = (...args: readonly string[]) =>
  execFileSync("openssl", args, { encoding: "utf8", stdio: "pipe" });

test("ensurePki: OpenSSL accepts every certificate for its purpose", (t) => {
  const deps = newDeps(t);
  ensurePki(deps);
  for (const name of identityNames) {
    const authority = name === "front-proxy-client" ? "front-proxy-ca.crt" : "ca.crt";
    const purpose = name === "apiserver" || name === "kubelet" ? "sslserver" : "sslclient";
    openssl(
      "verify",
      "-x509_strict",
      "-CAfile",
      join(deps.folder, authority),
      "-purpose",
      purpose,
      join(deps.folder, `${name}.crt`),
    );
  }
  const server = join(deps.folder, "apiserver.crt");
  for (const address of ["127.0.0.1", "::1", "10.96.0.1", "192.0.2.7", "2001:db8::7"])
    openssl("verify", "-CAfile", join(deps.folder, "ca.crt"), "-verify_ip", address, server);
  for (const host of ["localhost", "kubernetes.default.svc.cluster.local", "kubernetes", "host-a"])
    openssl("verify", "-CAfile", join(deps.folder, "ca.crt"), "-verify_hostname", host, server);
});

test("ensurePki: subjects are what upstream's authorisation expects", (t) => {
  const { identities } = ensurePki(newDeps(t));
  const subjectOf = (name: keyof typeof identities) =>
    subjectOfCertificate(new X509Certificate(identities[name].certificate).raw);
  assert.deepEqual(subjectOf("admin"), { commonName: "kubernetes-admin", organizations: ["system:masters"] });
  assert.deepEqual(subjectOf("kubelet-client"), {
    commonName: "system:node:node-a",
    organizations: ["system:nodes"],
  });
  assert.deepEqual(subjectOf("scheduler"), { commonName: "system:kube-scheduler", organizations: [] });
});

test("ensurePki: files are for their owner only", (t) => {
  const deps = newDeps(t);
  ensurePki(deps);
  assert.equal(statSync(deps.folder).mode & 0o777, 0o700);
  for (const name of readdirSync(deps.folder))
    assert.equal(statSync(join(deps.folder, name)).mode & 0o777, 0o600, name);
});

test("ensurePki: a second call changes nothing", (t) => {
  const deps = newDeps(t);
  const first = ensurePki(deps);
  const second = ensurePki(deps);
  assert.deepEqual(second.identities, first.identities);
  assert.equal(second.authority, first.authority);
});

test("ensurePki: whatever file a crash left out, cut short or half-written, the next call mends it", (t) => {
  const deps = newDeps(t);
  ensurePki(deps);
  const before = new Map(
    readdirSync(deps.folder).map((name) => [name, readFileSync(join(deps.folder, name))]),
  );
  const verifies = () => {
    for (const name of identityNames)
      openssl(
        "verify",
        "-CAfile",
        join(deps.folder, name === "front-proxy-client" ? "front-proxy-ca.crt" : "ca.crt"),
        join(deps.folder, `${name}.crt`),
      );
  };
  for (const [name] of before) {
    const isPrecious = /^(?:ca|front-proxy-ca|sa)\.key$/.test(name);
    rmSync(join(deps.folder, name));
    // An authority's key may only be missing when its certificate is: it is written first.
    if (isPrecious) rmSync(join(deps.folder, name.replace(".key", ".crt")), { force: true });
    writeFileSync(join(deps.folder, `${name}.new`), "half");
    ensurePki(deps);
    assert.ok(!existsSync(join(deps.folder, `${name}.new`)));
    if (/^(?:ca|front-proxy-ca|sa)\./.test(name)) continue;
    writeFileSync(join(deps.folder, name), "");
    ensurePki(deps);
  }
  verifies();
});

test("ensurePki: an authority that cannot be read is never replaced", (t) => {
  const deps = newDeps(t);
  ensurePki(deps);
  for (const name of ["ca.key", "ca.crt", "sa.key"]) {
    const path = join(deps.folder, name);
    const text = readFileSync(path);
    writeFileSync(path, "rubbish");
    assert.throws(
      () => ensurePki(deps),
      (error) => isFault(error, "invalid") && error.message.includes(name),
    );
    writeFileSync(path, text);
  }
});

test("ensurePki: certificates are made anew before they end, when names change, and after a clock that was ahead", (t) => {
  const deps = newDeps(t);
  const first = ensurePki(deps);
  const soon = ensurePki({ ...deps, now: later(100) });
  assert.deepEqual(soon.identities, first.identities);
  const renewed = ensurePki({ ...deps, now: later(300) });
  assert.equal(renewed.authority, first.authority);
  for (const name of identityNames)
    assert.notEqual(renewed.identities[name].certificate, first.identities[name].certificate);
  const back = ensurePki(deps);
  assert.notEqual(back.identities.admin.certificate, renewed.identities.admin.certificate);
  const moved = ensurePki({ ...deps, addresses: ["192.0.2.8"] });
  assert.notEqual(moved.identities.apiserver.certificate, back.identities.apiserver.certificate);
  assert.equal(moved.identities.admin.certificate, back.identities.admin.certificate);
});

test("ensurePki: an authority is renewed with its key, and what it signed before stays good", (t) => {
  const deps = newDeps(t);
  const first = ensurePki(deps);
  const old = join(deps.folder, "old.pem");
  writeFileSync(old, first.identities.admin.certificate);
  const renewed = ensurePki({ ...deps, now: later(9 * 365) });
  assert.notEqual(renewed.authority, first.authority);
  const at = String(Math.floor(Date.now() / 1000));
  writeFileSync(join(deps.folder, "old-ca.pem"), first.authority);
  openssl("verify", "-attime", at, "-CAfile", join(deps.folder, "old-ca.pem"), old);
  assert.ok(
    new X509Certificate(first.identities.admin.certificate).verify(
      new X509Certificate(renewed.authority).publicKey,
    ),
  );
});

test("ensurePki: TLS with client certificates works between what it makes", async (t) => {
  const { authority, identities } = ensurePki(newDeps(t));
  const { certificate: cert, key } = identities.apiserver;
  const server = createServer(
    { cert, key, ca: authority, requestCert: true, rejectUnauthorized: true },
    (socket) => {
      const peer = socket.getPeerX509Certificate();
      socket.end(peer === undefined ? "" : subjectOfCertificate(peer.raw).commonName);
    },
  ).listen(0, "127.0.0.1");
  t.after(() => server.close());
  await once(server, "listening");
  const { port } = server.address() as { port: number };
  const { certificate, key: clientKey } = identities.scheduler;
  const socket: TLSSocket = connect({
    port,
    host: "127.0.0.1",
    ca: authority,
    cert: certificate,
    key: clientKey,
  });
  const [chunk] = (await once(socket, "data")) as [Buffer];
  assert.equal(chunk.toString(), "system:kube-scheduler");
  socket.destroy();
});

test("PkiKeeper: tells when certificates have been made anew, and only then", (t) => {
  let now = Date.now();
  using keeper = new PkiKeeper(newDeps(t, { now: () => new Date(now) }));
  let told = 0;
  keeper.onRenewed(() => told++);
  keeper.renew();
  assert.equal(told, 0);
  now += 300 * DAY_MS;
  keeper.renew();
  assert.equal(told, 1);
  keeper.renew(["192.0.2.99"]);
  assert.equal(told, 2);
});

test("issueCertificate: long texts, many organisations and years after 2049 are what OpenSSL reads back", (t) => {
  const { folder, ...deps } = newDeps(t);
  const { issuer } = ensurePki({ folder, ...deps });
  const { publicKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  const organizations = ["b".repeat(200), "a", "é"];
  const pem = issueCertificate(
    {
      subject: { commonName: "x".repeat(300), organizations },
      publicKey,
      usages: ["digital signature", "key encipherment", "client auth", "server auth"],
      names: Array.from({ length: 300 }, (_, index) => `a${index}.example`),
      emails: ["x@y.z"],
      uris: ["spiffe://a/b"],
      notBefore: new Date("2020-01-01T00:00:00Z"),
      notAfter: new Date("2060-01-01T00:00:00Z"),
    },
    issuer,
  );
  const certificate = new X509Certificate(pem);
  assert.ok(certificate.verify(createPublicKey(issuer.key)));
  assert.equal(certificate.validToDate.toISOString(), "2060-01-01T00:00:00.000Z");
  const subject = subjectOfCertificate(certificate.raw);
  assert.equal(subject.commonName.length, 300);
  assert.deepEqual(subject.organizations.toSorted(), organizations.toSorted());
  writeFileSync(join(folder, "long.pem"), pem);
  const text = openssl("x509", "-in", join(folder, "long.pem"), "-noout", "-text");
  assert.match(text, /email:x@y\.z, .*DNS:a299\.example, URI:spiffe:\/\/a\/b/);
});

test("ensureAdminKubeconfig: has the authority and the administrator's identity, for nobody else to read", (t) => {
  const deps = newDeps(t);
  const pki = ensurePki(deps);
  ensureAdminKubeconfig(pki, "https://127.0.0.1:6443", deps.folder);
  const file = join(deps.folder, "kubeconfig");
  const text = readFileSync(file, "utf8");
  const [, data = ""] = /client-certificate-data: (\S+)/.exec(text) ?? [];
  assert.equal(Buffer.from(data, "base64").toString(), pki.identities.admin.certificate);
  assert.match(text, /server: https:\/\/127\.0\.0\.1:6443/);
  assert.equal(statSync(file).mode & 0o777, 0o600);
  const { ino } = statSync(file);
  ensureAdminKubeconfig(pki, "https://127.0.0.1:6443", deps.folder);
  assert.equal(statSync(file).ino, ino);
});

test("ensureEncryptionKeys: one key a year, old ones are kept, and a broken file is never replaced", (t) => {
  const { folder } = newDeps(t);
  const first = ensureEncryptionKeys({ folder, now: later(0) });
  assert.deepEqual(ensureEncryptionKeys({ folder, now: later(100) }), first);
  const second = ensureEncryptionKeys({ folder, now: later(366) });
  assert.deepEqual(second.slice(1), [...first]);
  assert.equal(statSync(join(folder, "encryption.keys")).mode & 0o777, 0o600);
  for (const text of ["", "{}", "[]", '[{"id":"a","key":"AAAA","created":"2026-01-01T00:00:00Z"}]']) {
    writeFileSync(join(folder, "encryption.keys"), text);
    assert.throws(
      () => ensureEncryptionKeys({ folder, now: later(0) }),
      (error) => isFault(error, "invalid"),
    );
  }
});

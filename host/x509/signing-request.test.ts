import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { generateKeyPairSync } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import fc from "fast-check";
import { isFault } from "#base/fault.ts";
import { makeSigningRequest, parseSigningRequest } from "./signing-request.ts";

const openssl = (...args: readonly string[]) =>
  execFileSync("openssl", args, { encoding: "utf8", stdio: "pipe" });
const isInvalid = (error: unknown) => isFault(error, "invalid");

test("parseSigningRequest: reads what OpenSSL makes, with every kind of key", (t) => {
  const folder = mkdtempSync(join(tmpdir(), "gantry-csr-"));
  t.after(() => rmSync(folder, { recursive: true }));
  const file = (name: string) => join(folder, name);
  const names = "subjectAltName=DNS:a.example,IP:192.0.2.1,IP:2001:db8::1,email:x@y.z,URI:spiffe://a/b";
  for (const key of [
    ["ec", "-pkeyopt", "ec_paramgen_curve:P-256"],
    ["ec", "-pkeyopt", "ec_paramgen_curve:P-384"],
    ["rsa:2048"],
    ["ed25519"],
  ]) {
    openssl(
      "req",
      "-new",
      "-newkey",
      ...key,
      "-nodes",
      "-keyout",
      file("key"),
      "-out",
      file("csr"),
      "-subj",
      "/O=a/O=b/CN=system:node:x",
      "-addext",
      names,
    );
    const request = parseSigningRequest(readFileSync(file("csr"), "utf8"));
    assert.deepEqual(request.subject, { commonName: "system:node:x", organizations: ["a", "b"] });
    assert.deepEqual(
      [request.dnsNames, request.addresses, request.emails, request.uris],
      [["a.example"], ["192.0.2.1", "2001:db8::1"], ["x@y.z"], ["spiffe://a/b"]],
    );
  }
});

test("makeSigningRequest: OpenSSL verifies it, and it is read back", (t) => {
  const folder = mkdtempSync(join(tmpdir(), "gantry-csr-"));
  t.after(() => rmSync(folder, { recursive: true }));
  const keys = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const subject = { commonName: "system:node:a", organizations: ["system:nodes"] };
  const pem = makeSigningRequest(subject, ["a", "192.0.2.1"], keys);
  writeFileSync(join(folder, "csr"), pem);
  openssl("req", "-in", join(folder, "csr"), "-verify", "-noout");
  const { dnsNames, addresses, subject: read } = parseSigningRequest(pem);
  assert.deepEqual([read, dnsNames, addresses], [subject, ["a"], ["192.0.2.1"]]);
});

test("parseSigningRequest: whatever is changed of a request, it is refused or still signed", () => {
  const pem = makeSigningRequest(
    { commonName: "x", organizations: [] },
    ["a"],
    generateKeyPairSync("ec", { namedCurve: "P-256" }),
  );
  const der = Buffer.from(pem.replaceAll(/-----[^-]+-----|\s/g, ""), "base64");
  const wrap = (bytes: Uint8Array) =>
    `-----BEGIN CERTIFICATE REQUEST-----\n${Buffer.from(bytes).toString("base64")}\n-----END CERTIFICATE REQUEST-----\n`;
  fc.assert(
    fc.property(fc.nat(der.length - 1), fc.integer({ min: 1, max: 255 }), (at, change) => {
      const bytes = Buffer.from(der);
      bytes[at] = (bytes[at] ?? 0) ^ change;
      try {
        assert.equal(parseSigningRequest(wrap(bytes)).subject.commonName, "x");
      } catch (error) {
        assert.ok(isInvalid(error), String(error));
      }
    }),
    { numRuns: 500 },
  );
  for (const text of [
    "",
    "x",
    pem.replaceAll("REQUEST", "CERTIFICATE"),
    pem + pem,
    wrap(Buffer.alloc(0)),
    wrap(der.subarray(0, 40)),
    "A".repeat(1 << 20),
  ])
    assert.throws(() => parseSigningRequest(text), isInvalid);
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      assert.throws(() => parseSigningRequest(wrap(bytes)), isInvalid);
    }),
  );
});

test("makeSigningRequest: addresses of every form are addresses; one with a zone is a name", () => {
  const keys = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const names = ["::1", "2001:db8::7", "::ffff:192.0.2.1", "0.0.0.7", "fe80::1%eth0"];
  const pem = makeSigningRequest({ commonName: "a", organizations: [] }, names, keys);
  const { dnsNames, addresses } = parseSigningRequest(pem);
  assert.deepEqual(addresses, ["::1", "2001:db8::7", "::ffff:c000:201", "0.0.0.7"]);
  assert.deepEqual(dnsNames, ["fe80::1%eth0"]);
});

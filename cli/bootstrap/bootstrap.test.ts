import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { gunzipSync } from "node:zlib";
import { isFault } from "#base/fault.ts";
import type { ImageConfig } from "#oci/image-config.ts";
import type { TarEntry } from "#oci/tar/entry.ts";
import { TarReader } from "#oci/tar/reader.ts";
import { makeImage } from "./make-image.ts";

// These tests read Debian's packages through apt and need root where they install a whole system.

const shells = /^(usr\/)?s?bin\/(ba|da|a|k|z|c|tc|fi)?sh$/;

interface Read {
  readonly entry: TarEntry;
  readonly bytes: Buffer;
}

function readTar(bytes: Uint8Array): ReadonlyMap<string, Read> {
  const found = new Map<string, Read>();
  let current: TarEntry | undefined;
  let content: Buffer = Buffer.alloc(0);
  const reader = new TarReader({
    entry(entry) {
      current = entry;
      content = Buffer.alloc(entry.size);
    },
    data(chunk, position) {
      content.set(chunk, position);
    },
    endEntry() {
      if (current !== undefined)
        found.set(current.path.replace(/\/$/, ""), { entry: current, bytes: content });
    },
  });
  reader.write(bytes);
  reader.end();
  return found;
}

interface Image {
  readonly archive: Buffer;
  readonly id: string;
  readonly compressed: number;
  readonly config: ImageConfig;
  readonly files: ReadonlyMap<string, Read>;
}

async function build(t: TestContext, name: string, folder: string, sourceDate?: number): Promise<Image> {
  await using image = await makeImage(name, {
    folder,
    architecture: "amd64",
    ...(sourceDate === undefined ? {} : { sourceDate }),
    signal: t.signal,
  });
  const chunks: Uint8Array[] = [];
  for await (const chunk of image.stream()) chunks.push(chunk);
  const archive = Buffer.concat(chunks);
  const outer = readTar(archive);
  const [manifest] = JSON.parse(String(outer.get("manifest.json")?.bytes)) as [
    { Config: string; Layers: [string] },
  ];
  const layer = outer.get(manifest.Layers[0])?.bytes ?? Buffer.alloc(0);
  return {
    archive,
    id: image.archive.id,
    compressed: layer.length,
    config: JSON.parse(String(outer.get(manifest.Config)?.bytes)) as ImageConfig,
    files: readTar(gunzipSync(layer)),
  };
}

/** Packages that one test fetched are there for the next. */
const folder = mkdtempSync(join(tmpdir(), "gantry-bootstrap-"));
test.after(() => rmSync(folder, { recursive: true }));

for (const name of ["static", "base", "busybox"])
  test(`makeImage ${name}: gives the same bytes twice and leaves nothing but packages`, async (t) => {
    const first = await build(t, name, folder);
    const second = await build(t, name, folder);
    assert.equal(second.id, first.id);
    assert.ok(second.archive.equals(first.archive));
    assert.deepEqual(readdirSync(folder), ["packages"]);
  });

test("makeImage: every blob of the archive is what its name says, and the layer what the config says", async (t) => {
  const { archive, config, files } = await build(t, "busybox", folder);
  const outer = readTar(archive);
  const blobs = [...outer].filter(([path, { entry }]) => path.startsWith("blobs/") && entry.type === "file");
  assert.equal(blobs.length, 3);
  for (const [path, { bytes }] of blobs)
    assert.equal(path, `blobs/sha256/${createHash("sha256").update(bytes).digest("hex")}`);
  const layer = blobs.map(([, { bytes }]) => bytes).find((bytes) => bytes.readUInt16BE() === 0x1f8b);
  assert.ok(layer);
  const diffId = createHash("sha256").update(gunzipSync(layer)).digest("hex");
  assert.deepEqual(config.rootfs.diff_ids, [`sha256:${diffId}`]);
  assert.ok(files.size > 200);
});

test("makeImage static: under 1 MB, no shell, and what a static program needs", async (t) => {
  const { compressed, files, config } = await build(t, "static", folder);
  assert.ok(compressed < 1_000_000, `${compressed} bytes`);
  assert.deepEqual(
    [...files.keys()].filter((path) => shells.test(path)),
    [],
  );
  assert.match(
    String(files.get("etc/ssl/certs/ca-certificates.crt")?.bytes),
    /(-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----\n){100,}/,
  );
  assert.ok(files.has("usr/share/zoneinfo/Europe/Berlin"));
  assert.match(String(files.get("etc/passwd")?.bytes), /^nonroot:x:65532:65532:/m);
  assert.equal(files.get("tmp")?.entry.mode, 0o1777);
  assert.equal(files.get("home/nonroot")?.entry.uid, 65532);
  assert.match(String(files.get("usr/lib/os-release")?.bytes), /^ID=debian$/m);
  assert.match(
    String(files.get("var/lib/dpkg/status.d/tzdata")?.bytes),
    /^Package: tzdata\n(.*\n)*Version: /,
  );
  assert.ok(config.config?.Env?.includes("SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt"));
});

test("makeImage base: under 8 MB, no shell, with glibc and openssl", async (t) => {
  const { compressed, files } = await build(t, "base", folder);
  assert.ok(compressed < 8_000_000, `${compressed} bytes`);
  assert.deepEqual(
    [...files.keys()].filter((path) => shells.test(path)),
    [],
  );
  const names = [...files.keys()].map((path) => path.slice(path.lastIndexOf("/") + 1));
  for (const library of ["libc.so.6", "libssl.so.3", "libcrypto.so.3", "libgcc_s.so.1"])
    assert.ok(names.includes(library), library);
  assert.ok(files.has("etc/ssl/openssl.cnf"));
  assert.equal(files.get("lib")?.entry.linkPath, "usr/lib");
});

test("makeImage busybox: sh is there and is busybox", async (t) => {
  const { files, config } = await build(t, "busybox", folder);
  assert.equal(files.get("bin/sh")?.entry.linkPath, "/bin/busybox");
  assert.equal(files.get("bin/busybox")?.entry.mode, 0o755);
  assert.deepEqual(config.config?.Cmd, ["sh"]);
});

test("makeImage: files are sorted, below their folders, and no time is after the source date", async (t) => {
  const sourceDate = 1_600_000_000;
  const { files, config } = await build(t, "base", folder, sourceDate);
  const paths = [...files.keys()];
  assert.deepEqual(
    paths,
    paths.toSorted((a, b) => (a < b ? -1 : 1)),
  );
  const seen = new Set<string>([""]);
  for (const [path, { entry }] of files) {
    assert.ok(seen.has(path.slice(0, Math.max(0, path.lastIndexOf("/")))), path);
    assert.ok(entry.mtime.seconds <= sourceDate && entry.mtime.nanoseconds === 0, path);
    seen.add(path);
  }
  assert.equal(config.created, "2020-09-13T12:26:40Z");
});

test("makeImage: a name that is none is refused with those that are", async (t) => {
  await assert.rejects(
    makeImage("alpine", { folder, architecture: "amd64", signal: t.signal }),
    (error) => isFault(error, "invalid") && error.message.endsWith("static, base, busybox, debian:bookworm"),
  );
});

test("makeImage: what a killed run left is removed, what a running one works on is not", async (t) => {
  const own = mkdtempSync(join(folder, `work-${process.pid}-`));
  mkdtempSync(join(folder, "work-4194304-"));
  await build(t, "busybox", folder);
  assert.deepEqual(readdirSync(folder), ["packages", own.slice(folder.length + 1)]);
  rmSync(own, { recursive: true });
});

test("makeImage: an abort leaves nothing behind", async () => {
  const aborted = AbortSignal.timeout(30);
  await assert.rejects(makeImage("base", { folder, architecture: "amd64", signal: aborted }), {
    name: "TimeoutError",
  });
  assert.deepEqual(readdirSync(folder), ["packages"]);
});

test("makeImage debian:bookworm: gives the same bytes twice, with apt and a shell", async (t) => {
  if (process.getuid?.() !== 0) {
    t.skip("needs root");
    return;
  }
  const first = await build(t, "debian:bookworm", folder);
  const second = await build(t, "debian:bookworm", folder);
  assert.equal(second.id, first.id);
  assert.ok(second.archive.equals(first.archive));
  assert.ok(first.files.has("usr/bin/bash") && first.files.has("usr/bin/apt-get"));
  assert.ok(!first.files.has("etc/resolv.conf"));
  assert.deepEqual(
    [...first.files.keys()].filter((path) => path.startsWith("dev/")),
    [],
  );
  assert.deepEqual(readdirSync(folder), ["packages"]);
});

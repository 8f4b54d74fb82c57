import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { loadBusybox } from "../support/busybox-image.ts";
import { checkout, EngineUnderTest } from "../support/engine.ts";

const folder = mkdtempSync(join(tmpdir(), "gantry-sbom-"));
let engine: EngineUnderTest;

function gantry(args: readonly string[], env: Readonly<Record<string, string>> = {}) {
  const { promise, resolve } = Promise.withResolvers<{ code: number; out: string; err: string }>();
  const all = { ...process.env, DOCKER_HOST: `unix://${engine.socket}`, ...env };
  execFile(join(checkout, "bin/gantry"), args, { env: all, cwd: folder }, (error, out, err) =>
    resolve({ code: typeof error?.code === "number" ? error.code : 0, out, err }),
  );
  return promise;
}

before(async () => {
  engine = await EngineUnderTest.start("10.232.0.1/16");
  await loadBusybox(engine, "acme/app:1", {}, (rootfs) => {
    const status = join(rootfs, "var/lib/dpkg/status.d");
    mkdirSync(status, { recursive: true });
    writeFileSync(join(status, "tzdata"), "Package: tzdata\nVersion: 2024a-0+deb12u1\nArchitecture: all\n");
    writeFileSync(join(rootfs, "etc/os-release"), 'ID=debian\nVERSION_ID="12"\n');
    mkdirSync(join(rootfs, "usr/share/doc/tzdata"), { recursive: true });
    writeFileSync(join(rootfs, "usr/share/doc/tzdata/copyright"), "see /usr/share/common-licenses/GPL-2\n");
  });
});
after(async () => {
  await engine[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true });
});

test("image sbom: packages of the image, in both formats, the same every time", async () => {
  const { out, code } = await gantry(["image", "sbom", "acme/app:1"], { SOURCE_DATE_EPOCH: "1700000000" });
  assert.equal(code, 0);
  const bom = JSON.parse(out);
  assert.equal(bom.metadata.timestamp, "2023-11-14T22:13:20Z");
  assert.equal(bom.metadata.component.name, "docker.io/acme/app:1");
  assert.deepEqual(
    bom.components.map((one: { purl?: string; name: string }) => one.purl ?? one.name),
    ["pkg:deb/debian/tzdata@2024a-0%2Bdeb12u1?arch=all&distro=debian-12", "debian"],
  );
  assert.deepEqual(bom.components[0].licenses, [{ license: { id: "GPL-2.0-only" } }]);
  const again = await gantry(["image", "sbom", "acme/app:1"], { SOURCE_DATE_EPOCH: "1700000000" });
  assert.equal(again.out, out);
  const file = await gantry(["image", "sbom", "--format", "spdx-json", "-o", "app.json", "acme/app:1"]);
  assert.deepEqual(file, { code: 0, out: "", err: "" });
  const document = JSON.parse(readFileSync(join(folder, "app.json"), "utf8"));
  assert.equal(
    document.packages.find((one: { name: string }) => one.name === "tzdata").licenseDeclared,
    "GPL-2.0-only",
  );
});

test("image sbom: what cannot be done is said", async () => {
  const format = await gantry(["image", "sbom", "--format", "xml", "acme/app:1"]);
  assert.match(format.err, /unknown format "xml"/);
  const image = await gantry(["image", "sbom", "acme/none"]);
  assert.equal(image.code, 1);
  assert.match(image.err, /No such image/);
  const date = await gantry(["image", "sbom", "acme/app:1"], { SOURCE_DATE_EPOCH: "yesterday" });
  assert.match(date.err, /SOURCE_DATE_EPOCH/);
});

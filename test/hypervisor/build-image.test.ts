import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { buildOsImage, osImage, whyNoImage } from "../support/os-image.ts";

test("gantry os build: the same packages give the same bytes", async (t) => {
  const why = await whyNoImage();
  if (why !== undefined) {
    t.skip(why);
    return;
  }
  const folder = mkdtempSync(join(tmpdir(), "gantry-os-"));
  t.after(() => rmSync(folder, { recursive: true }));
  const hashes: string[] = [];
  const again = join(folder, "again.qcow2");
  await buildOsImage("containerd", again, [], join(folder, "root"));
  for (const image of [await osImage("containerd"), again])
    hashes.push(createHash("sha256").update(readFileSync(image)).digest("hex"));
  assert.equal(hashes[0], hashes[1]);
});

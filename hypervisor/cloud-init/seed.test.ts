import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { isFault } from "#base/fault.ts";
import { writeSeed } from "./seed.ts";

const uuid = "0f0e0d0c-1111-4222-8333-444455556666";
const base64 = (text: string) => Buffer.from(text).toString("base64");

const hasXorriso = spawnSync("xorriso", ["-version"]).error === undefined;

/** What is in the image for who looks for one kind of names. */
function extracted(image: Uint8Array, names: "any" | "norock"): Readonly<Record<string, string>> {
  const folder = mkdtempSync(join(tmpdir(), "seed-"));
  const [file, target] = [join(folder, "seed.iso"), join(folder, "files")];
  try {
    writeFileSync(file, image);
    execFileSync("xorriso", ["-read_fs", names, "-osirrox", "on", "-indev", file, "-extract", "/", target], {
      stdio: "pipe",
    });
    const found = readdirSync(target).toSorted();
    return Object.fromEntries(found.map((name) => [name, readFileSync(join(target, name), "utf8")]));
  } finally {
    execFileSync("chmod", ["-R", "u+w", folder]);
    rmSync(folder, { recursive: true });
  }
}

test("writeSeed: xorriso reads both files by Rock Ridge and by Joliet, bytes unchanged", {
  skip: hasXorriso ? false : "xorriso is not installed",
}, () => {
  const userData = `#cloud-config\nx: ${"é".repeat(5000)}\n`;
  const image = writeSeed({ userData: base64(userData), metaData: "" }, uuid);
  for (const names of ["any", "norock"] as const)
    assert.deepEqual(extracted(image, names), {
      "meta-data": `instance-id: ${uuid}\n`,
      "user-data": userData,
    });
});

test("writeSeed: the volume is called cidata, which is how cloud-init finds it", () => {
  const image = writeSeed({ userData: base64("x"), metaData: base64("local-hostname: a\n") }, uuid);
  assert.equal(Buffer.from(image.subarray(16 * 2048 + 40, 16 * 2048 + 46)).toString(), "cidata");
});

test("writeSeed: the same data give the same bytes, and what is no base64 is refused", () => {
  const data = { userData: base64("#cloud-config\n"), metaData: base64("dsmode: local\n") };
  assert.deepEqual(writeSeed(data, uuid), writeSeed(data, uuid));
  assert.throws(
    () => writeSeed({ ...data, userData: "not base64!" }, uuid),
    (error) => isFault(error, "invalid"),
  );
});

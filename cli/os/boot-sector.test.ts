import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { bootSector } from "./boot-sector.ts";

test("bootSector: is what boot-sector.S is assembled to, with its table filled in", (t) => {
  const folder = mkdtempSync(join(tmpdir(), "gantry-boot-"));
  t.after(() => rmSync(folder, { recursive: true }));
  const [object, binary] = [join(folder, "a.o"), join(folder, "a.bin")];
  execFileSync("as", ["--32", join(import.meta.dirname, "boot-sector.S"), "-o", object]);
  const link = ["-m", "elf_i386", "-Ttext", "0x7c00", "--oformat", "binary", object, "-o", binary];
  execFileSync("ld", link, { stdio: "ignore" });
  const assembled = readFileSync(binary);
  assert.deepEqual(bootSector([]), assembled);
  const filled = bootSector([{ firstSector: 1, sectors: 0x203, address: 0x0a0b0c0d }]);
  assert.deepEqual(filled.subarray(0, 380), assembled.subarray(0, 380));
  assert.equal(filled.subarray(380, 404).toString("hex"), `01000000030200000d0c0b0a${"00".repeat(12)}`);
});

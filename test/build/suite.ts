import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { loadBusybox } from "../support/busybox-image.ts";
import { EngineUnderTest } from "../support/engine.ts";
import { buildCases } from "./cases.ts";
import { makeContext } from "./context.ts";

/** Tests that the Dockerfiles of a part of the suite build as they should, by the real CLI against a real engine. */
export function testSuite(part: number, parts: number, bridgeCidr: string): void {
  let engine: EngineUnderTest;
  let folder: string;

  before(async () => {
    engine = await EngineUnderTest.start(bridgeCidr);
    await loadBusybox(engine, "base:latest");
    folder = mkdtempSync(join(tmpdir(), "gantry-suite-"));
    makeContext(folder);
  });
  after(async () => {
    rmSync(folder, { recursive: true });
    await engine[Symbol.asyncDispose]();
  });

  for (const { name, dockerfile, flags = [], classicCode, code = classicCode ?? 0 } of buildCases.filter(
    (_, index) => index % parts === part,
  ))
    test(`Dockerfile: ${name}`, async () => {
      const file = `${folder}.dockerfile`;
      writeFileSync(file, dockerfile);
      const built = await engine.docker("build", "-f", file, ...flags, folder);
      rmSync(file);
      assert.equal(built.code, code, `${built.stdout}${built.stderr}`);
    });
}

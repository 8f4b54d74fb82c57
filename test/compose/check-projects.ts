import assert from "node:assert/strict";
import { test } from "node:test";
import { loadBusybox } from "../support/busybox-image.ts";
import { EngineUnderTest } from "../support/engine.ts";
import { visit } from "./bring-up.ts";
import { diffLines, unexpected } from "./diff-lines.ts";
import { hasPeer } from "./tools.ts";

/** Brings projects up and down on an engine of its own, and compares with docker compose where that is installed. */
export function checkProjects(projects: readonly string[], bridgeCidr: string): void {
  test("up and down: each project is what docker compose makes of it, and nothing of it is left", async (t) => {
    const isCompared = await hasPeer();
    await using engine = await EngineUnderTest.start(bridgeCidr);
    await loadBusybox(engine, "busybox:latest");
    await engine.api("POST", "/networks/create", { Name: "gantry_outer" });
    await engine.api("POST", "/volumes/create", { Name: "kept" });
    for (const project of projects)
      await t.test(project, async (s) => {
        const ours = await visit("ours", project, engine.socket);
        assert.equal(ours.up.code, 0, ours.up.steps.join("\n"));
        assert.equal(ours.down.code, 0, ours.down.steps.join("\n"));
        assert.ok(Object.keys(ours.between.containers).length > 0);
        assert.deepEqual(ours.after, { containers: {}, networks: {}, volumes: {} });
        if (!isCompared) return s.skip("docker compose is not installed: nothing to compare with");
        const peer = await visit("peer", project, engine.socket);
        assert.deepEqual(unexpected(diffLines(peer, ours)), []);
      });
    await engine.api("DELETE", "/networks/gantry_outer");
  });
}

import assert from "node:assert/strict";
import { access } from "node:fs/promises";
import { test } from "node:test";
import { loadBusybox } from "../support/busybox-image.ts";
import { EngineUnderTest } from "../support/engine.ts";
import { visit } from "./bring-up.ts";

/** Those whose files it reads: the others use what came into the specification after it. */
const projects = ["01-single", "08-extends", "10-profiles", "12-scale", "17-external", "18-anchors"];
const isThere = await access("/usr/bin/docker-compose").then(
  () => true,
  () => false,
);

test("docker-compose 1 brings projects up and down", {
  skip: isThere ? false : "Debian's docker-compose is not installed",
}, async (t) => {
  await using engine = await EngineUnderTest.start("10.225.0.1/16");
  await loadBusybox(engine, "busybox:latest");
  await engine.api("POST", "/networks/create", { Name: "gantry_outer" });
  await engine.api("POST", "/volumes/create", { Name: "kept" });
  for (const project of projects)
    await t.test(project, async () => {
      const { up, between, down, after } = await visit("v1", project, engine.socket);
      assert.equal(up.code, 0, up.steps.join("\n"));
      assert.ok(Object.keys(between.containers).length > 0);
      assert.equal(down.code, 0, down.steps.join("\n"));
      assert.deepEqual(after, { containers: {}, networks: {}, volumes: {} });
    });
  await engine.api("DELETE", "/networks/gantry_outer");
});

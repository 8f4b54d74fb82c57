import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { silentLog } from "#base/log.ts";
import { isPrivate, runPrivately, traces } from "./private-net.ts";
import { VethSweeper } from "./veth-sweeper.ts";

if (!isPrivate)
  test("VethSweeper: in a network namespace of its own", () => runPrivately(fileURLToPath(import.meta.url)));
else
  test("giveUp: removes what is still there a second later, and nothing else", async (t) => {
    for (const name of ["gvdead", "gvalive"])
      execFileSync("ip", ["link", "add", name, "type", "veth", "peer", "name", `p${name}`]);
    t.mock.timers.enable({ apis: ["setTimeout"] });
    using sweeper = new VethSweeper(silentLog);
    for (const name of ["gvgone", "gvdead"]) sweeper.giveUp(name);
    assert.equal(traces().links.length, 2);
    t.mock.timers.tick(1000);
    while (traces().links.length === 2) await new Promise((go) => setImmediate(go));
    assert.deepEqual(traces().links, ["gvalive"]);
  });

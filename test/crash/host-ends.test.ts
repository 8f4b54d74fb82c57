import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { test } from "node:test";
import { assertNoLeaks, networkLinks } from "../../tools/leaks.ts";
import { loadBusybox } from "../support/busybox-image.ts";
import { checkout, EngineUnderTest } from "../support/engine.ts";
import { Residents } from "./residents.ts";

// The end of everything that runs, by a reboot or by `gantry down`, with every feature in use.

test("gantry down leaves the root folder only, and the engine beside it works on", async () => {
  await using kept = await EngineUnderTest.start("10.213.0.1/16");
  await using engine = await EngineUnderTest.start("10.214.0.1/16");
  await using receivers = new AsyncDisposableStack();
  const residents: Residents[] = [];
  for (const each of [kept, engine]) {
    await loadBusybox(each);
    const settled = await Residents.settle(each);
    receivers.defer(() => settled.release());
    residents.push(settled);
    await each.docker("network", "create", "-d", "macvlan", "wire");
  }
  for (const each of residents) await each.check();
  const links = networkLinks();
  assert.equal(links.length, 8);
  const down = ["down", "-t", "0", "--root", engine.root, "--run", engine.run];
  execFileSync(join(checkout, "bin/gantry"), down);
  // The lock and three empty folders; a lock that is deleted is no lock.
  const remains = new RegExp(`^(file (${engine.root}|${engine.run}/(engine.lock|c|crun|s)$)|row of )`);
  await assertNoLeaks([], engine.places, { ignore: remains });
  assert.equal(networkLinks().length, 4);
  await residents[0]?.check();
  await residents[0]?.[Symbol.asyncDispose]();
  assert.deepEqual(
    residents.flatMap(({ violations }) => violations),
    [],
  );
});

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { chmodSync, copyFileSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { loadBusybox } from "../support/busybox-image.ts";
import { EngineUnderTest } from "../support/engine.ts";
import { confinementCases } from "./confinement-cases.ts";
import { copyCases } from "./copy-cases.ts";
import { engineCases } from "./engine-cases.ts";
import { imageCases } from "./image-cases.ts";
import { type EscapeCase, secret } from "./escape-case.ts";
import { openPolicyPlugin } from "./policy-plugin.ts";
import { raceCases } from "./race-cases.ts";
import { requestCases } from "./request-cases.ts";
import { makeWeakCheckout } from "./weak-checkout.ts";

// Ways out of a container that were open in other engines: closed here, and found where the protection is taken away.

let folder: string;
const engines = new AsyncDisposableStack();
let engine: EngineUnderTest;
let weak: EngineUnderTest;

before(async () => {
  folder = mkdtempSync(join(tmpdir(), "gantry-escape-"));
  chmodSync(folder, 0o755);
  const probe = join(folder, "probe");
  execFileSync("gcc", ["-static", "-O1", "-o", probe, join(import.meta.dirname, "probe.c")]);
  const plugin = `gantry-escape-${process.pid}`;
  engines.use(await openPolicyPlugin(plugin));
  const start = async (cidr: string, program?: string) =>
    engines.use(await EngineUnderTest.start(cidr, undefined, ["--authorization-plugin", plugin], program));
  engine = await start("10.234.0.1/16");
  weak = await start("10.235.0.1/16", makeWeakCheckout(join(folder, "weak")));
  for (const each of [engine, weak])
    await loadBusybox(each, "probe:latest", {}, (rootfs) => copyFileSync(probe, join(rootfs, "probe")));
});
after(async () => {
  await engines.disposeAsync();
  rmSync(folder, { recursive: true });
});

function openVictim(): string {
  const victim = mkdtempSync(join(folder, "victim-"));
  chmodSync(victim, 0o755);
  writeFileSync(join(victim, "secret"), secret);
  writeFileSync(join(victim, "passwd"), "evil:x:0:0::/:/bin/sh\n");
  return victim;
}

async function attemptWeakened(escape: EscapeCase): Promise<readonly string[]> {
  const { weakness } = escape;
  if (weakness === "weak engine") return escape.attempt({ engine: weak, options: [], victim: openVictim() });
  return escape.attempt({ engine, options: weakness.options, victim: openVictim() });
}

for (const escape of [
  ...confinementCases,
  ...engineCases,
  ...imageCases,
  ...copyCases,
  ...requestCases,
  ...raceCases,
])
  test(`${escape.id}: ${escape.title}`, { skip: escape.skip ?? false }, async () => {
    assert.deepEqual(await escape.attempt({ engine, options: [], victim: openVictim() }), []);
    assert.notDeepEqual(
      await attemptWeakened(escape),
      [],
      "the attempt would find nothing, whatever was open",
    );
  });

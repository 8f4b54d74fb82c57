import assert from "node:assert/strict";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { isFault } from "#base/fault.ts";
import { openPlace } from "./open-place.ts";

function exchange(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), "gantry-place-"));
  t.after(() => rmSync(folder, { recursive: true }));
  return folder;
}

test("openPlace: a folder of a share says nothing else to smbclient, which takes quotes for no bounds of commands", () => {
  const settings = { stagingName: ".staging" };
  for (const folder of ["x;lcd ..;put passwd", "x%3Blcd ..", "ok/x;y", 'x" "y', "x%0Aget y"])
    assert.throws(
      () => openPlace(`smb://user:password@192.0.2.1/share/${folder}`, settings),
      (error) => isFault(error, "invalid") && error.message === "Invalid path in pathURI",
    );
  openPlace("smb://DOMAIN;user:pass;word@192.0.2.1/share/a folder/b", settings);
});

test("openPlace: addresses of the host's own, and what stands for them, are not asked", async (t) => {
  const folder = exchange(t);
  const hosts = [
    "127.0.0.1",
    "[::1]",
    "[::ffff:127.0.0.1]",
    "[100::1:feff]",
    "169.254.169.254",
    "[fd00:ec2::254]",
  ];
  for (const host of hosts) {
    const place = openPlace(`http://${host}/x`, { stagingName: ".staging" });
    await assert.rejects(place.fetch("a", join(folder, "a"), 10, t.signal), (error) =>
      isFault(error, "forbidden"),
    );
  }
});

test("openPlace: nothing is made, read or written behind a link out of the folder for exports", async (t) => {
  const [folder, outside] = [exchange(t), exchange(t)];
  symlinkSync(outside, join(folder, "link"));
  writeFileSync(join(outside, "secret"), "s");
  const place = openPlace("file:///link/deep/er", { exchangeFolder: folder, stagingName: ".staging" });
  const part = await place.preparationFile("a", () => "");
  writeFileSync(part, "a");
  await assert.rejects(place.store(part, "a", t.signal), (error) => isFault(error, "forbidden"));
  assert.deepEqual(readdirSync(outside), ["secret"]);

  mkdirSync(join(folder, "plain"));
  symlinkSync(join(outside, "secret"), join(folder, "plain", "a"));
  const plain = openPlace("file:///plain", { exchangeFolder: folder, stagingName: ".staging" });
  const copy = join(outside, "copy");
  await assert.rejects(plain.fetch("a", copy, 10, t.signal), (error) => isFault(error, "forbidden"));
  assert.ok(!existsSync(copy));
});

test("openPlace: what is stored in a local folder is fetched from it, up to the size that is taken", async (t) => {
  const folder = exchange(t);
  const place = openPlace("file:///new/folder", { exchangeFolder: folder, stagingName: ".staging" });
  const part = await place.preparationFile("a", () => "");
  writeFileSync(part, "whole");
  await place.store(part, "a", t.signal);
  await place.fetch("a", join(folder, "copy"), 5, t.signal);
  assert.ok(existsSync(join(folder, "copy")));
  await assert.rejects(place.fetch("a", join(folder, "other"), 4, t.signal), (error) =>
    isFault(error, "invalid"),
  );
  await assert.rejects(place.fetch("b", join(folder, "other"), 4, t.signal), (error) =>
    isFault(error, "not-found"),
  );
});

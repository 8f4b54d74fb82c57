import assert from "node:assert/strict";
import { existsSync, mkdtempSync, readlinkSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { linkSocket, unlinkSocket } from "./docker-socket.ts";

function openFolder(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), "gantry-link-"));
  t.after(() => rmSync(folder, { recursive: true }));
  return folder;
}

async function serve(t: TestContext, path: string): Promise<void> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(path, resolve));
  t.after(() => new Promise((resolve) => server.close(resolve)));
}

test("linkSocket: takes a free path, and a second time finds it done", async (t) => {
  const path = join(openFolder(t), "docker.sock");
  assert.equal(await linkSocket(path, "/run/a/docker.sock"), true);
  assert.equal(await linkSocket(path, "/run/a/docker.sock"), true);
  assert.equal(readlinkSync(path), "/run/a/docker.sock");
});

test("linkSocket: leaves a socket that somebody serves", async (t) => {
  const folder = openFolder(t);
  await serve(t, join(folder, "docker.sock"));
  symlinkSync(join(folder, "docker.sock"), join(folder, "link"));
  assert.equal(await linkSocket(join(folder, "docker.sock"), "/run/a/docker.sock"), false);
  assert.equal(await linkSocket(join(folder, "link"), "/run/a/docker.sock"), false);
});

test("linkSocket: replaces a link to nowhere", async (t) => {
  const path = join(openFolder(t), "docker.sock");
  symlinkSync("/nowhere/docker.sock", path);
  assert.equal(await linkSocket(path, "/run/a/docker.sock"), true);
  assert.equal(readlinkSync(path), "/run/a/docker.sock");
});

test("linkSocket: leaves a file that is no socket, and a folder that is not there", async (t) => {
  const folder = openFolder(t);
  writeFileSync(join(folder, "docker.sock"), "mine");
  assert.equal(await linkSocket(join(folder, "docker.sock"), "/run/a/docker.sock"), false);
  assert.equal(await linkSocket(join(folder, "no", "docker.sock"), "/run/a/docker.sock"), false);
});

test("unlinkSocket: removes only the link to the target", async (t) => {
  const path = join(openFolder(t), "docker.sock");
  symlinkSync("/run/a/docker.sock", path);
  unlinkSocket(path, "/run/b/docker.sock");
  assert.equal(readlinkSync(path), "/run/a/docker.sock");
  unlinkSocket(path, "/run/a/docker.sock");
  assert.equal(existsSync(path), false);
});

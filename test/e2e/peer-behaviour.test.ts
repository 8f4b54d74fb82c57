import assert from "node:assert/strict";
import { once } from "node:events";
import { chmodSync, chownSync, mkdirSync, symlinkSync, utimesSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { tarOf } from "#engine/snapshots/layer-fixtures.ts";
import { loadBusybox } from "../support/busybox-image.ts";
import { EngineUnderTest } from "../support/engine.ts";

let engine: EngineUnderTest;

before(async () => {
  engine = await EngineUnderTest.start("10.214.0.1/16");
  await loadBusybox(engine, "test:latest", { Cmd: ["sh"] }, (rootfs) => {
    mkdirSync(join(rootfs, "data/sub"), { recursive: true });
    writeFileSync(join(rootfs, "data/file"), "from the image\n");
    symlinkSync("/etc/shadow", join(rootfs, "data/link"));
    chownSync(join(rootfs, "data"), 123, 45);
    chmodSync(join(rootfs, "data"), 0o1770);
    utimesSync(join(rootfs, "data"), 1000, 1000);
    symlinkSync("/data", join(rootfs, "way"));
  });
});

after(async () => {
  await engine[Symbol.asyncDispose]();
});

test("a new volume has the image's files and the folder's owner and mode", async () => {
  const { stdout } = await engine.docker(
    ..."run --rm -v filled:/data test sh -c".split(" "),
    "cat /data/file; readlink /data/link; ls /data; stat -c '%a %u %g' /data",
  );
  assert.equal(stdout, "from the image\n/etc/shadow\nfile\nlink\nsub\n1770 123 45\n");
});

test("a volume that has content is left alone, and nocopy leaves one empty", async () => {
  await engine.docker(..."run --rm -v kept:/other test touch /other/mine".split(" "));
  const kept = await engine.docker(..."run --rm -v kept:/data test ls /data".split(" "));
  const empty = await engine.docker(..."run --rm -v empty:/data:nocopy test ls /data".split(" "));
  assert.deepEqual([kept.stdout, empty.stdout], ["mine\n", ""]);
});

test("an anonymous volume is filled through a link in the image, which leads nowhere else", async () => {
  const { stdout } = await engine.docker(..."run --rm -v /way test cat /way/file".split(" "));
  assert.equal(stdout, "from the image\n");
});

test("a folder that the image does not have gives an empty volume", async () => {
  const { code, stdout } = await engine.docker(..."run --rm -v none:/no/where test ls /no/where".split(" "));
  assert.deepEqual([code, stdout], [0, ""]);
});

test("commit: an image of what a container changed", async () => {
  const made = await engine.docker(
    ..."run --name source -e A=1 test sh -c".split(" "),
    "echo new > /new; rm /data/file",
  );
  assert.equal(made.code, 0, made.stderr);
  const committed = await engine.docker("commit", "-c", 'CMD ["ls", "/new", "/data"]', "source", "result:1");
  assert.equal(committed.code, 0, committed.stderr);
  const { stdout } = await engine.docker("run", "--rm", "result:1");
  assert.equal(stdout, "/new\n\n/data:\nlink\nsub\n");
  const env = await engine.docker("image", "inspect", "-f", "{{index .Config.Env 0}}", "result:1");
  assert.equal(env.stdout, "A=1\n");
});

test("commit: a running container goes on", async () => {
  await engine.docker(..."run -d --name busy test sleep 100".split(" "));
  await engine.docker("commit", "busy", "result:2");
  const { stdout } = await engine.docker("inspect", "-f", "{{.State.Status}}", "busy");
  assert.equal(stdout, "running\n");
});

test("import: an archive from a web server, which is told, as is why there is none", async () => {
  const archive = tarOf([{ path: "f", content: "hi" }]);
  await using server = createServer(({ url }, answer) => {
    if (url === "/moved") answer.writeHead(302, { Location: "/a.tar" }).end();
    else if (url === "/a.tar") answer.end(archive);
    else answer.writeHead(404).end("not here\n");
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const { stdout } = await engine.docker("import", `${address}/moved`, "imported");
  const { stdout: id } = await engine.docker("inspect", "--format", "{{.Id}}", "imported");
  assert.equal(stdout, `Downloading from ${address}/moved\n${id}`);
  const history = await engine.docker("history", "--no-trunc", "--format", "{{.Comment}}", "imported");
  assert.equal(history.stdout, `Imported from ${address}/moved\n`);
  const missing = await engine.docker("import", `${address}/none`);
  assert.deepEqual(
    [missing.code, missing.stderr],
    [1, `Error response from daemon: failed to GET ${address}/none with status 404 Not Found: not here\n`],
  );
  const other = await engine.docker("import", "ftp://127.0.0.1/a.tar");
  assert.deepEqual(
    [other.code, other.stderr],
    [1, "open ftp://127.0.0.1/a.tar: no such file or directory\n"],
  );
});

test("inspect: ExecIDs are those that run", async () => {
  await engine.docker(..."run -d --name host test sleep 100".split(" "));
  await engine.docker(..."exec host true".split(" "));
  await engine.docker(..."exec -d host sleep 50".split(" "));
  const { stdout } = await engine.docker("inspect", "-f", "{{len .ExecIDs}}", "host");
  assert.equal(stdout, "1\n");
});

test("run --rm: a start that fails before the runtime is asked ends, and leaves nothing", async () => {
  const { code, stderr } = await engine.docker(..."run --rm --name lost -u unknown test true".split(" "));
  assert.equal(code, 125);
  assert.match(stderr, /unable to find user unknown: no matching entries in passwd file/);
  const left = await engine.docker(..."ps -aq --filter name=lost".split(" "));
  assert.equal(left.stdout, "");
});

test("run: a missing network is not taken for a missing image", async () => {
  const { code, stderr } = await engine.docker(..."run --rm --network nosuch test true".split(" "));
  assert.equal(code, 125);
  assert.match(stderr, /network nosuch not found/);
  assert.doesNotMatch(stderr, /Unable to find image/);
});

import assert from "node:assert/strict";
import { createReadStream, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PassThrough, type Readable } from "node:stream";
import { buffer, text } from "node:stream/consumers";
import { after, before, test } from "node:test";
import Dockerode from "dockerode";
import { makeArchive } from "../support/busybox-image.ts";
import { EngineUnderTest } from "../support/engine.ts";

// dockerode, the client that Node's world uses, does a day's work.

let engine: EngineUnderTest;
let docker: Dockerode;

before(async () => {
  engine = await EngineUnderTest.start("10.214.0.1/16");
  docker = new Dockerode({ socketPath: engine.socket });
});
after(() => engine[Symbol.asyncDispose]());

test("dockerode: loadImage with followProgress, listImages, inspect, tag, remove", async () => {
  const folder = mkdtempSync(join(tmpdir(), "gantry-client-"));
  try {
    const archive = makeArchive(folder, "bb:latest", { Labels: { of: "dockerode" } });
    const progress = (await docker.loadImage(createReadStream(archive))) as Readable;
    const lines = await new Promise<readonly { readonly stream?: string }[]>((resolve, reject) =>
      docker.modem.followProgress(progress, (error, output) => (error ? reject(error) : resolve(output))),
    );
    assert.deepEqual(
      lines.filter(({ stream }) => stream !== undefined).map(({ stream }) => stream),
      ["Loaded image: bb:latest\n"],
    );
  } finally {
    rmSync(folder, { recursive: true });
  }
  const [image] = await docker.listImages({ filters: { label: ["of=dockerode"] } });
  assert.deepEqual(image?.RepoTags, ["bb:latest"]);
  assert.equal((await docker.getImage("bb").inspect()).Id, image?.Id);
  await docker.getImage("bb").tag({ repo: "other", tag: "v1" });
  assert.deepEqual(await docker.getImage("other:v1").remove(), [{ Untagged: "other:v1" }]);
});

test("dockerode: run demultiplexes both streams and gives the exit code", async () => {
  const [stdout, stderr] = [new PassThrough(), new PassThrough()];
  const texts = Promise.all([text(stdout), text(stderr)]);
  const command = ["sh", "-c", "echo out; echo err >&2; exit 3"];
  const [{ StatusCode }, container] = (await docker.run("bb", command, [stdout, stderr], {
    Tty: false,
  })) as [{ StatusCode: number }, Dockerode.Container];
  stdout.end();
  stderr.end();
  assert.equal(StatusCode, 3);
  assert.deepEqual(await texts, ["out\n", "err\n"]);
  await container.remove();
});

test("dockerode: attach before start, hijacked, with stdin that ends", async () => {
  const container = await docker.createContainer({
    Image: "bb",
    Cmd: ["cat"],
    OpenStdin: true,
    StdinOnce: true,
    AttachStdin: true,
    HostConfig: { AutoRemove: true, NetworkMode: "none" },
  });
  const stream = await container.attach({ stream: true, stdin: true, stdout: true, hijack: true });
  const output = new PassThrough();
  docker.modem.demuxStream(stream, output, output);
  const removed = container.wait({ condition: "removed" });
  await container.start();
  const sent = Buffer.alloc(1_000_000, "0123456789\n");
  stream.on("end", () => output.end());
  stream.end(sent);
  assert.equal(Buffer.compare(await buffer(output), sent), 0);
  assert.equal((await removed).StatusCode, 0);
});

test("dockerode: exec with and without a terminal, its exit code, resize", async () => {
  await using container = await running({ Cmd: ["sleep", "60"] });
  const exec = await container.handle.exec({
    Cmd: ["sh", "-c", "cat; exit 7"],
    AttachStdin: true,
    AttachStdout: true,
  });
  const stream = await exec.start({ hijack: true, stdin: true });
  const output = new PassThrough();
  docker.modem.demuxStream(stream, output, output);
  stream.on("end", () => output.end());
  stream.end("typed");
  assert.equal(await text(output), "typed");
  assert.equal((await exec.inspect()).ExitCode, 7);
  const terminal = await container.handle.exec({
    Cmd: ["sh", "-c", "read line; stty size"],
    AttachStdin: true,
    AttachStdout: true,
    Tty: true,
  });
  const screen = await terminal.start({ hijack: true, stdin: true, Tty: true });
  await terminal.resize({ h: 33, w: 111 });
  screen.write("\n");
  assert.match(await text(screen), /33 111/);
});

test("dockerode: putArchive, getArchive and infoArchive on a container that has not started", async () => {
  const container = await docker.createContainer({ Image: "bb", Cmd: ["cat", "/tmp/rootfs/etc/group"] });
  const folder = mkdtempSync(join(tmpdir(), "gantry-client-"));
  try {
    makeArchive(folder, "x", {});
    await container.putArchive(join(folder, "layer.tar"), { path: "/tmp" });
  } finally {
    rmSync(folder, { recursive: true });
  }
  const archive = await buffer((await container.getArchive({ path: "/tmp/etc/group" })) as Readable);
  assert.ok(archive.includes("nogroup:x:65534:"));
  await container.remove();
});

test("dockerode: logs, stats, top, changes, pause, rename, restart, kill", async () => {
  await using container = await running({ Cmd: ["sh", "-c", "echo up; touch /made; sleep 60"] });
  const { handle } = container;
  const follow = (await handle.logs({ follow: true, stdout: true })) as Readable;
  const [first] = (await follow.take(1).toArray()) as readonly Buffer[];
  assert.equal(first?.subarray(8).toString(), "up\n");
  assert.ok((await handle.stats({ stream: false })).memory_stats.usage > 0);
  assert.ok(
    (await handle.top()).Processes.some((row: readonly string[]) => row.join(" ").includes("sleep 60")),
  );
  assert.ok(((await handle.changes()) as { Path: string }[]).some(({ Path }) => Path === "/made"));
  await handle.pause();
  assert.equal((await handle.inspect()).State.Paused, true);
  await handle.unpause();
  await handle.rename({ name: "renamed" });
  await docker.getContainer("renamed").restart({ t: 0 });
  await handle.kill({ signal: "KILL" });
  assert.equal((await handle.inspect()).State.ExitCode, 137);
  assert.equal((await handle.inspect()).Name, "/renamed");
});

test("dockerode: networks with two containers that find each other by alias", async () => {
  const network = await docker.createNetwork({ Name: "of-dockerode", Labels: { a: "b" } });
  await using server = await running({
    Cmd: ["sh", "-c", "echo page > /index.html; httpd -f -p 80"],
    HostConfig: { NetworkMode: "of-dockerode" },
    NetworkingConfig: { EndpointsConfig: { "of-dockerode": { Aliases: ["web"] } } },
  });
  const stdout = new PassThrough();
  const page = text(stdout);
  const wget = ["sh", "-c", "until wget -qO- http://web; do usleep 50000; done 2>/dev/null"];
  await docker.run("bb", wget, stdout, {
    Tty: true,
    HostConfig: { NetworkMode: "of-dockerode", AutoRemove: true },
  });
  stdout.end();
  assert.equal((await page).trim(), "page");
  assert.deepEqual(Object.keys((await network.inspect()).Containers ?? {}), [server.handle.id]);
  await server.handle.remove({ force: true });
  await network.remove();
});

test("dockerode: events, with a filter, as they happen", async () => {
  const events = (await docker.getEvents({ filters: { type: ["volume"] } })) as Readable;
  const seen = events.take(2).toArray();
  await docker.createVolume({ Name: "v1", Labels: {} });
  await docker.getVolume("v1").remove();
  const actions = String(Buffer.concat((await seen) as Buffer[]))
    .trim()
    .split("\n")
    .map((line) => (JSON.parse(line) as { Action: string }).Action);
  assert.deepEqual(actions, ["create", "destroy"]);
});

test("dockerode: faults have a status and Docker's message", async () => {
  await assert.rejects(docker.getContainer("nobody").inspect(), {
    statusCode: 404,
    json: { message: "No such container: nobody" },
  });
  await assert.rejects(docker.createContainer({ Image: "absent" }), { statusCode: 404 });
});

/** A container that is removed, whatever it does, when its test is over. */
async function running(
  options: Dockerode.ContainerCreateOptions,
): Promise<AsyncDisposable & { readonly handle: Dockerode.Container }> {
  const handle = await docker.createContainer({ Image: "bb", ...options });
  await handle.start();
  return {
    handle,
    [Symbol.asyncDispose]: () => handle.remove({ force: true }).catch(() => {}),
  };
}

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import http from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { after, before, test } from "node:test";
import { gzipSync } from "node:zlib";
import { tarEnd } from "#oci/tar/writer.ts";
import { loadBusybox } from "../support/busybox-image.ts";
import { EngineUnderTest } from "../support/engine.ts";
import { tarEntry } from "../support/tar.ts";

// What a build takes from elsewhere: ADD of an address, contexts by address, git repositories.

let engine: EngineUnderTest;
let server: http.Server;
let folder: string;
let base: string;

const files = new Map<string, Buffer>();

before(async () => {
  engine = await EngineUnderTest.start("10.214.0.1/16");
  await loadBusybox(engine, "base:latest");
  folder = mkdtempSync(join(tmpdir(), "gantry-remote-"));
  server = http.createServer((request, response) => {
    const path = (request.url ?? "/").split("?")[0] ?? "/";
    const moved = new Map([
      ["/moved", "/file.txt"],
      ["/away", "file:///etc/passwd"],
    ]).get(path);
    const file = files.get(path) ?? gitFile(path);
    if (moved !== undefined) response.writeHead(302, { Location: moved }).end();
    else if (file === undefined) response.writeHead(404).end();
    else response.writeHead(200, { "Last-Modified": "Mon, 01 Jan 2024 00:00:00 GMT" }).end(file);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  files.set("/file.txt", Buffer.from("fetched\n"));
});
after(async () => {
  server.close();
  rmSync(folder, { recursive: true });
  await engine[Symbol.asyncDispose]();
});

function gitFile(path: string): Buffer | undefined {
  try {
    return path.startsWith("/repo.git/") ? readFileSync(join(folder, path)) : undefined;
  } catch {
    return undefined;
  }
}

function tarOf(entries: Readonly<Record<string, string>>): Buffer {
  const parts = Object.entries(entries).map(([path, text]) => tarEntry(path, text));
  return Buffer.concat([...parts, tarEnd]);
}

async function build(dockerfile: string, query = ""): Promise<string> {
  return (await engine.upload("POST", `/build?${query}`, Readable.from([tarOf({ Dockerfile: dockerfile })])))
    .body;
}

const succeeded = /Successfully built/;

test("add: an address, its name, mode and checksum", async () => {
  const sum = createHash("sha256").update("fetched\n").digest("hex");
  const check =
    "RUN test $(stat -c %a /d/file.txt) = 600 && test $(cat /x) = fetched && test $(cat /d/file.txt) = fetched\n";
  assert.match(
    await build(
      `FROM base\nADD --checksum=sha256:${sum} ${base}/file.txt /d/\nADD ${base}/moved /x\n${check}`,
    ),
    succeeded,
  );
  assert.match(
    await build(`FROM base\nADD --checksum=sha256:${"0".repeat(64)} ${base}/file.txt /d/\n`),
    /digest mismatch/,
  );
  assert.match(await build(`FROM base\nADD ${base}/nope /d/\n`), /ADD failed: failed to GET .* 404/);
  assert.match(await build(`FROM base\nADD ${base}/away /d/\n`), /redirected to file:/);
});

test("add: an archive by address stays packed unless it is told otherwise", async () => {
  files.set("/a.tar.gz", gzipSync(tarOf({ in: "x" })));
  assert.match(await build(`FROM base\nADD ${base}/a.tar.gz /d/\nRUN test -f /d/a.tar.gz\n`), succeeded);
  assert.match(
    await build(`FROM base\nADD --unpack=true ${base}/a.tar.gz /d/\nRUN test -f /d/in\n`),
    succeeded,
  );
});

test("build: the context or the Dockerfile by address", async () => {
  files.set("/Dockerfile", Buffer.from("FROM base\nRUN true\n"));
  files.set(
    "/context.tar.gz",
    gzipSync(
      tarOf({
        Dockerfile: "FROM base\nCOPY . /c/\nRUN test ! -e /c/skip -a -e /c/keep\n",
        skip: "",
        keep: "",
        ".dockerignore": "skip\n",
      }),
    ),
  );
  for (const path of ["/Dockerfile", "/context.tar.gz"]) {
    const { body } = await engine.api("POST", `/build?remote=${encodeURIComponent(base + path)}`);
    assert.match(body, succeeded);
  }
  assert.equal((await engine.api("POST", "/build?remote=nonsense")).status, 400);
});

test("git: a repository as context and as a source, with ref and folder", async () => {
  const work = join(folder, "work");
  mkdirSync(join(work, "sub"), { recursive: true });
  writeFileSync(
    join(work, "Dockerfile"),
    "FROM base\nCOPY . /c/\nRUN test -f /c/sub/f && test ! -e /c/.git\n",
  );
  writeFileSync(join(work, "sub/Dockerfile"), "FROM base\nCOPY f /f\n");
  writeFileSync(join(work, "sub/f"), "f\n");
  const git = (...args: string[]) =>
    execFileSync(
      "git",
      ["-c", "user.name=a", "-c", "user.email=a@b", "-c", "init.defaultBranch=main", ...args],
      { cwd: work, stdio: "pipe" },
    );
  git("init");
  git("add", ".");
  git("commit", "-m", "first");
  execFileSync("git", ["clone", "--quiet", "--bare", work, join(folder, "repo.git")], { stdio: "pipe" });
  execFileSync("git", ["-C", join(folder, "repo.git"), "update-server-info"]);
  for (const suffix of ["", "#main", "#main:sub"]) {
    const { body } = await engine.api(
      "POST",
      `/build?remote=${encodeURIComponent(`${base}/repo.git${suffix}`)}`,
    );
    assert.match(body, succeeded, suffix);
  }
  assert.match(await build(`FROM base\nADD ${base}/repo.git#main:sub /s\nRUN test -f /s/f\n`), succeeded);
  assert.match(
    await build(`FROM base\nADD --keep-git-dir=true ${base}/repo.git /s\nRUN test -d /s/.git\n`),
    succeeded,
  );
  assert.match(await build(`FROM base\nADD ${base}/repo.git#main:../.. /s\n`), /invalid git source/);
  const commit = execFileSync("git", ["rev-parse", "HEAD"], { cwd: work, encoding: "utf8" }).trim();
  const query = `ref=main&subdir=sub&checksum=${commit.slice(0, 12)}`;
  assert.match(await build(`FROM base\nADD ${base}/repo.git?${query} /s\nRUN test -f /s/f\n`), succeeded);
  assert.match(await build(`FROM base\nADD --checksum=${commit} ${base}/repo.git /s\n`), succeeded);
  assert.match(
    await build(`FROM base\nADD --checksum=${"0".repeat(40)} ${base}/repo.git /s\n`),
    /expected checksum to match 0+, got [0-9a-f]{40}/,
  );
  assert.match(await build(`FROM base\nADD ${base}/repo.git?nope=1 /s\n`), /unexpected query \\"nope\\"/);
});

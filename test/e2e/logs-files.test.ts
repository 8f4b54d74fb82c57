import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync, watch } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { loadBusybox } from "../support/busybox-image.ts";
import { EngineUnderTest } from "../support/engine.ts";

// The engine's own logs: rotated, compressed, read back over both, with the engine's defaults.

let engine: EngineUnderTest;
const docker = (...args: string[]) => engine.docker(...args);

before(async () => {
  const flags = ["--log-driver", "local", "--log-opt", "max-size=300k", "--log-opt", "max-file=4"];
  engine = await EngineUnderTest.start("10.223.0.1/16", undefined, flags);
  await loadBusybox(engine);
});
after(async () => {
  await engine[Symbol.asyncDispose]();
});

interface Inspected {
  readonly Id: string;
  readonly LogPath: string;
  readonly HostConfig: { readonly LogConfig: object };
}

async function inspect(name: string): Promise<Inspected> {
  return (await engine.api("GET", `/containers/${name}/json`)).json as Inspected;
}

/** Resolves when the container's folder has what is wanted. */
async function untilFolder(id: string, isThere: (names: readonly string[]) => boolean): Promise<void> {
  const folder = join(engine.root, "containers", id);
  for await (const _ of changesOf(folder)) if (isThere(readdirSync(folder))) return;
}

async function* changesOf(folder: string): AsyncGenerator<void> {
  let change = Promise.withResolvers<void>();
  const watcher = watch(folder, () => change.resolve());
  try {
    for (;;) {
      const next = change.promise;
      yield;
      await next;
      change = Promise.withResolvers();
    }
  } finally {
    watcher.close();
  }
}

const numbered = (count: number) =>
  `seq -w 1 ${count} | sed 's/$/ 0123456789012345678901234567890123456789/'; touch /done; exec sleep 600`;

test("info and inspect tell the engine's own driver, and options of a request come before the engine's", async () => {
  assert.equal((await docker("info", "-f", "{{.LoggingDriver}}")).stdout, "local\n");
  const { stdout } = await docker("info", "-f", "{{.Plugins.Log}}");
  assert.equal(stdout, "[fluentd gelf journald json-file local syslog]\n");
  await docker("create", "--name", "plain", "--log-opt", "max-file=2", "test", "true");
  const { HostConfig, LogPath } = await inspect("plain");
  assert.deepEqual(HostConfig.LogConfig, { Type: "local", Config: { "max-size": "300k", "max-file": "2" } });
  assert.equal(LogPath, "");
  await docker("create", "--name", "other", "--log-driver", "json-file", "test", "true");
  assert.deepEqual((await inspect("other")).HostConfig.LogConfig, { Type: "json-file", Config: {} });
  await docker("rm", "plain", "other");
});

test("rotated files are compressed, and read as if they were not", async () => {
  await docker("run", "-d", "--name", "many", "test", "sh", "-c", numbered(20000));
  const { Id } = await inspect("many");
  const isSettled = (names: readonly string[]) =>
    names.some((name) => name.endsWith(".log.1.gz")) &&
    !names.some((name) => /\.log\.\d$|gz\.tmp$/.test(name));
  await untilFolder(Id, isSettled);
  const { stdout } = await docker("logs", "many");
  const numbers = stdout
    .trimEnd()
    .split("\n")
    .map((line) => Number(line.slice(0, 5)));
  assert.equal(numbers.at(-1), 20000);
  assert.ok(numbers.length > 5000 && numbers.length < 20000, `${numbers.length} lines`);
  assert.ok(numbers.every((number, index) => index === 0 || number === (numbers[index - 1] ?? 0) + 1));
  const tail = (await docker("logs", "--tail", "4000", "many")).stdout;
  assert.equal(tail, stdout.split("\n").slice(-4001).join("\n"));
  const [since = ""] = (await docker("logs", "-t", "--tail", "3500", "many")).stdout.split(" ");
  const later = (await docker("logs", "--since", since, "many")).stdout.split("\n");
  assert.ok(later.length >= 3501 && later.length < numbers.length, `${later.length} lines since`);
  const packed = readdirSync(join(engine.root, "containers", Id)).filter((name) => name.endsWith(".gz"));
  const text = execFileSync("gzip", ["-dc", join(engine.root, "containers", Id, packed[0] ?? "")]).toString();
  assert.match(text.split("\n")[0] ?? "", /^\{"log":"\d{5} 0/);
  await docker("rm", "-f", "many");
});

test("following goes on over files that are rotated and compressed", async () => {
  const script = `until [ -e /go ]; do sleep 0.02; done; ${numbered(30000).replace("exec sleep 600", "exit")}`;
  await docker("create", "--name", "followed", "--log-opt", "max-file=40", "test", "sh", "-c", script);
  await docker("start", "followed");
  const followed = docker("logs", "-f", "followed");
  await docker("exec", "followed", "touch", "/go");
  const lines = (await followed).stdout.trimEnd().split("\n");
  assert.equal(lines.length, 30000);
  assert.ok(lines.every((line, index) => Number(line.slice(0, 5)) === index + 1));
  await docker("rm", "-f", "followed");
});

test("json-file records carry what the options choose, and logs --details shows it", async () => {
  const options = ["labels=x", "env-regex=^V", "tag={{.Name}}"].flatMap((option) => ["--log-opt", option]);
  const labels = ["--label", "x=a b,c=&", "-e", "V1=1 é", "-e", "W=2"];
  await docker(
    "run",
    "--name",
    "marked",
    "--log-driver",
    "json-file",
    ...options,
    ...labels,
    "test",
    "echo",
    "a",
  );
  const { LogPath } = await inspect("marked");
  const record = readFileSync(LogPath, "utf8");
  const form =
    /^\{"log":"a\\n","stream":"stdout","attrs":\{"V1":"1 é","tag":"marked","x":"a b,c=\\u0026"\},"time":"[^"]*"\}\n$/;
  assert.match(record, form);
  const { stdout } = await docker("logs", "--details", "marked");
  assert.equal(stdout, "V1=1+%C3%A9,tag=marked,x=a+b%2Cc%3D%26 a\n");
  await docker("rm", "marked");
});

test("an engine's driver that is none does not let it start", async () => {
  await assert.rejects(
    EngineUnderTest.start("10.224.0.1/16", undefined, ["--log-driver", "nosuch"]),
    /plugin \\"nosuch\\" not found|plugin "nosuch" not found/,
  );
});

test("followers that come and go leave no descriptor open in the daemon", async () => {
  await docker("run", "-d", "--name", "watched", "test", "sh", "-c", "echo a; exec sleep 600");
  const open = () => readdirSync(`/proc/${engine.pid}/fd`).length;
  const follow = async () => {
    const leave = new AbortController();
    const request = engine.stream("/containers/watched/logs?follow=1&stdout=1", leave.signal);
    await request.first;
    leave.abort();
    await request.closed;
  };
  await Promise.all(Array.from({ length: 20 }, follow));
  const before = open();
  for (let round = 0; round < 10; round++) await Promise.all(Array.from({ length: 20 }, follow));
  await engine.api("GET", "/_ping");
  assert.ok(open() <= before + 2, `${before} descriptors became ${open()}`);
  await docker("rm", "-f", "watched");
});

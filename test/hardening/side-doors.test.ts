import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { loadBusybox } from "../support/busybox-image.ts";
import { EngineUnderTest } from "../support/engine.ts";

// Ways out of a container that somebody asks for (E19, E40 of docs/security.md): as usual nobody hears of them, a hardened engine
// warns, and one that is told to denies them. The first is what the last is without its protection.

let engine: EngineUnderTest;

before(async () => {
  engine = await EngineUnderTest.start("10.240.0.1/16");
  await loadBusybox(engine);
});
after(() => engine[Symbol.asyncDispose]());

/** Each would give its container the engine, the host, or another tenant's container. */
const asked: readonly (readonly string[])[] = [
  ["-v", "/proc:/host-proc"],
  ["-v", "/var/lib/lxcfs:/lxcfs"],
  ["-v", "/run:/run-of-host"],
  ["--mount", "type=bind,src=/sys,dst=/host-sys"],
  ["--privileged"],
  ["--security-opt", "seccomp=unconfined"],
  ["--security-opt", "systempaths=unconfined"],
  ["--cap-add", "SYS_ADMIN"],
  ["--pid", "host"],
  ["--pid", "container:tenant"],
];

async function attempts(): Promise<readonly { readonly code: number; readonly stderr: string }[]> {
  const answers = [];
  for (const [index, options] of asked.entries()) {
    const { code, stderr } = await engine.docker(
      "create",
      "--name",
      `door-${index}`,
      ...options,
      "test",
      "true",
    );
    await engine.docker("rm", "-f", `door-${index}`);
    answers.push({ code, stderr });
  }
  return answers;
}

test("as usual: what a client asks for it gets, as from Docker", async () => {
  await engine.dockerOk("run", "-d", "--name", "tenant", "test", "sleep", "1000");
  for (const { code, stderr } of await attempts())
    assert.deepEqual({ code, stderr }, { code: 0, stderr: "" });
  assert.equal((await engine.docker("exec", "--privileged", "tenant", "true")).code, 0);
});

test("hardened: each is warned of, by name, to the client and in the engine's log", async () => {
  await engine.stop("SIGTERM");
  await engine.up(["--hardened"]);
  for (const [index, { stderr }] of (await attempts()).entries()) {
    // What a user namespace rules out anyway is refused for that.
    const words =
      asked[index]
        ?.at(-1)
        ?.replace(/^type=bind,src=([^,]*).*/, "$1")
        .replace(/:.*-.*|:\/lxcfs/, "") ?? "";
    assert.match(
      stderr,
      new RegExp(`${RegExp.escape(words)}.* leads out of the container|user namespace`, "s"),
    );
  }
  assert.equal((await engine.docker("exec", "--privileged", "tenant", "true")).code, 0);
  assert.match(
    engine.log,
    /"asked":"exec --privileged".*"answer":"warn"|"answer":"warn".*"asked":"exec --privileged"/,
  );
});

test("told to deny: none of them is granted, what is harmless is", async () => {
  await engine.stop("SIGTERM");
  await engine.up(["--side-doors", "deny"]);
  for (const { code, stderr } of await attempts()) {
    assert.notEqual(code, 0);
    assert.match(stderr, /the engine's policy denies /);
  }
  const { code, stderr } = await engine.docker("exec", "--privileged", "tenant", "true");
  assert.notEqual(code, 0);
  assert.match(stderr, /the engine's policy denies exec --privileged/);
  assert.equal(
    await engine.dockerOk("run", "--rm", "-v", "/srv:/x:ro", "--cap-add", "NET_ADMIN", "test", "echo", "ok"),
    "ok",
  );
});

import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import process from "node:process";
import { after, before, test } from "node:test";
import { loadBusybox } from "../support/busybox-image.ts";
import { checkout, EngineUnderTest } from "../support/engine.ts";

// gantry build as its user sees it, by BuildKit's protocol with a real engine: what it prints, where results go, and what it offers.

let engine: EngineUnderTest;
let folder: string;
const gantry = join(checkout, "bin/gantry");

before(async () => {
  engine = await EngineUnderTest.start("10.243.0.1/16");
  await loadBusybox(engine, "base:latest");
  folder = mkdtempSync(join(tmpdir(), "gantry-cli-build-"));
});
after(async () => {
  rmSync(folder, { recursive: true });
  await engine[Symbol.asyncDispose]();
});

let contexts = 0;

/** A folder with these files. */
function contextOf(files: Readonly<Record<string, string>>): string {
  const context = join(folder, `context-${contexts++}`);
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(context, path)), { recursive: true });
    writeFileSync(join(context, path), text);
  }
  return context;
}

interface Run {
  readonly input?: string;
  readonly env?: Readonly<Record<string, string>>;
}

const environment = (more: Run["env"] = {}) => ({
  ...process.env,
  DOCKER_HOST: `unix://${engine.socket}`,
  DOCKER_CONFIG: folder,
  ...more,
});

function build(args: readonly string[], { input = "", env }: Run = {}) {
  const done = spawnSync(gantry, ["build", ...args], {
    encoding: "utf8",
    env: environment(env),
    input,
    cwd: folder,
  });
  return { code: done.status, out: done.stdout, err: done.stderr };
}

/** Without what differs from run to run. */
const plain = (text: string) =>
  text
    .replaceAll(/ \d+\.\d+s/g, "")
    .replaceAll(/^(#\d+ |)\d+\.\d+ /gm, "$1")
    .replaceAll(/sha256:[0-9a-f]{64}/g, "ID")
    .replaceAll(/transferring (\w+): [\d.kMB]+/g, "transferring $1")
    .replaceAll(/^#\d+ (?:transferring|exporting layers|writing|naming)(?!.* done$).*\n(?=#)/gm, "");

test("prints the lines that buildx prints, and keeps the image", () => {
  const context = contextOf({ Dockerfile: "FROM base\nCOPY a /a\nRUN cat /a\n", a: "hello\n" });
  const { code, out, err } = build(["--progress=plain", "-t", "plain", "--iidfile", "iid", context]);
  assert.equal(code, 0, err);
  assert.equal(out, "");
  assert.equal(
    plain(err),
    `#0 building with "default" instance using docker driver

#1 [internal] load build definition from Dockerfile
#1 transferring dockerfile done
#1 DONE

#2 [internal] load metadata for docker.io/library/base:latest
#2 DONE

#3 [internal] load .dockerignore
#3 transferring context done
#3 DONE

#4 [internal] load build context
#4 transferring context done
#4 DONE

#5 [1/3] FROM docker.io/library/base:latest
#5 CACHED

#6 [2/3] COPY a /a
#6 DONE

#7 [3/3] RUN cat /a
#7 hello
#7 DONE

#8 exporting to image
#8 exporting layers done
#8 writing image ID done
#8 naming to docker.io/library/plain done
#8 DONE
`,
  );
  const quiet = build(["-q", context]);
  assert.deepEqual(quiet, { code: 0, out: `${readFileSync(join(folder, "iid"), "utf8")}\n`, err: "" });
});

test("a step that fails is shown with its last output and its lines of the Dockerfile", () => {
  const dockerfile = "FROM base\nRUN seq 1 12; exit 3\n";
  const { code, err } = build(["--progress=plain", "-"], { input: dockerfile });
  assert.equal(code, 1);
  assert.ok(
    plain(
      err,
    ).endsWith(`#5 ERROR: process "/bin/sh -c seq 1 12; exit 3" did not complete successfully: exit code: 3
------
 > [2/2] RUN seq 1 12; exit 3:
3
4
5
6
7
8
9
10
11
12
------
Dockerfile:2
--------------------
   1 |     FROM base
   2 | >>> RUN seq 1 12; exit 3
   3 |${"     "}
--------------------
ERROR: failed to build: failed to solve: process "/bin/sh -c seq 1 12; exit 3" did not complete successfully: exit code: 3
`),
    err,
  );
});

test("on a terminal the screen ends with every step, and codes are for terminals only", () => {
  const context = contextOf({ Dockerfile: "FROM base\nRUN echo said; sleep 0.5\n" });
  const command = `stty cols 80 rows 24; exec ${gantry} build --no-cache -t screen ${context}`;
  const done = spawnSync("script", ["-qec", command, "/dev/null"], { encoding: "utf8", env: environment() });
  assert.equal(done.status, 0, done.stdout);
  const shown = done.stdout.replaceAll("\u001b", "<ESC>");
  assert.match(shown, /<ESC>\[2m => => # said +<ESC>\[0m/);
  const last = shown.slice(shown.lastIndexOf("[+] Building"));
  assert.match(last, /^\[\+\] Building \d+\.\ds \(6\/6\) FINISHED {1,50}docker:default/);
  assert.match(last, /<ESC>\[34m => \[2\/2\] RUN echo said; sleep 0.5 +\d\.\ds<ESC>\[0m/);
  assert.match(last, /<ESC>\[34m => => naming to docker.io\/library\/screen +0\.\ds<ESC>\[0m/);
});

test("sends what the Dockerfile wants, through links, and not what is ignored", () => {
  const context = contextOf({
    Dockerfile: "FROM base\nCOPY wanted link /w/\nCOPY --from=other . /o/\nRUN find /w /o -type f | sort\n",
    ".dockerignore": "**/*.no\n",
    "wanted/a": "a",
    "wanted/b.no": "b",
    "real/deep": "deep",
    unwanted: "x".repeat(2_000_000),
  });
  symlinkSync("real", join(context, "link"));
  const other = contextOf({ f: "f", "g.md": "g", ".dockerignore": "*.md" });
  const { code, err } = build(["--progress=plain", "--build-context", `other=${other}`, context]);
  assert.equal(code, 0, err);
  assert.match(plain(err), /#\d+ \/o\/\.dockerignore\n#\d+ \/o\/f\n#\d+ \/w\/a\n#\d+ \/w\/deep\n/);
  assert.doesNotMatch(err, /transferring context: 2\.\d+MB/);
});

test("only files that have changed are sent again, and a change that keeps the size is one", () => {
  const filler = Object.fromEntries(Array.from({ length: 20 }, (_, at) => [`f${at}`, "x".repeat(10_000)]));
  const context = contextOf({ Dockerfile: "FROM base\nCOPY . /all\n", ...filler });
  // What is younger than its transfer is not believed to stay as it is.
  const aged = (name: string, seconds: number) => utimesSync(join(context, name), seconds, seconds);
  for (const name of ["Dockerfile", ...Object.keys(filler)]) aged(name, 1_700_000_000.5);
  const run = () => {
    const { code, err } = build(["--progress=plain", "-t", "kept", context]);
    assert.equal(code, 0, err);
    const step = /^(#\d+) \[internal\] load build context$/m.exec(err)?.[1] ?? "";
    const sent = new RegExp(`^${step} transferring context: ([\\d.]+k?)B .*done$`, "m").exec(err)?.[1];
    return { isCached: /COPY \. \/all\n#\d+ CACHED/.test(err), sent };
  };
  const [first, second] = [run(), run()];
  assert.ok(first.sent?.endsWith("k"), `${first.sent}B sent`);
  assert.equal(first.isCached, false);
  assert.equal(second.isCached, true);
  assert.ok(!second.sent?.startsWith(first.sent ?? ""), `${second.sent}B sent again`);
  writeFileSync(join(context, "f3"), "y".repeat(10_000));
  assert.equal(run().isCached, false);
  writeFileSync(join(context, "f3"), "z".repeat(10_000));
  assert.equal(run().isCached, false, "changed within a moment of its transfer");
  aged("f3", 1_700_000_001.5);
  assert.equal(run().isCached, true, "another time is no other content");
});

test("secrets of files and variables, and a forwarded agent, reach the steps that ask for them", async () => {
  writeFileSync(join(folder, "token"), "from a file");
  const socket = join(folder, "agent.sock");
  const agent = createServer();
  agent.listen(socket);
  await once(agent, "listening");
  const context = contextOf({
    Dockerfile:
      "FROM base\nRUN --mount=type=secret,id=f --mount=type=secret,id=v cat /run/secrets/*\n" +
      'RUN --mount=type=ssh test -S "$SSH_AUTH_SOCK" && echo agent\n',
  });
  const child = spawn(
    gantry,
    [
      "build",
      "--progress=plain",
      "--secret",
      "id=f,src=token",
      "--secret",
      "id=v,env=V",
      "--ssh",
      `default=${socket}`,
      context,
    ],
    { env: environment({ V: "-of a variable\n" }), cwd: folder, stdio: ["ignore", "ignore", "pipe"] },
  );
  let err = "";
  child.stderr.on("data", (bytes: Buffer) => {
    err += bytes.toString();
  });
  const [code] = await once(child, "exit");
  agent.close();
  assert.equal(code, 0, err);
  assert.match(plain(err), /#\d+ from a file-of a variable\n/);
  assert.match(plain(err), /#\d+ agent\n/);
});

test("results go to a folder, to an archive, and to standard output", () => {
  const context = contextOf({ Dockerfile: "FROM scratch\nCOPY sub /sub\n", "sub/a": "a", "sub/deep/b": "b" });
  const files = build(["-o", "out", context]);
  assert.equal(files.code, 0, files.err);
  assert.equal(readFileSync(join(folder, "out/sub/deep/b"), "utf8"), "b");
  const tar = build(["-o", "type=tar,dest=out.tar", context]);
  assert.equal(tar.code, 0, tar.err);
  const listed = spawnSync("tar", ["-tf", join(folder, "out.tar")], { encoding: "utf8" }).stdout;
  assert.match(listed, /^(?:\.\/)?sub\/deep\/b$/m);
  const piped = spawnSync(gantry, ["build", "-q", "-o", "-", context], { env: environment(), cwd: folder });
  assert.equal(spawnSync("tar", ["-t"], { input: piped.stdout, encoding: "utf8" }).stdout, listed);
});

test("an OCI layout in a folder has its blobs and its names, and a second image joins it", () => {
  const context = contextOf({ Dockerfile: "FROM base AS a\nFROM a\nRUN echo two >/two\n" });
  const layout = join(folder, "layout");
  const output = `--output=type=oci,dest=${layout},tar=false`;
  for (const words of [
    ["-t", "r.io/a:1", "-t", "r.io/b:2", "--target=a"],
    ["-t", "r.io/b:2"],
  ]) {
    const { code, err } = build(["-q", output, ...words, context]);
    assert.equal(code, 0, err);
  }
  const { manifests } = JSON.parse(readFileSync(join(layout, "index.json"), "utf8")) as {
    readonly manifests: readonly {
      readonly digest: string;
      readonly annotations: Readonly<Record<string, string>>;
    }[];
  };
  const names = manifests.map(({ annotations }) => annotations["io.containerd.image.name"]);
  assert.deepEqual(names, ["r.io/a:1", "r.io/b:2"]);
  assert.notEqual(manifests[0]?.digest, manifests[1]?.digest);
  for (const { digest } of manifests) {
    const place = (name: string) => join(layout, "blobs/sha256", name.slice("sha256:".length));
    const { layers, config } = JSON.parse(readFileSync(place(digest), "utf8")) as {
      readonly layers: readonly { readonly digest: string }[];
      readonly config: { readonly digest: string };
    };
    for (const blob of [config, ...layers]) assert.ok(existsSync(place(blob.digest)));
  }
});

test("an archive on standard input is a context, and a Dockerfile there goes with a folder", () => {
  const context = contextOf({ Dockerfile: "FROM base\nRUN cat a\n", a: "in the folder\n" });
  const tar = spawnSync("tar", ["-C", context, "-c", "."]);
  const archived = spawnSync(gantry, ["build", "--progress=plain", "-"], {
    env: environment(),
    input: tar.stdout,
    encoding: "utf8",
  });
  assert.equal(archived.status, 1);
  assert.match(archived.stderr, /can't open 'a'/);
  const mixed = build(["--progress=plain", "-f", "-", context], {
    input: "FROM base\nCOPY a /\nRUN cat /a\n",
  });
  assert.equal(mixed.code, 0, mixed.err);
  assert.match(plain(mixed.err), /#\d+ in the folder\n/);
});

test("what makes no sense is told in buildx's words, before anything is built", () => {
  const context = contextOf({ Dockerfile: "FROM base\n" });
  const failing = [
    [["nofolder"], `ERROR: failed to build: unable to prepare context: path "nofolder" not found\n`],
    [
      ["-t", "BAD", context],
      `ERROR: failed to build: invalid tag "BAD": repository name must be lowercase\n`,
    ],
    [["--secret", "id=a,foo=b", context], "ERROR: unexpected key 'foo' in 'foo=b'\n"],
    [
      ["--secret", "id=a,src=no", context],
      "ERROR: failed to build: failed to stat no: stat no: no such file or directory\n",
    ],
    [["--allow", "all", context], "ERROR: failed to build: unknown entitlement all\n"],
    [["--push", context], "ERROR: failed to build: tag is needed when pushing to registry\n"],
    [["--progress=big", context], "ERROR: invalid progress mode big\n"],
    [["--build-context", "x", context], "ERROR: invalid context value: x, expected key=value\n"],
    [
      ["-f", "-", "-"],
      "ERROR: failed to build: invalid argument: can't use stdin for both build context and dockerfile\n",
    ],
  ] as const;
  for (const [args, message] of failing) {
    const { code, err } = build(args, { input: "FROM base\n" });
    assert.equal(err, message);
    assert.equal(code, 1);
  }
});

test("an interrupted build ends in the engine too, and says so", async () => {
  const context = contextOf({ Dockerfile: "FROM base\nRUN echo begun; sleep 1000\n" });
  const child = spawn(gantry, ["build", "--progress=plain", context], {
    env: environment(),
    stdio: ["ignore", "ignore", "pipe"],
  });
  let err = "";
  child.stderr.on("data", (bytes: Buffer) => {
    err += bytes.toString();
    if (err.includes("5 0.") && child.killed === false) child.kill("SIGINT");
  });
  const [code] = await once(child, "exit");
  assert.equal(code, 130, err);
  assert.match(
    err,
    /#5 CANCELED\n(?:.*\n)*ERROR: failed to build: failed to solve: Canceled: context canceled\n$/,
  );
});

test("metadata are written as JSON, and a local result is not an image", () => {
  const context = contextOf({ Dockerfile: "FROM base\nLABEL a=b\n" });
  const { code, err } = build(["--metadata-file", "meta.json", "-t", "meta", "--label", "c=d", context]);
  assert.equal(code, 0, err);
  const meta = JSON.parse(readFileSync(join(folder, "meta.json"), "utf8")) as Record<string, string>;
  assert.match(meta["containerimage.config.digest"] ?? "", /^sha256:/);
  assert.match(meta["buildx.build.ref"] ?? "", /^default\/default\/\w+$/);
  assert.equal(existsSync(join(folder, "meta")), false);
});

function buildx(args: readonly string[], { env }: Run = {}) {
  const done = spawnSync(gantry, ["buildx", ...args], {
    encoding: "utf8",
    env: environment(env),
    cwd: folder,
  });
  return { code: done.status, out: done.stdout, err: done.stderr };
}

test("bake builds linked targets once each, and keeps to its folder", () => {
  const context = contextOf({ Dockerfile: "FROM base\nRUN echo lib >/lib.txt\n" });
  const target = {
    lib: { context },
    app: {
      context,
      "dockerfile-inline": "FROM lib\nRUN cat /lib.txt\n",
      contexts: { lib: "target:lib" },
      tags: ["baked"],
    },
    again: {
      inherits: ["app"],
      "dockerfile-inline": "FROM lib\nCOPY --from=lib /lib.txt /x\n",
      tags: ["baked:again"],
    },
  };
  const group = { default: { targets: ["app", "again"] } };
  writeFileSync(join(folder, "docker-bake.json"), JSON.stringify({ group, target }));
  const baked = buildx(["bake", "--progress=plain", "--metadata-file", "baked.json"]);
  assert.equal(baked.code, 0, baked.err);
  assert.match(plain(baked.err), /#1 \[internal\] load local bake definitions\n/);
  assert.equal(new Set(baked.err.match(/^#\d+ \[lib 2\/2\] RUN echo lib/gm)).size, 1, baked.err);
  assert.match(plain(baked.err), /^#\d+ lib$/m);
  assert.match(plain(baked.err), /#\d+ naming to docker.io\/library\/baked:again done/);
  const metadata = JSON.parse(readFileSync(join(folder, "baked.json"), "utf8")) as object;
  assert.deepEqual(Object.keys(metadata), ["again", "app", "lib"]);
  const outside = buildx(["bake", "--set", "lib.context=/etc"]);
  assert.equal(outside.code, 1);
  assert.match(
    outside.err,
    / - Read access to path \/etc\n(?:.*\n)*ERROR: additional privileges requested\n$/,
  );
  writeFileSync(
    join(folder, "docker-bake.hcl"),
    'variable "V" { default = "hcl" }\ntarget "app" {\n  tags = [for n in ["one", "two"] : "baked-${n}:${V}"]\n}\n',
  );
  const changed = buildx(["bake", "--progress=plain", "app"], { env: { V: "2" } });
  assert.equal(changed.code, 0, changed.err);
  assert.match(plain(changed.err), /naming to docker.io\/library\/baked-two:2 done/);
});

test("a failing target of bake is named, and the others stop", () => {
  const context = contextOf({ Dockerfile: "FROM base\n" });
  const inline = (run: string) => ({ context, "dockerfile-inline": `FROM base\nRUN ${run}\n` });
  const file = join(context, "docker-bake.json");
  const group = { default: { targets: ["good", "bad"] } };
  writeFileSync(
    file,
    JSON.stringify({ group, target: { good: inline("sleep 1000"), bad: inline("exit 3") } }),
  );
  const { code, err } = buildx(["bake", "--progress=plain", "-f", file]);
  assert.equal(code, 1);
  assert.match(err, /\n > \[bad 2\/2\] RUN exit 3:\n/);
  assert.match(
    err,
    /\nERROR: target bad: failed to solve: process "\/bin\/sh -c exit 3" did not complete successfully: exit code: 3\n$/,
  );
});

test("du, prune, ls, inspect and history show the engine as the one builder", () => {
  const context = contextOf({ Dockerfile: "FROM base\nRUN echo remembered >/x && echo said && cat /x\n" });
  const built = build(["--progress=plain", context]);
  assert.equal(built.code, 0);
  assert.equal(plain(buildx(["history", "logs"]).err), plain(built.err).replace(/^#0 .*\n\n/, ""));
  assert.match(buildx(["du", "--verbose"]).out, /Description: +RUN echo remembered >\/x /);
  assert.match(
    buildx(["ls"]).out,
    /^NAME\/NODE +DRIVER\/ENDPOINT +STATUS +BUILDKIT +PLATFORMS\ndefault\* +docker/,
  );
  assert.match(buildx(["inspect"]).out, /\nStatus: +running\n/);
  assert.match(buildx(["history", "ls"]).out, /\n\w{32} +Dockerfile +Completed +/);
  assert.match(buildx(["history", "inspect"]).out, /\nBuild Steps: +\d+\/\d+ /);
  assert.equal(buildx(["history", "rm", "--all"]).code, 0);
  assert.equal(buildx(["history", "ls", "--format", "json"]).out, "");
  const pruned = buildx(["prune", "-f", "-a"]);
  assert.match(pruned.out, /^ID +\tRECLAIMABLE\tSIZE {6}\tLAST ACCESSED\n(?:.*\n)+Total:\t/);
  assert.doesNotMatch(buildx(["du", "--verbose"]).out, /remembered/);
});

test("a cache in a folder is written, and found again when the engine has forgotten", () => {
  const context = contextOf({ Dockerfile: "FROM base\nRUN echo kept >/x\n" });
  const cache = join(folder, "cache");
  const sent = build(["--progress=plain", "--cache-to", `type=local,dest=${cache},mode=max`, context]);
  assert.equal(sent.code, 0, sent.err);
  const { manifests } = JSON.parse(readFileSync(join(cache, "index.json"), "utf8")) as {
    manifests: { digest: string }[];
  };
  assert.equal(manifests.length, 1);
  assert.ok(existsSync(join(cache, "blobs/sha256", manifests[0]?.digest.slice("sha256:".length) ?? "")));
  assert.equal(buildx(["prune", "-af"]).code, 0);
  const found = build(["--progress=plain", "--cache-from", `type=local,src=${cache}`, context]);
  assert.equal(found.code, 0, found.err);
  assert.match(found.err, /\[2\/2\] RUN echo kept >\/x\n#\d+ CACHED\n/);
  const absent = build(["-q", "--cache-from", "type=local,src=nowhere", context]);
  assert.equal(absent.code, 0, absent.err);
});

test("warnings are told at the end, in short or in full, and checks build nothing", () => {
  const context = contextOf({ Dockerfile: "FROM base as x\n" });
  const { err } = build(["--progress=plain", context]);
  assert.match(
    err,
    /\n 1 warning found \(use gantry --debug to expand\):\n - FromAsCasing: 'as' and 'FROM' keywords' casing do not match \(line 1\)\n$/,
  );
  const done = spawnSync(gantry, ["--debug", "build", "--progress=plain", context], {
    encoding: "utf8",
    env: environment(),
  });
  assert.match(
    done.stderr,
    /\nMore info: https:\/\/docs.docker.com\S*\nDockerfile:1\n-+\n {3}1 \| >>> FROM base as x\n/,
  );
  const check = build(["--check", context]);
  assert.equal(check.code, 1);
  assert.match(check.out, /^Check complete, 1 warning has been found!\n\nWARNING: FromAsCasing - https:/);
});

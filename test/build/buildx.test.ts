import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { after, before, test } from "node:test";
import { loadBusybox } from "../support/busybox-image.ts";
import { EngineUnderTest } from "../support/engine.ts";

// A project with everything that BuildKit's clients send along, built by docker's own: buildx, bake, compose.

let engine: EngineUnderTest;
let folder: string;
let agent: Server;

before(async () => {
  engine = await EngineUnderTest.start("10.219.0.1/16");
  await loadBusybox(engine, "base:latest");
  folder = mkdtempSync(join(tmpdir(), "gantry-buildx-"));
  agent = createServer((socket) => socket.end()).listen(join(folder, "agent"));
  for (const [path, text] of Object.entries(project)) write(path, text);
});
after(async () => {
  agent.close();
  rmSync(folder, { recursive: true });
  await engine[Symbol.asyncDispose]();
});

const project = {
  "app/Dockerfile": `FROM base AS tools
RUN --mount=type=cache,target=/cache echo tool >> /cache/log && wc -l < /cache/log > /uses
FROM base AS assets
COPY --from=shared *.txt /assets/
FROM base
ARG VERSION=none
COPY --from=tools /uses /uses
COPY --from=assets /assets /assets
COPY src /src
RUN --mount=type=secret,id=token,required wc -c < /run/secrets/token > /length
RUN --mount=type=ssh,required test -S "$SSH_AUTH_SOCK"
RUN --mount=type=bind,from=shared,target=/shared cat /shared/a.txt > /bound; echo "$VERSION" > /version
CMD ["cat", "/assets/a.txt", "/src/main", "/length", "/bound", "/version"]
`,
  "app/src/main": "main\n",
  "app/ignored": "no\n",
  "app/.dockerignore": "ignored\n",
  "shared/a.txt": "shared\n",
  token: "12345",
};
const expected = "shared\nmain\n5\nshared\n1.2\n";

function write(path: string, text: string): void {
  mkdirSync(join(folder, path, ".."), { recursive: true });
  writeFileSync(join(folder, path), text);
}

const lacks = (plugin: string) =>
  spawnSync("docker", [plugin, "version"]).status === 0 ? false : `docker has no ${plugin} plugin`;

/** Not synchronously: the agent is in this process. */
async function docker(...args: readonly string[]): Promise<string> {
  const env = {
    ...process.env,
    DOCKER_HOST: `unix://${engine.socket}`,
    DOCKER_BUILDKIT: "1",
    BUILDX_BAKE_ENTITLEMENTS_FS: "0",
    BUILDX_NO_DEFAULT_ATTESTATIONS: "1",
  };
  const child = spawn("docker", args, { env, cwd: folder, stdio: ["ignore", "pipe", "pipe"] });
  let text = "";
  for (const stream of [child.stdout, child.stderr])
    stream.on("data", (bytes: Buffer) => {
      text += bytes.toString();
    });
  const code = await new Promise((resolve, reject) => child.on("error", reject).on("close", resolve));
  assert.equal(code, 0, text);
  return text;
}

const options = [
  "--build-context=shared=shared",
  "--secret=id=token,src=token",
  "--ssh=default=agent",
  "--build-arg=VERSION=1.2",
];

test("buildx: stages, secrets, ssh, cache mounts, named contexts", { skip: lacks("buildx") }, async () => {
  await docker("buildx", "build", "--progress=plain", ...options, "-t", "app", "app");
  assert.equal(await docker("run", "--rm", "app"), expected);
  const again = await docker("buildx", "build", "--progress=plain", ...options, "-t", "app", "app");
  assert.equal(again.match(/ CACHED$/gm)?.length, 9, again);
  write("app/src/main", "changed\n");
  const changed = await docker("buildx", "build", "--progress=plain", ...options, "-t", "app", "app");
  assert.match(changed, /\[tools \d\/2\] RUN.*\n#\d+ CACHED/);
  assert.equal(await docker("run", "--rm", "app"), expected.replace("main", "changed"));
  write("app/src/main", "main\n");
});

test("buildx: a cache that goes to a folder and comes back", { skip: lacks("buildx") }, async () => {
  const cache = join(folder, "cache");
  const build = ["buildx", "build", "--progress=plain", ...options];
  await docker(...build, `--cache-to=type=local,dest=${cache},mode=max`, "-t", "app", "app");
  assert.match(readFileSync(join(cache, "index.json"), "utf8"), /manifests/);
  await docker("rmi", "-f", "app");
  await docker("buildx", "prune", "-af");
  const again = await docker(...build, `--cache-from=type=local,src=${cache}`, "-t", "app", "app");
  assert.match(again, /\[tools \d\/2\] RUN.*\n#\d+ CACHED/);
  assert.equal(await docker("run", "--rm", "app"), expected);
});

test("bake: the same by a file, with a matrix and a target that others build on", {
  skip: lacks("buildx"),
}, async () => {
  write(
    "docker-bake.hcl",
    `group "default" { targets = ["app", "variant"] }
target "shared" {
  context = "shared"
  dockerfile-inline = "FROM scratch\\nCOPY a.txt /\\n"
}
target "app" {
  context = "app"
  contexts = { shared = "target:shared" }
  secret = ["id=token,src=token"]
  ssh = ["default=agent"]
  args = { VERSION = "1.2" }
  tags = ["baked"]
}
target "variant" {
  name = "variant-\${n}"
  matrix = { n = ["1", "2"] }
  dockerfile-inline = "FROM base\\nCMD [\\"echo\\", \\"\${n}\\"]\\n"
  tags = ["variant:\${n}"]
}
`,
  );
  await docker("buildx", "bake", "--progress=plain");
  assert.equal(await docker("run", "--rm", "baked"), expected);
  assert.equal(await docker("run", "--rm", "variant:2"), "2\n");
});

test("buildx, bake: several platforms in one build, with provenance in folders and in the metadata file", {
  skip: lacks("buildx"),
}, async () => {
  write("many/Dockerfile", "FROM scratch\nARG TARGETARCH\nCOPY a /$TARGETARCH\n");
  write("many/a", "a");
  const both = "--platform=linux/amd64,linux/arm64";
  const said = ["--provenance=mode=min", "--output=type=local,dest=two", "--metadata-file=meta.json"];
  const text = await docker("buildx", "build", "--progress=plain", both, ...said, "many");
  assert.match(text, /\[linux\/arm64 1\/1\] COPY a \/arm64/);
  const read = (path: string) => readFileSync(join(folder, path), "utf8");
  assert.equal(read("two/linux_amd64/amd64"), "a");
  assert.match(read("two/linux_arm64/provenance.json"), /"name": "arm64"/);
  assert.match(read("meta.json"), /"buildx\.build\.provenance\/linux\/arm64"/);
  write(
    "many.hcl",
    `target "base" {
  context = "many"
  platforms = ["linux/amd64", "linux/arm64"]
}
target "default" {
  contexts = { base = "target:base" }
  dockerfile-inline = "FROM base\\nARG TARGETARCH\\nCOPY --from=base /$TARGETARCH /copy\\n"
  platforms = ["linux/amd64", "linux/arm64"]
  output = ["type=local,dest=linked"]
}
`,
  );
  await docker("buildx", "bake", "--progress=plain", "-f", "many.hcl");
  assert.equal(read("linked/linux_arm64/copy"), "a");
  await assert.rejects(docker("buildx", "build", both, "-t", "many", "many"), /manifest lists/);
  const shared = "--output=type=local,dest=shared,platform-split=false";
  await docker("buildx", "build", both, "--provenance=true", shared, "many");
  assert.match(read("shared/provenance.linux_arm64.json"), /"name": "arm64"/);
  write("many/Same", "FROM scratch\nCOPY a /a\n");
  await assert.rejects(
    docker("buildx", "build", both, shared, "-f", "many/Same", "many"),
    /cannot overwrite a from linux\/amd64 with linux\/arm64 when split option is disabled/,
  );
});

test("docker compose build: services with targets, arguments, secrets and contexts", {
  skip: lacks("compose"),
}, async () => {
  write(
    "compose.yaml",
    `services:
  app:
    image: composed
    build:
      context: app
      args: { VERSION: "1.2" }
      additional_contexts: { shared: ./shared }
      secrets: [token]
      ssh: ["default=${join(folder, "agent")}"]
  tools:
    image: composed-tools
    build: { context: app, target: tools }
secrets:
  token: { file: ./token }
`,
  );
  await docker("compose", "--progress=plain", "build");
  assert.equal(await docker("run", "--rm", "composed"), expected);
  assert.match(await docker("run", "--rm", "composed-tools", "cat", "/uses"), /^\d+\n$/);
  await docker("compose", "up", "--build", "-d");
  await docker("compose", "down");
});

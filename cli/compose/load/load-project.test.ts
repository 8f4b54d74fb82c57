import assert from "node:assert/strict";
import { test } from "node:test";
import { Fault } from "#base/fault.ts";
import { renderYaml } from "../render/config.ts";
import { loadProject } from "./load-project.ts";

async function load(files: Readonly<Record<string, string>>, names = ["/p/compose.yaml"]) {
  const deps = {
    home: "/root",
    warn: () => {},
    readText: (path: string) => {
      const text = files[path];
      return text === undefined
        ? Promise.reject(new Fault("not-found", `open ${path}: no such file or directory`))
        : Promise.resolve(text);
    },
  };
  return await loadProject(deps, {
    files: names,
    folder: "/p",
    environment: {},
    isInterpolated: true,
    isResolved: true,
    profiles: [],
  });
}

const bad: readonly (readonly [why: string, text: string, message: string])[] = [
  [
    "unknown property",
    "services:\n web:\n  image: a\n  foo: 1\n",
    "validating /p/compose.yaml: services.web additional properties 'foo' not allowed",
  ],
  [
    "wrong type",
    "services:\n web:\n  image: [a]\n",
    "validating /p/compose.yaml: services.web.image must be a string",
  ],
  [
    "wrong type in a choice",
    "services:\n web:\n  image: a\n  environment: {A: [b]}\n",
    "validating /p/compose.yaml: services.web.environment.A must be a boolean, null, number or string",
  ],
  [
    "no image",
    "services:\n web:\n  command: a\n",
    'service "web" has neither an image nor a build context specified: invalid compose project',
  ],
  [
    "unknown dependency",
    "services:\n web:\n  image: a\n  depends_on: [foo]\n",
    'service "web" depends on undefined service "foo": invalid compose project',
  ],
  [
    "cycle",
    "services:\n a: {image: a, depends_on: [b]}\n b: {image: a, depends_on: [a]}\n",
    "dependency cycle detected: a -> b -> a",
  ],
  [
    "unknown network",
    "services:\n web:\n  image: a\n  networks: [foo]\n",
    'service "web" refers to undefined network foo: invalid compose project',
  ],
  [
    "unknown volume",
    'services:\n web:\n  image: a\n  volumes: ["foo:/a"]\n',
    'service "web" refers to undefined volume foo: invalid compose project',
  ],
  [
    "a key twice",
    "services:\n web:\n  image: a\n  image: b\n",
    'failed to parse /p/compose.yaml: line 4: mapping key "image" already defined at line 3',
  ],
  ["nothing", "", "empty compose file"],
  [
    "bad duration",
    "services:\n web:\n  image: a\n  stop_grace_period: 10y\n",
    'decoding failed due to the following error(s):\n\n\'services[web].stop_grace_period\' time: unknown unit "y" in duration "10y"',
  ],
  [
    "bad size",
    "services:\n web:\n  image: a\n  mem_limit: 10q\n",
    "decoding failed due to the following error(s):\n\n'services[web].mem_limit' invalid suffix: 'q'",
  ],
  ["bad port", "services:\n web:\n  image: a\n  ports: [abc]\n", "Invalid containerPort: abc"],
  [
    "unknown base",
    "services:\n web:\n  image: a\n  extends: foo\n",
    'cannot extend service "web" in /p/compose.yaml: service "foo" not found',
  ],
  [
    "missing env file",
    "services:\n web:\n  image: a\n  env_file: nope\n",
    "env file /p/nope not found: stat /p/nope: no such file or directory",
  ],
  [
    "distinct limits",
    'services:\n web:\n  image: a\n  cpus: 1\n  deploy: {resources: {limits: {cpus: "2"}}}\n',
    "services.web: can't set distinct values on 'cpus' and 'deploy.resources.limits.cpus': invalid compose project",
  ],
];

for (const [why, text, message] of bad)
  test(`loadProject: ${why} is refused in the peer's words`, async () => {
    await assert.rejects(load({ "/p/compose.yaml": text }), { message });
  });

test("loadProject: a circle of extends ends", async () => {
  const text = "services:\n a: {extends: b}\n b: {extends: a}\n";
  await assert.rejects(load({ "/p/compose.yaml": text }), /Circular reference with extends/);
});

test("loadProject: aliases that multiply are refused", async () => {
  const rows = Array.from({ length: 9 }, (_, at) => `x-${at + 1}: &x${at + 1} [${`*x${at},`.repeat(10)}]`);
  await assert.rejects(
    load({ "/p/compose.yaml": `x-0: &x0 [1]\n${rows.join("\n")}\n` }),
    /excessive aliasing/,
  );
});

test("loadProject: a later file overrides, `!override` replaces and `!reset` removes", async () => {
  const project = await load(
    {
      "/p/compose.yaml": "services:\n web:\n  image: a\n  ports: ['1:1']\n  dns: 1.1.1.1\n  cap_add: [A]\n",
      "/p/more.yaml":
        "services:\n web:\n  ports: !override ['2:2']\n  dns: [2.2.2.2]\n  cap_add: !reset []\n",
    },
    ["/p/compose.yaml", "/p/more.yaml"],
  );
  const web = project.services.get("web");
  assert.deepEqual(
    web?.ports?.map(({ published }) => published),
    ["2"],
  );
  assert.deepEqual(web?.dns, ["1.1.1.1", "2.2.2.2"]);
  assert.equal(web?.cap_add, undefined);
});

test("renderYaml: names that look like other types are quoted", async () => {
  const project = await load({
    "/p/compose.yaml": 'services:\n "n":\n  image: "1"\n  labels: {a: "yes", b: "1:30", c: "~", d: "x: y"}\n',
  });
  const yaml = renderYaml(project);
  assert.match(yaml, /^ {2}"n":$/m);
  for (const line of ['image: "1"', 'a: "yes"', 'b: "1:30"', 'c: "~"', "d: 'x: y'"])
    assert.ok(yaml.includes(line), line);
});

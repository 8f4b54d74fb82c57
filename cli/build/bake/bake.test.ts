import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { readBlocks } from "./bake-blocks.ts";
import { optionsOf } from "./bake-target.ts";
import { describeMissing, missingEntitlements } from "./entitlements.ts";
import { normalTarget } from "./normal-fields.ts";
import { overridden, parseOverride } from "./override.ts";
import { resolveTargets } from "./resolve.ts";

const resolve = (file: object, wanted = ["default"], env: Record<string, string> = {}) =>
  resolveTargets(
    readBlocks([{ name: "docker-bake.json", text: JSON.stringify(file) }], env, {}),
    wanted,
    (_, target) => target,
  );

test("resolveTargets: groups are taken apart, parents put together, variables filled in", () => {
  const { names, targets, groups } = resolve(
    {
      variable: { TAG: { default: "1" }, REPO: { default: "app" } },
      group: { default: { targets: ["all"] }, all: { targets: ["a"] } },
      target: {
        base: { args: { X: "x", Y: "y" }, platforms: ["linux/amd64"] },
        a: {
          inherits: ["base"],
          args: { Y: "${TAG}" },
          tags: ["${REPO}:${TAG}"],
          labels: { plain: "$${TAG}" },
        },
      },
    },
    ["default"],
    { TAG: "2" },
  );
  assert.deepEqual(names, ["a"]);
  assert.deepEqual(groups, { default: ["all"], all: ["a"] });
  assert.deepEqual(targets["a"], {
    context: ".",
    dockerfile: "Dockerfile",
    args: { X: "x", Y: "2" },
    platforms: ["linux/amd64"],
    tags: ["app:2"],
    labels: { plain: "${TAG}" },
  });
});

test("resolveTargets: what others have as context comes along, and circles end", () => {
  const linked = resolve({ target: { default: { contexts: { base: "target:base" } }, base: {} } });
  assert.deepEqual(linked.names, ["default"]);
  assert.deepEqual(Object.keys(linked.targets), ["default", "base"]);
  assert.throws(() => resolve({ target: { default: { inherits: ["default"] } } }), /infinite loop/);
  assert.throws(() => resolve({ target: {} }), /failed to find target default/);
});

test("resolveTargets: a matrix is a group of its combinations", () => {
  const { targets } = resolve({
    target: { default: { name: "t-${a}-${b}", matrix: { a: ["1", "2"], b: ["x"] }, args: { A: "${a}" } } },
  });
  assert.deepEqual(Object.keys(targets), ["t-1-x", "t-2-x"]);
  assert.deepEqual(targets["t-2-x"]?.args, { A: "2" });
});

test("readBlocks: a later file changes targets of the ones before it", () => {
  const file = (target: object) => ({ name: "f.json", text: JSON.stringify({ target: { t: target } }) });
  const { targets } = readBlocks(
    [
      file({ args: { A: "1", B: "1" }, tags: ["a"], entitlements: ["x"] }),
      file({ args: { B: "2" }, tags: ["b"], entitlements: ["y"] }),
    ],
    {},
    {},
  );
  assert.deepEqual(targets.get("t"), { args: { A: "1", B: "2" }, tags: ["b"], entitlements: ["x", "y"] });
});

test("overridden: a list is replaced by all its values, or grows with +=", () => {
  const set = (...texts: readonly string[]) =>
    overridden(
      "app",
      { tags: ["old"], args: { A: "1" } },
      texts.map((text) => parseOverride(text, { HOME: "/h" })),
    );
  assert.deepEqual(set("app.tags=a", "app.tags=b", "*.args.B=2", "other.args.C=3").tags, ["a", "b"]);
  assert.deepEqual(set("app.tags+=a").tags, ["old", "a"]);
  assert.deepEqual(set("a*.args.HOME").args, { A: "1", HOME: "/h" });
  assert.deepEqual(set("app.platform=linux/arm64", "app.no-cache=true"), {
    tags: ["old"],
    args: { A: "1" },
    platforms: ["linux/arm64"],
    "no-cache": true,
  });
  assert.throws(() => set("app.foo=1"), /unknown key: foo/);
  assert.throws(() => set("app"), /invalid override key app, expected target.name/);
});

test("missingEntitlements: only what is outside of the folder, links and all, and was not allowed", (t) => {
  const folder = mkdtempSync(join(tmpdir(), "gantry-bake-"));
  t.after(() => rmSync(folder, { recursive: true }));
  mkdirSync(join(folder, "in"));
  symlinkSync("/etc", join(folder, "out"));
  const target = {
    context: "in",
    contexts: { x: "out", y: "target:z" },
    output: ["type=local,dest=../o"],
    network: "host",
  };
  const missing = missingEntitlements([target], [], folder);
  assert.deepEqual(missing, { reads: ["out"], writes: ["../o"], others: ["network.host"] });
  const text = describeMissing(missing, ["gantry", "buildx", "bake", "t"]);
  assert.match(
    text,
    /gantry buildx bake --allow=network.host --allow=fs.read=out --allow=fs.write=..\/o t\n/,
  );
  const allowed = ["fs.read=/etc", "fs.write=*", "network.host"];
  assert.deepEqual(missingEntitlements([target], allowed, folder), { reads: [], writes: [], others: [] });
});

test("optionsOf: a Dockerfile is looked for in its context, and fields are lines", () => {
  const options = optionsOf({
    context: "app",
    dockerfile: "dev.Dockerfile",
    secret: [{ id: "a", src: "b,c" }],
    ssh: [{ id: "k", paths: "/s" }],
    args: { A: "1", B: null },
  });
  assert.equal(options.dockerfile, "app/dev.Dockerfile");
  assert.deepEqual(options.secrets, ['id=a,"src=b,c"']);
  assert.deepEqual(options.ssh, ["k=/s"]);
  assert.deepEqual(options.args, { A: "1" });
});

test("normalTarget: fields as objects, in the order of their names", () => {
  const normal = normalTarget({
    output: ["type=local,dest=o", "out"],
    "cache-from": ["a/b"],
    ssh: ["default"],
  });
  assert.equal(
    JSON.stringify(normal),
    '{"output":[{"dest":"o","type":"local"},{"dest":"out","type":"local"}],"cache-from":[{"ref":"a/b","type":"registry"}],"ssh":[{"id":"default"}]}',
  );
});

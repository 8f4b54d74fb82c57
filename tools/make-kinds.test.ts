import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";

/** Where the specification's files are, for who has them: they are inputs and not part of the repository. */
const folder = process.env["KUBERNETES_SPECIFICATION"] ?? "";
const inputs = {
  "--openapi": "kubernetes-openapi-v1.36.json.gz",
  "--protobuf": "protobuf-fields.json.gz",
  "--merge-schema": "structured-merge-schema-v1.36.yaml.gz",
};

test("make-kinds: says what it needs", () => {
  const { status, stderr } = spawnSync(process.execPath, [join(import.meta.dirname, "make-kinds.ts")]);
  assert.deepEqual([status, stderr.toString()], [2, "--openapi, --protobuf and --merge-schema are needed\n"]);
});

test("make-kinds: what is committed is what it writes", {
  skip: existsSync(join(folder, inputs["--openapi"]))
    ? false
    : "KUBERNETES_SPECIFICATION names no folder with the inputs",
}, () => {
  const options = Object.entries(inputs).flatMap(([option, file]) => [option, join(folder, file)]);
  const { status, stderr } = spawnSync(process.execPath, [
    join(import.meta.dirname, "make-kinds.ts"),
    "--check",
    ...options,
  ]);
  assert.deepEqual([status, stderr.toString()], [0, ""]);
});

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { promisify } from "node:util";

test("resolveOwnModules: a file of ours is found without its package, and a package's own paths stay its own", async () => {
  await using undo = new AsyncDisposableStack();
  const root = mkdtempSync(join(tmpdir(), "gantry-modules-"));
  undo.defer(() => rmSync(root, { recursive: true }));
  const write = (path: string, text: string) => {
    mkdirSync(join(root, path, ".."), { recursive: true });
    writeFileSync(join(root, path), text);
  };
  // Not a module by its package.json, and without paths of its own: only the text of the import says where it is.
  write("package.json", "{}");
  write("area/one.ts", `export { two } from "./deep/two.ts"; export { own } from "pkg";`);
  write("area/deep/two.ts", `export const two: number = 2;`);
  write(
    "node_modules/pkg/package.json",
    `{ "type": "module", "exports": "./pkg.js", "imports": { "#area/one.ts": "./own.js" } }`,
  );
  write("node_modules/pkg/pkg.js", `export { own } from "#area/one.ts";`);
  write("node_modules/pkg/own.js", `export const own = "the package's";`);
  write(
    "main.mts",
    `import { resolveOwnModules } from ${JSON.stringify(join(import.meta.dirname, "module-paths.ts"))};
resolveOwnModules(new URL("./", import.meta.url));
const { two, own } = await import("#area/one.ts");
console.log(two, own);`,
  );
  const { stdout } = await promisify(execFile)(process.execPath, [join(root, "main.mts")]);
  assert.equal(stdout, "2 the package's\n");
});

import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { findPlugin, memberOf } from "./find-plugin.ts";

function openFolders(t: TestContext) {
  const base = mkdtempSync(join(tmpdir(), "gantry-plugins-"));
  const [sockets, first, second] = ["run", "etc", "lib"].map((name) => join(base, name));
  for (const folder of [sockets, first, second]) mkdirSync(folder ?? "");
  t.after(() => rmSync(base, { recursive: true }));
  return {
    sockets: sockets ?? "",
    first: first ?? "",
    second: second ?? "",
    specs: [first ?? "", second ?? ""],
  };
}

async function serve(t: TestContext, path: string): Promise<void> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(path, resolve));
  t.after(() => server.close());
}

test("findPlugin: sockets come before specs, and the first folder of specs before the second", async (t) => {
  const folders = openFolders(t);
  writeFileSync(join(folders.second, "a.spec"), "tcp://second:1\n");
  assert.deepEqual(await findPlugin("a", folders), { kind: "tcp", host: "second", port: 1 });
  writeFileSync(
    join(folders.first, "a.json"),
    '{"Name":"a","addr":"https://[::1]:2","TLSConfig":{"CAFile":"/ca"}}',
  );
  assert.deepEqual(await findPlugin("a", folders), {
    kind: "tcp",
    host: "::1",
    port: 2,
    tls: { verifies: true, ca: "/ca" },
  });
  mkdirSync(join(folders.sockets, "a"));
  await serve(t, join(folders.sockets, "a/a.sock"));
  assert.deepEqual(await findPlugin("a", folders), { kind: "unix", path: join(folders.sockets, "a/a.sock") });
  await serve(t, join(folders.sockets, "a.sock"));
  assert.deepEqual(await findPlugin("a", folders), { kind: "unix", path: join(folders.sockets, "a.sock") });
});

test("findPlugin: what is not there, is no name, or makes no sense is refused", async (t) => {
  const folders = openFolders(t);
  for (const name of ["nope", "", "../etc/a", "a/b", ".."])
    await assert.rejects(findPlugin(name, folders), { message: `plugin "${name}" not found` });
  const texts = ["unix://relative", "tcp://host", "tcp://:1", "ftp://h:1", "", "tcp://h:123456"];
  for (const text of texts) {
    writeFileSync(join(folders.first, "b.spec"), text);
    await assert.rejects(findPlugin("b", folders), /neither unix:\/\/ nor tcp:\/\//, text);
  }
  for (const text of ["", "[]", "{}", "null", '{"Addr":1}', "{"]) {
    writeFileSync(join(folders.first, "c.json"), text);
    await assert.rejects(findPlugin("c", folders), { kind: "invalid" }, text);
  }
});

test("memberOf: names are found in any case, the last one wins, and only members of objects", () => {
  assert.equal(memberOf({ allow: false, ALLOW: true }, "Allow"), true);
  for (const value of [null, 1, "Allow", [], { __proto__: { Allow: true } }, Object.create({ Allow: true })])
    assert.equal(memberOf(value, "Allow"), undefined);
});

import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { isFault } from "#base/fault.ts";
import { attestAttributes } from "./attests.ts";
import { parseCacheEntry } from "./cache.ts";
import { csvFields } from "./csv-fields.ts";
import { destinationOf, parseOutput } from "./outputs.ts";
import { parseSecrets } from "./secrets.ts";
import { parseAgents } from "./ssh.ts";

test("csvFields: takes apart what was put together, whatever is in the fields", () => {
  const quoted = (field: string) => `"${field.replaceAll('"', '""')}"`;
  fc.assert(
    fc.property(fc.array(fc.string(), { minLength: 1 }), (fields) => {
      assert.deepEqual(csvFields(fields.map(quoted).join(",")), fields);
    }),
  );
});

test("csvFields: any text is fields or a fault", () => {
  fc.assert(
    fc.property(fc.string(), (text) => {
      try {
        csvFields(text);
      } catch (error) {
        assert.ok(isFault(error, "invalid"));
      }
    }),
  );
});

test("parseOutput: a place alone is a folder, a dash an archive, registry an image that is pushed", () => {
  assert.deepEqual(parseOutput("out"), { type: "local", attrs: {}, destination: "out" });
  assert.deepEqual(parseOutput("-"), { type: "tar", attrs: {}, destination: "-" });
  assert.deepEqual(parseOutput('type=oci,"dest=a,b",compression=zstd'), {
    type: "oci",
    attrs: { compression: "zstd" },
    destination: "a,b",
  });
  assert.deepEqual(parseOutput("type=registry,name=x"), {
    type: "image",
    attrs: { push: "true", name: "x" },
  });
  assert.throws(() => parseOutput("dest=x,a=b"), /type is required for output/);
});

test("destinationOf: an archive never goes to a terminal", () => {
  assert.deepEqual(destinationOf(parseOutput("type=tar"), false), { kind: "stdout" });
  assert.throws(() => destinationOf(parseOutput("-"), true), /refusing to write to console/);
  assert.throws(() => destinationOf(parseOutput("type=local,dest=-"), false), /cannot be stdout/);
  assert.equal(destinationOf(parseOutput("type=docker"), true), undefined);
});

test("parseCacheEntry: an image's name, or a type with attributes", () => {
  assert.deepEqual(parseCacheEntry("user/app:cache"), {
    type: "registry",
    attrs: new Map([["ref", "user/app:cache"]]),
  });
  assert.deepEqual(parseCacheEntry("type=local,src=p"), { type: "local", attrs: new Map([["src", "p"]]) });
  assert.throws(() => parseCacheEntry("src=p"), /type required/);
});

test("parseSecrets: a variable of the secret's name comes before a file of it", () => {
  assert.deepEqual(
    parseSecrets(["id=A", "id=B,env=C", "id=D,type=env,src=C"], { A: "a", C: "c" }),
    new Map([
      ["A", { kind: "text", text: "a" }],
      ["B", { kind: "text", text: "c" }],
      ["D", { kind: "text", text: "c" }],
    ]),
  );
  assert.throws(() => parseSecrets(["id=no/such"], {}), /failed to stat no\/such: stat no\/such/);
  assert.throws(() => parseSecrets(["src=x"], {}), /secret missing ID/);
  assert.throws(() => parseSecrets(["id=a,foo=b"], {}), /unexpected key 'foo' in 'foo=b'/);
});

test("parseAgents: without a path the session's own agent, which must be there", () => {
  assert.deepEqual(
    parseAgents(["default"], { SSH_AUTH_SOCK: "/a" }),
    new Map([["default", { kind: "socket", path: "/a" }]]),
  );
  assert.throws(
    () => parseAgents(["default"], {}),
    /failed to convert agent config \{default \[\] false\}: invalid empty ssh agent socket/,
  );
});

test("attestAttributes: the short flags win over --attest, and false takes one away", () => {
  assert.deepEqual(
    attestAttributes({
      attest: ["type=provenance,mode=max", "type=sbom"],
      sbom: "false",
      provenance: "mode=min",
    }),
    new Map([["attest:provenance", "mode=min"]]),
  );
});

import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { isFault } from "#base/fault.ts";
import { decodeBody } from "./shapes.ts";

test("decodeBody: keeps what is known, in any case of letters, and leaves out the rest", () => {
  assert.deepEqual(
    decodeBody.create({
      image: "bb",
      CMD: "x",
      Unknown: 1,
      HostConfig: { memory: 5, PortBindings: { "80/tcp": null } },
    }),
    { Image: "bb", Cmd: ["x"], HostConfig: { Memory: 5, PortBindings: { "80/tcp": null } } },
  );
});

test("decodeBody: null is the same as absent", () => {
  assert.deepEqual(decodeBody.create({ Image: null, Env: null, HostConfig: null, Labels: { a: null } }), {
    Labels: { a: "" },
  });
  assert.deepEqual(decodeBody.create(null), {});
});

test("decodeBody: the text of a mismatch names field and types as Docker's decoder does", () => {
  const cases: readonly (readonly [object, string])[] = [
    [{ Env: "x" }, "invalid JSON: json: cannot unmarshal string into Go struct field .Env of type []string"],
    [{ Image: 1 }, "invalid JSON: json: cannot unmarshal number into Go struct field .Image of type string"],
    [
      { HostConfig: { Memory: 1.5 } },
      "invalid JSON: json: cannot unmarshal number 1.5 into Go struct field .HostConfig.Memory of type int64",
    ],
    [
      { Labels: { a: 1 } },
      "invalid JSON: json: cannot unmarshal number into Go struct field .Labels of type string",
    ],
  ];
  for (const [body, message] of cases) assert.throws(() => decodeBody.create(body), { message });
});

test("decodeBody: __proto__ is a key like any other and changes nobody's prototype", () => {
  const decoded = decodeBody.create(
    JSON.parse('{"Labels":{"__proto__":"x","constructor":"y"},"__proto__":{"Image":"z"}}'),
  );
  assert.ok(Object.hasOwn(decoded.Labels ?? {}, "__proto__"));
  assert.equal(decoded.Image, undefined);
  assert.equal(({} as { Image?: string }).Image, undefined);
});

test("decodeBody: any JSON gives data of the shape or an invalid fault", () => {
  for (const decode of Object.values(decodeBody))
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        try {
          const decoded = decode(value) as object;
          assert.equal(typeof decoded, "object");
          assert.deepEqual(decode(decoded), decoded);
        } catch (error) {
          assert.ok(isFault(error, "invalid"));
        }
      }),
      { numRuns: 200 },
    );
});

test("decodeBody: structures in lists and maps are whole, with zero values for what is missing", () => {
  const { HostConfig } = decodeBody.create({
    HostConfig: {
      PortBindings: { "80/tcp": [{}, null] },
      Ulimits: [{ Name: "nofile" }],
      Devices: [{}],
      Mounts: [{}],
      RestartPolicy: {},
      LogConfig: {},
    },
  });
  assert.deepEqual(HostConfig?.PortBindings, {
    "80/tcp": [
      { HostIp: "", HostPort: "" },
      { HostIp: "", HostPort: "" },
    ],
  });
  assert.deepEqual(HostConfig.Ulimits, [{ Name: "nofile", Soft: 0, Hard: 0 }]);
  assert.deepEqual(HostConfig.Devices, [{ PathOnHost: "", PathInContainer: "", CgroupPermissions: "" }]);
  assert.deepEqual(HostConfig.Mounts, [{ Type: "", Target: "" }]);
  assert.deepEqual(HostConfig.RestartPolicy, { Name: "", MaximumRetryCount: 0 });
  assert.deepEqual(HostConfig.LogConfig, { Type: "", Config: {} });
});

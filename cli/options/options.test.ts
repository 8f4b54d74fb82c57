import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { parseDuration } from "#base/duration.ts";
import { isFault } from "#base/fault.ts";
import { parseMount, parseVolume } from "./mount-specs.ts";
import { planPorts } from "./port-specs.ts";
import { parseBytes, parseCpus } from "./quantities.ts";
import { timestampOf } from "./time-specs.ts";

const refuses = (act: () => unknown, message: string) =>
  assert.throws(act, (error) => isFault(error, "invalid") && error.message === message, message);

test("planPorts: one port, a range, an address, a protocol", () => {
  assert.deepEqual(planPorts(["8080:80"], []).bindings, { "80/tcp": [{ HostIp: "", HostPort: "8080" }] });
  assert.deepEqual(planPorts(["[::1]:53:53/udp"], []).bindings, {
    "53/udp": [{ HostIp: "::1", HostPort: "53" }],
  });
  assert.deepEqual(Object.keys(planPorts(["1000-1002:1-3"], ["7-8/udp"]).exposed), [
    "1/tcp",
    "2/tcp",
    "3/tcp",
    "7/udp",
    "8/udp",
  ]);
  assert.deepEqual(planPorts(["8000-8010:80"], []).bindings, {
    "80/tcp": [{ HostIp: "", HostPort: "8000-8010" }],
  });
  refuses(() => planPorts(["80:x"], []), "invalid containerPort: x");
  refuses(
    () => planPorts(["1-2:1-3"], []),
    "invalid ranges specified for container and host Ports: 1-3 and 1-2",
  );
});

test("parseMount: every field has its place, and what does not belong is refused", () => {
  assert.deepEqual(parseMount("type=bind,src=/a,dst=/b,ro,bind-propagation=rslave"), {
    Type: "bind",
    Source: "/a",
    Target: "/b",
    ReadOnly: true,
    BindOptions: { Propagation: "rslave" },
  });
  assert.deepEqual(parseMount('type=volume,dst=/d,"volume-opt=o=a,b",volume-nocopy'), {
    Type: "volume",
    Target: "/d",
    VolumeOptions: { DriverConfig: { Options: { o: "a,b" } }, NoCopy: true },
  });
  assert.deepEqual(parseMount("type=tmpfs,dst=/t,tmpfs-size=1m,tmpfs-mode=1777"), {
    Type: "tmpfs",
    Target: "/t",
    TmpfsOptions: { SizeBytes: 1 << 20, Mode: 0o1777 },
  });
  refuses(() => parseMount("type=bind"), "target is required");
  refuses(() => parseMount("dst=/x,nope=1"), "unexpected key 'nope' in 'nope=1'");
});

test("parseVolume: a path alone is anonymous, a relative source is made absolute", () => {
  assert.deepEqual(parseVolume("/data"), { volume: "/data" });
  assert.deepEqual(parseVolume("name:/data:ro"), { bind: "name:/data:ro" });
  assert.deepEqual(parseVolume("./x:/data"), { bind: `${process.cwd()}/x:/data` });
});

test("parseBytes: go-units' sizes", () => {
  assert.equal(parseBytes("1.5g"), 1.5 * 2 ** 30);
  assert.equal(parseBytes("2 KiB"), 2048);
  assert.equal(parseBytes("10"), 10);
  refuses(() => parseBytes("1x"), "invalid suffix: 'x'");
  refuses(() => parseBytes("abc"), "invalid size: 'abc'");
});

test("timestampOf: before now, a date, seconds", () => {
  const now = new Date("2026-01-02T00:00:10Z");
  assert.equal(timestampOf("10s", now), "1767312000.000000000");
  assert.equal(timestampOf("2026-01-02T00:00:00.25Z", now), "1767312000.250000000");
  assert.equal(timestampOf("1767312000.5", now), "1767312000.5");
});

test("parseCpus: billionths", () => {
  assert.equal(parseCpus("1.5"), 1.5e9);
  refuses(() => parseCpus("x"), "failed to parse x as a rational number");
});

test("parsers of flags: any text gives a value or an invalid fault", () => {
  const parsers = [
    parseMount,
    parseVolume,
    parseBytes,
    parseDuration,
    parseCpus,
    (text: string) => planPorts([text], []),
  ];
  fc.assert(
    fc.property(fc.constantFrom(...parsers), fc.string(), (parse, text) => {
      try {
        parse(text);
      } catch (error) {
        assert.ok(isFault(error, "invalid"));
      }
    }),
  );
});

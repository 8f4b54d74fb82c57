import assert from "node:assert/strict";
import { test } from "node:test";
import { isFault } from "#base/fault.ts";
import { canReadBack, rotationOf, validateLogConfig, withDefaults } from "./log-options.ts";

function refusal(Type: string, Config: Readonly<Record<string, string>>): string | undefined {
  try {
    validateLogConfig({ Type, Config });
    return undefined;
  } catch (error) {
    assert.ok(isFault(error, "invalid"));
    return error.message;
  }
}

test("validateLogConfig: refuses with dockerd's texts", () => {
  const udp = { "syslog-address": "udp://127.0.0.1:514" };
  const cases: readonly (readonly [string, Readonly<Record<string, string>>, string])[] = [
    ["nosuch", {}, 'error looking up logging plugin nosuch: plugin "nosuch" not found'],
    ["json-file", { x: "y" }, "unknown log opt 'x' for json-file log driver"],
    ["local", { tag: "y" }, "unknown log opt 'tag' for log driver local"],
    ["json-file", { mode: "foo" }, "logger: logging mode not supported: foo"],
    [
      "json-file",
      { "max-buffer-size": "4m" },
      "logger: max-buffer-size option is only supported with 'mode=non-blocking'",
    ],
    [
      "json-file",
      { mode: "non-blocking", "max-buffer-size": "x" },
      "error parsing option max-buffer-size: invalid size: 'x'",
    ],
    ["syslog", { ...udp, "cache-disabled": "foo" }, "invalid value for option cache-disabled: foo"],
    ["syslog", { "syslog-address": "foo" }, "unsupported scheme: ''"],
    ["syslog", { "syslog-address": "unix:///nosuch" }, "stat /nosuch: no such file or directory"],
    ["syslog", { ...udp, "syslog-facility": "24" }, "invalid syslog facility"],
    ["syslog", { ...udp, "syslog-format": "foo" }, "Invalid syslog format"],
    ["gelf", { x: "y" }, "gelf-address is a required parameter"],
    ["gelf", { "gelf-address": "udp://h" }, "gelf: please provide gelf-address as proto://host:port"],
    [
      "gelf",
      { "gelf-address": "tcp://h:1", "gelf-compression-type": "gzip" },
      "compression is only supported on UDP",
    ],
    [
      "fluentd",
      { "fluentd-address": "tcp://h:1/foo" },
      "invalid fluentd-address (tcp://h:1/foo): should not contain a path element",
    ],
    ["fluentd", { "fluentd-retry-wait": "x" }, 'time: invalid duration "x"'],
    ["fluentd", { "fluentd-max-retries": "-1" }, 'strconv.ParseUint: parsing "-1": invalid syntax'],
  ];
  for (const [type, options, text] of cases) assert.equal(refusal(type, options), text);
  assert.equal(refusal("none", {}), undefined);
  assert.equal(refusal("fluentd", { "fluentd-async": "1", labels: "a", "cache-max-size": "1m" }), undefined);
});

test("withDefaults: the engine's options are for its own driver only", () => {
  const defaults = { Type: "local", Config: { "max-size": "1m", "max-file": "3" } };
  assert.deepEqual(withDefaults(undefined, defaults), defaults);
  assert.deepEqual(withDefaults({ Type: "", Config: { "max-file": "2" } }, defaults).Config, {
    "max-size": "1m",
    "max-file": "2",
  });
  assert.deepEqual(withDefaults({ Type: "json-file", Config: {} }, defaults), {
    Type: "json-file",
    Config: {},
  });
});

test("rotationOf: sizes are decimal as Docker's, remote drivers have a cache as local has", () => {
  assert.deepEqual(rotationOf({ Type: "json-file", Config: { "max-size": "1.5m" } }), {
    maxBytes: 1_500_000,
    maxFiles: 1,
    isCompressed: false,
  });
  const local = { maxBytes: 20 * 1024 * 1024, maxFiles: 5, isCompressed: true };
  assert.deepEqual(rotationOf({ Type: "local", Config: {} }), local);
  assert.deepEqual(rotationOf({ Type: "gelf", Config: { "cache-max-size": "nonsense" } }), local);
  assert.equal(rotationOf({ Type: "gelf", Config: { "cache-max-file": "1" } }).maxFiles, 2);
});

test("canReadBack: the journal is read whatever the cache option says", () => {
  const Config = { "cache-disabled": "true" };
  assert.deepEqual(
    ["none", "json-file", "syslog", "journald"].map((Type) => canReadBack({ Type, Config })),
    [false, true, false, true],
  );
});

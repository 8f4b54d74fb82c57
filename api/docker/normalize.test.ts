import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { isFault } from "#base/fault.ts";
import type { CreateBody } from "./container.ts";
import { normalizeCreate } from "./normalize.ts";
import { checkContainerName, isAddress, isSignal } from "./validate-create.ts";
import { decodeBody } from "./shapes.ts";

const messageOf = (body: object, version = 51) => {
  try {
    normalizeCreate(body as CreateBody, version);
    return undefined;
  } catch (error) {
    assert.ok(isFault(error, "invalid"));
    return error.message;
  }
};

test("normalizeCreate: an empty request gets every default", () => {
  const { config, hostConfig, endpoints, warnings } = normalizeCreate({ Image: "bb" }, 51);
  assert.deepEqual(config, {
    Hostname: "",
    Domainname: "",
    User: "",
    AttachStdin: false,
    AttachStdout: false,
    AttachStderr: false,
    Tty: false,
    OpenStdin: false,
    StdinOnce: false,
    Env: [],
    Cmd: null,
    Image: "bb",
    Volumes: null,
    WorkingDir: "",
    Entrypoint: null,
    OnBuild: null,
    Labels: {},
  });
  assert.equal(hostConfig.ShmSize, 64 * 1024 * 1024);
  assert.deepEqual(hostConfig.LogConfig, { Type: "json-file", Config: {} });
  assert.deepEqual(hostConfig.RestartPolicy, { Name: "no", MaximumRetryCount: 0 });
  assert.equal(hostConfig.IpcMode, "private");
  assert.equal(hostConfig.CgroupnsMode, "private");
  assert.equal(hostConfig.NetworkMode, "bridge");
  assert.equal(hostConfig.MaskedPaths, null);
  assert.equal(hostConfig.PidsLimit, null);
  assert.deepEqual([hostConfig.Dns, hostConfig.Binds, hostConfig.PortBindings], [null, null, null]);
  assert.deepEqual(endpoints, { bridge: {} });
  assert.deepEqual(warnings, []);
});

test("normalizeCreate: defaults that depend on the API version", () => {
  const host = (version: number) => normalizeCreate({ Image: "bb" }, version).hostConfig;
  assert.equal(host(39).IpcMode, "shareable");
  assert.equal(host(40).IpcMode, "private");
  assert.equal(host(43).NetworkMode, "bridge");
  const annotated = { HostConfig: { Annotations: { a: "b" } } };
  assert.equal(normalizeCreate(annotated, 42).hostConfig.Annotations, undefined);
  assert.deepEqual(normalizeCreate(annotated, 43).hostConfig.Annotations, { a: "b" });
  const bind = {
    HostConfig: { Mounts: [{ Type: "bind", Source: "/a", Target: "/b", ReadOnly: true }] },
  } as const;
  assert.equal(normalizeCreate(bind, 43).hostConfig.Mounts?.[0]?.BindOptions?.ReadOnlyNonRecursive, true);
  assert.equal(normalizeCreate(bind, 44).hostConfig.Mounts?.[0]?.BindOptions, undefined);
});

test("normalizeCreate: what was asked for comes back unchanged", () => {
  const given = {
    Binds: ["/a:/b"],
    Memory: 64 * 1024 * 1024,
    MemorySwap: -1,
    CapAdd: ["net_admin", "CAP_SYS_TIME", "all"],
    PidsLimit: 100,
    OomKillDisable: false,
    Init: true,
    MaskedPaths: [],
    PortBindings: { "80/tcp": [{ HostIp: "", HostPort: "8080" }], "53": null },
    CgroupnsMode: "host",
  } as const;
  const { hostConfig } = normalizeCreate({ HostConfig: given }, 51);
  assert.deepEqual(hostConfig.CapAdd, ["CAP_NET_ADMIN", "CAP_SYS_TIME", "ALL"]);
  assert.deepEqual(Object.keys(hostConfig.PortBindings ?? {}), ["53/tcp", "80/tcp"]);
  assert.deepEqual(
    [hostConfig.Binds, hostConfig.Memory, hostConfig.MemorySwap, hostConfig.PidsLimit, hostConfig.Init],
    [given.Binds, given.Memory, -1, 100, true],
  );
  assert.deepEqual(
    [hostConfig.MaskedPaths, hostConfig.CgroupnsMode, hostConfig.OomKillDisable],
    [[], "host", false],
  );
  assert.equal(normalizeCreate({ HostConfig: { Memory: 1e8 } }, 51).hostConfig.MemorySwap, 2e8);
});

test("normalizeCreate: Docker's texts for what makes no sense", () => {
  const cases: readonly (readonly [object, string])[] = [
    [{ Env: ["=x"] }, "invalid environment variable: =x"],
    [{ Env: [""] }, "invalid environment variable: "],
    [{ ExposedPorts: { "x/tcp": {} } }, 'invalid port specification: "x/tcp"'],
    [{ ExposedPorts: { "80/foo": {} } }, "invalid protocol: foo"],
    [
      { HostConfig: { PortBindings: { "80/tcp": [{ HostIp: "", HostPort: "x" }] } } },
      'invalid port specification: "x"',
    ],
    [{ HostConfig: { PortBindings: { "99999/tcp": null } } }, 'invalid port specification: "99999/tcp"'],
    [
      { HostConfig: { RestartPolicy: { Name: "always", MaximumRetryCount: 0 }, AutoRemove: true } },
      "can't create 'AutoRemove' container with restart policy",
    ],
    [{ StopSignal: "FOO" }, "invalid signal: FOO"],
    [{ Healthcheck: { Interval: 1 } }, "Interval in Healthcheck cannot be less than 1ms"],
    [{ HostConfig: { ExtraHosts: ["x"] } }, 'bad format for add-host: "x"'],
    [{ HostConfig: { ExtraHosts: ["x:y"] } }, 'invalid IP address in add-host: "y"'],
    [
      { HostConfig: { NetworkMode: "container:" } },
      "invalid network mode: invalid container format container:<name|id>",
    ],
    [
      { HostConfig: { NetworkMode: "container:a", Dns: ["1.1.1.1"] } },
      "conflicting options: dns and the network mode",
    ],
    [{ MacAddress: "zz" }, "invalid MAC address: zz"],
    [{ HostConfig: { Isolation: "hyperv" } }, "invalid isolation (hyperv): linux only supports 'default'"],
    [
      { HostConfig: { Mounts: [{ Type: "bind", Target: "/a", TmpfsOptions: {} }] } },
      'invalid mount config for type "bind": TmpfsOptions must not be specified',
    ],
  ];
  for (const [body, message] of cases) assert.equal(messageOf(body), message);
  assert.match(
    messageOf({ HostConfig: { RestartPolicy: { Name: "foo" } } }) ?? "",
    /^invalid restart policy: unknown policy 'foo'/,
  );
});

test("normalizeCreate: networks by version, and the container-wide MAC address moves to its own network", () => {
  const two = { NetworkingConfig: { EndpointsConfig: { a: {}, b: null } } };
  assert.equal(messageOf(two, 43), "Container cannot be connected to network endpoints: a, b");
  const asked = { ...two, HostConfig: { NetworkMode: "a" } };
  assert.deepEqual(Object.keys(normalizeCreate(asked, 44).endpoints), ["a", "b"]);
  const mac = { MacAddress: "02:42:ac:11:00:02" };
  assert.deepEqual(normalizeCreate(mac, 43).endpoints, { bridge: { MacAddress: mac.MacAddress } });
  assert.equal(normalizeCreate(mac, 44).warnings.length, 1);
  assert.match(messageOf(mac, 52) ?? "", /^container-wide MAC address no longer supported/);
  assert.deepEqual(normalizeCreate({ HostConfig: { NetworkMode: "container:x" } }, 51).endpoints, {});
  assert.match(
    messageOf({ NetworkingConfig: { EndpointsConfig: { a: { IPAMConfig: { IPv4Address: "1.2.3" } } } } }) ??
      "",
    /invalid IPv4 address: 1.2.3/,
  );
});

test("normalizeCreate: any decoded request is normalised or refused, and normalising again changes nothing", () => {
  fc.assert(
    fc.property(fc.integer({ min: 24, max: 56 }), requests(), (version, request) => {
      try {
        const body = decodeBody.create(request);
        const once = normalizeCreate(body, version);
        const again = normalizeCreate({ ...once.config, HostConfig: once.hostConfig }, version);
        assert.deepEqual(again.hostConfig, once.hostConfig);
        assert.deepEqual(again.config, once.config);
      } catch (error) {
        assert.ok(isFault(error, "invalid"), String(error));
      }
    }),
    { numRuns: 2000 },
  );
});

/** Requests with the right names, and values that are right about half of the time. */
function requests(): fc.Arbitrary<object> {
  const text = fc.oneof(
    fc.constantFrom("", "host", "none", "80/tcp", "a=b", "/x", "on-failure", "SIGKILL"),
    fc.string({ maxLength: 8 }),
  );
  const number = fc.oneof(fc.integer({ min: -1, max: 9 }), fc.integer());
  const texts = fc.array(text, { maxLength: 3 });
  const map = fc.dictionary(text, text, { maxKeys: 3 });
  const host = fc.record(
    {
      Binds: texts,
      Memory: number,
      NetworkMode: text,
      PortBindings: fc.dictionary(
        text,
        fc.option(
          fc.array(fc.record({ HostIp: text, HostPort: text }, { requiredKeys: [] }), { maxLength: 2 }),
        ),
      ),
      RestartPolicy: fc.record({ Name: text, MaximumRetryCount: number }),
      LogConfig: fc.record({ Type: fc.constantFrom("", "json-file", "x"), Config: map }),
      CapAdd: texts,
      ExtraHosts: texts,
      Dns: texts,
      PidsLimit: number,
      MemorySwappiness: number,
      ShmSize: number,
      Mounts: fc.array(fc.record({ Type: fc.constantFrom("bind", "volume", "x"), Target: text }), {
        maxLength: 2,
      }),
      ConsoleSize: fc.array(number, { maxLength: 3 }),
    },
    { requiredKeys: [] },
  );
  return fc.record(
    {
      Image: text,
      Env: texts,
      Cmd: fc.oneof(text, texts),
      ExposedPorts: fc.dictionary(text, fc.constant({})),
      StopSignal: text,
      StopTimeout: number,
      Labels: map,
      Healthcheck: fc.record({ Interval: number, Test: texts }, { requiredKeys: [] }),
      HostConfig: host,
      NetworkingConfig: fc.record({
        EndpointsConfig: fc.dictionary(text, fc.option(fc.record({ MacAddress: text }))),
      }),
      MacAddress: text,
    },
    { requiredKeys: [] },
  );
}

test("checkContainerName: the alphabet, at least two characters", () => {
  for (const name of ["ab", "a.b_c-d", "0a"]) checkContainerName(name);
  for (const name of ["", "a", "-a", "a/b", "a b", "ä1"])
    assert.throws(() => checkContainerName(name), {
      message: `Invalid container name (${name}), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed`,
    });
});

test("isSignal and isAddress: what is one and what is not", () => {
  for (const text of ["SIGTERM", "term", "9", "64", "RTMIN+3", "SIGRTMAX-1"]) assert.ok(isSignal(text), text);
  for (const text of ["", "0", "65", "FOO", "SIGSIGTERM", "RTMIN+31"]) assert.ok(!isSignal(text), text);
  for (const text of ["0.0.0.0", "255.255.255.255", "::", "::1", "fe80::1", "1:2:3:4:5:6:7:8"])
    assert.ok(isAddress(text), text);
  for (const text of ["", "1.2.3", "256.1.1.1", "1.2.3.4.5", "::x", ":::", "1::2::3", "a"])
    assert.ok(!isAddress(text), text);
});

import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { Fault } from "./fault.ts";
import { formatListenAddress, parseListenAddresses, parseTcpAddress } from "./listen-address.ts";

const read = (text: string, hasTls = false, inherited: readonly number[] = []) =>
  parseListenAddresses(text, hasTls, inherited).map(formatListenAddress);

test("parseListenAddresses: empty parts have dockerd's defaults", () => {
  assert.deepEqual(read("unix://"), ["unix:///var/run/docker.sock"]);
  assert.deepEqual(read("unix:///run/x.sock"), ["unix:///run/x.sock"]);
  assert.deepEqual(read("tcp://"), ["tcp://127.0.0.1:2375"]);
  assert.deepEqual(read("tcp://", true), ["tcp://127.0.0.1:2376"]);
  assert.deepEqual(read("tcp://:2376"), ["tcp://:2376"]);
  assert.deepEqual(read("10.0.0.1:99"), ["tcp://10.0.0.1:99"]);
  assert.deepEqual(read("tcp://[::1]:99"), ["tcp://[::1]:99"]);
  assert.deepEqual(read("tcp://host", true), ["tcp://host:2376"]);
});

test("parseListenAddresses: fd:// takes what systemd handed over, or one of it", () => {
  assert.deepEqual(read("fd://", false, [3, 4]), ["fd://3", "fd://4"]);
  assert.deepEqual(read("fd://4", false, [3, 4]), ["fd://4"]);
  assert.throws(() => read("fd://9", false, [3]), /no such socket/);
  assert.throws(() => read("fd://"), /no sockets found via socket activation/);
});

test("parseListenAddresses: anything else is refused with the text", () => {
  assert.throws(() => read("bogus://x"), {
    message: "invalid bind address (bogus://x): unsupported proto 'bogus'",
  });
  for (const text of ["unix://relative", "tcp://a:99999", "tcp://a:b", "tcp://a/b", "tcp://[::1", "::1:5"])
    assert.throws(() => read(text), Fault, text);
  fc.assert(
    fc.property(fc.string(), fc.boolean(), (text, hasTls) => {
      try {
        const [address = ""] = read(text, hasTls);
        assert.deepEqual(read(address, hasTls), [address]);
      } catch (error) {
        assert.ok(error instanceof Fault);
      }
    }),
  );
});

test("parseTcpAddress: one host and port; for anything else the flag is named", () => {
  assert.deepEqual(parseTcpAddress(":8443", "listen"), { kind: "tcp", host: "", port: 8443 });
  assert.throws(() => parseTcpAddress("unix:///run/x.sock", "listen"), {
    kind: "invalid",
    message: "--listen takes HOST:PORT, not unix:///run/x.sock",
  });
});

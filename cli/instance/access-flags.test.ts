import assert from "node:assert/strict";
import { test } from "node:test";
import { parseFlags } from "../flags.ts";
import { accessFlags, accessWords, planAccess } from "./access-flags.ts";

const read = (...argv: readonly string[]) => parseFlags(accessFlags, argv, { interspersed: true }).values;
const env = { HOME: "/home/me" };
const plan = (...argv: readonly string[]) => planAccess(read(...argv), env, 1);

test("planAccess: nothing is served by TCP unless it was asked for in so many words", () => {
  assert.deepEqual(plan(), { listen: [], tcp: { kind: "refused" }, authorizationPlugins: [] });
  assert.equal(plan("-H", "tcp://:2375").tcp.kind, "refused");
  assert.equal(plan("-H", "tcp://:2375", "--insecure-tcp").tcp.kind, "plain");
  assert.throws(() => plan("--tls"), /--tls alone lets in everyone/);
});

test("planAccess: TLS files are dockerd's unless named, and clients are verified unless that was given up", () => {
  assert.deepEqual(plan("--tlsverify", "--tlskey", "/k").tcp, {
    kind: "tls",
    files: {
      certificate: "/home/me/.docker/cert.pem",
      key: "/k",
      clientAuthorities: "/home/me/.docker/ca.pem",
    },
  });
  const unverified = plan(
    "--tls",
    "--insecure-tcp",
    "--tlscert",
    "/c",
    "--tlskey",
    "/k",
    "--tlscacert",
    "/a",
  );
  assert.deepEqual(unverified.tcp, { kind: "tls", files: { certificate: "/c", key: "/k" } });
});

test("planAccess: fd:// is what systemd handed to this process, and to no other", () => {
  const activated = { ...env, LISTEN_PID: "7", LISTEN_FDS: "2" };
  assert.deepEqual(
    planAccess(read("-H", "fd://"), activated, 7).listen.map((address) => address.kind),
    ["descriptor", "descriptor"],
  );
  assert.throws(() => planAccess(read("-H", "fd://"), activated, 8), /no sockets found/);
});

test("accessWords: come to the same for another process", () => {
  for (const argv of [
    [],
    ["-H", "tcp://:1", "-H", "unix:///x", "--insecure-tcp"],
    ["-H", "tcp://:1", "--tlsverify", "--authorization-plugin", "a", "--authorization-plugin", "b"],
    ["--tls", "--insecure-tcp", "--tlscert=/c"],
  ]) {
    const again = planAccess(read(...accessWords(read(...argv), env)), { HOME: "/elsewhere" }, 1);
    assert.deepEqual(again, plan(...argv));
  }
});

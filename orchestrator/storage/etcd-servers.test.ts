import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type AddressInfo } from "node:net";
import { test } from "node:test";
import { isFault } from "#base/fault.ts";
import { etcdConnector, parseEtcdServers } from "./etcd-servers.ts";

test("parseEtcdServers: URLs, and nothing else", () => {
  const urls = parseEtcdServers("https://10.0.0.1:2379,http://etcd.example.com:2379");
  assert.deepEqual(
    urls.map(({ host }) => host),
    ["10.0.0.1:2379", "etcd.example.com:2379"],
  );
  for (const wrong of ["", "10.0.0.1:2379", "ftp://a:1", "https://a:1,what"])
    assert.throws(
      () => parseEtcdServers(wrong),
      (error) => isFault(error, "invalid"),
    );
});

test("etcdConnector: goes to the first server that is there, and says of all of them why not", async (t) => {
  const server = createServer((socket) => socket.on("error", () => {})).listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  // Nobody listens at the first one.
  const connect = etcdConnector({ urls: parseEtcdServers(`http://127.0.0.1:1,http://127.0.0.1:${port}`) });
  for (let at = 0; at < 2; at++) (await connect(t.signal)).destroy();
  server.close();
  await once(server, "close");
  await assert.rejects(connect(t.signal), (error) => {
    assert.ok(isFault(error, "unavailable"));
    assert.match(
      error.message,
      /127\.0\.0\.1:1: .*ECONNREFUSED.*; 127\.0\.0\.1:\d+|127\.0\.0\.1:\d+: .*ECONNREFUSED/,
    );
    return true;
  });
});

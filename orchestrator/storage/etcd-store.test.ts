import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import fc from "fast-check";
import { isFault } from "#base/fault.ts";
import { EtcdStore } from "./etcd-store.ts";
import { actions, compareWithModel } from "./store-model.fixture.ts";
import { storeContract } from "./store.contract.ts";
import type { Store } from "./store.ts";

const program = "/usr/bin/etcd";
const skip = existsSync(program) ? false : "no etcd: apt-get install etcd-server";
const { signal } = new AbortController();

let folder = "";
let etcd: ChildProcess | undefined;
const clientSocket = () => join(folder, "client.sock:0");

/** A member of its own, on sockets in the folder. */
async function startEtcd(): Promise<void> {
  // Their names are hosts to etcd, so that they have no folders.
  const sockets = (name: string) => `unix://${name}:0`;
  // One that was killed has left its own behind.
  for (const name of ["client.sock:0", "peer.sock:0"]) rmSync(join(folder, name), { force: true });
  const args = {
    name: "one",
    "data-dir": "data",
    "log-level": "error",
    "listen-client-urls": sockets("client.sock"),
    "advertise-client-urls": sockets("client.sock"),
    "listen-peer-urls": sockets("peer.sock"),
    "initial-advertise-peer-urls": sockets("peer.sock"),
    "initial-cluster": `one=${sockets("peer.sock")}`,
  };
  const words = Object.entries(args).map(([name, value]) => `--${name}=${value}`);
  etcd = spawn(program, words, { stdio: "ignore", cwd: folder });
  for (;;) {
    await using store = new EtcdStore({ connect: dial });
    try {
      await store.get("/", signal);
      return;
    } catch (error) {
      if (etcd.exitCode !== null) throw error;
      await new Promise((done) => setTimeout(done, 20));
    }
  }
}

async function stopEtcd(how: NodeJS.Signals): Promise<void> {
  if (etcd === undefined) return;
  const ended = once(etcd, "exit");
  etcd.kill(how);
  await ended;
  etcd = undefined;
}

async function dial(): Promise<Socket> {
  const socket = connect(clientSocket());
  await once(socket, "connect");
  return socket;
}

const isSkipped = skip !== false;
before(async () => {
  if (isSkipped) return;
  folder = mkdtempSync(join(tmpdir(), "gantry-etcd-"));
  await startEtcd();
});
after(async () => {
  if (isSkipped) return;
  await stopEtcd("SIGTERM");
  rmSync(folder, { recursive: true });
});

/** What an earlier test has left goes first. */
async function openEmpty(): Promise<Store> {
  const store = new EtcdStore({ connect: dial });
  for (const { key, revision } of (await store.list({ prefix: "/" }, signal)).entries)
    await store.delete(key, revision, signal);
  return store;
}

if (isSkipped) test("EtcdStore", { skip });
else {
  storeContract("EtcdStore", openEmpty);

  test("EtcdStore: is the list of its changes, whatever is done to it", async () => {
    const property = fc.asyncProperty(actions, async (todo) => {
      await using store = await openEmpty();
      const { revision } = await store.get("/", signal);
      await store.compact(revision, signal);
      await compareWithModel(store, todo);
    });
    await fc.assert(property, { numRuns: 25 });
  });

  test("EtcdStore: a watch goes on where it was when etcd was killed and is back", async () => {
    await using store = await openEmpty();
    const ended = new AbortController();
    const { revision } = await store.get("/", signal);
    const seen: string[] = [];
    const watching = (async () => {
      for await (const changes of store.watch("/w/", revision, ended.signal))
        seen.push(...changes.map((change) => (change.type === "put" ? change.entry.key : "?")));
    })();
    await store.put({ key: "/w/1", value: Buffer.from("1"), expected: 0 }, signal);
    while (seen.length < 1) await new Promise((done) => setImmediate(done));
    await stopEtcd("SIGKILL");
    await assert.rejects(store.get("/w/1", signal), (error) => isFault(error, "unavailable"));
    await startEtcd();
    await store.put({ key: "/w/2", value: Buffer.from("2"), expected: 0 }, signal);
    while (seen.length < 2) await new Promise((done) => setTimeout(done, 5));
    assert.deepEqual(seen, ["/w/1", "/w/2"]);
    ended.abort();
    await watching;
  });

  test("EtcdStore: a key with a time goes by itself", async () => {
    await using store = await openEmpty();
    const put = await store.put({ key: "/ttl", value: Buffer.from("x"), expected: 0, ttlS: 1 }, signal);
    const ended = new AbortController();
    for await (const [change] of store.watch("/ttl", put.revision, ended.signal)) {
      assert.equal(change?.type, "delete");
      ended.abort();
    }
  });
}

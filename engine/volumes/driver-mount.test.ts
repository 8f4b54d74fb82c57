import assert from "node:assert/strict";
import { test } from "node:test";
import { isFault } from "#base/fault.ts";
import { describeMount, planDriverMount } from "./driver-mount.ts";

const lookup = (host: string) =>
  host === "server" ? Promise.resolve("192.0.2.7") : Promise.reject(new Error("no such host"));

test("planDriverMount: words that are flags become flags, the last one counts; the rest is data", async () => {
  const options = ["size=10m", "ro", "nosuid", "rw", "uid=5", "defaults"];
  const call = await planDriverMount({ type: "tmpfs", device: "tmpfs", options }, "/t", lookup);
  assert.deepEqual(call, { type: "tmpfs", device: "tmpfs", target: "/t", flags: 2, data: "size=10m,uid=5" });
  assert.equal(describeMount(call), "mount tmpfs:/t, flags: 0x2, data: size=10m,uid=5");
});

test("planDriverMount: servers of network file systems are looked up, in addr= or in the share's name", async () => {
  const plan = async (type: string, device: string, ...options: string[]) =>
    (await planDriverMount({ type, device, options }, "/t", lookup)).data;
  assert.equal(await plan("nfs", ":/x", "addr=server", "soft"), "addr=192.0.2.7,soft");
  assert.equal(await plan("nfs", ":/x", "addr=::1"), "addr=::1");
  assert.equal(await plan("cifs", "//server/share", "user=me"), "user=me,addr=192.0.2.7");
  assert.equal(await plan("ext4", "/dev/x", "addr=server"), "addr=server");
  await assert.rejects(plan("nfs", ":/x", "addr=nowhere"), (error) => isFault(error, "invalid"));
});

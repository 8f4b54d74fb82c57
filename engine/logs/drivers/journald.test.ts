import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { receiveUnixDatagrams } from "../../../test/support/log-receivers.ts";
import type { LogInfo } from "../log-info.ts";
import type { ForwardedRecord } from "./driver.ts";
import { fieldName, openJournald } from "./journald.ts";

const info: LogInfo = {
  options: { tag: "t", labels: "com.example/a" },
  containerId: "f".repeat(64),
  containerName: "nm",
  entrypoint: "sh",
  args: [],
  imageId: "sha256:0",
  imageName: "bb",
  created: "2026-11-26T13:59:33Z",
  env: [],
  labels: { "com.example/a": "two\nlines" },
  hostname: "vm",
  logPath: "",
};
const record: ForwardedRecord = {
  stream: "stderr",
  time: 1_795_701_571_540_479_292n,
  text: Buffer.from("x"),
  ordinal: 3,
  partial: { id: "p", ordinal: 1, isLast: false },
};
const { signal } = new AbortController();

test("journald: entries have the fields of dockerd, and a journal that began anew is found", async () => {
  const folder = await mkdtemp(join(tmpdir(), "gantry-journal-"));
  try {
    const path = join(folder, "socket");
    const first = await receiveUnixDatagrams(path);
    await using driver = await openJournald(info, path);
    await driver.send([record], signal);
    const [entry] = (await first.until(({ datagrams }) => datagrams.length === 1)).datagrams;
    const text = (entry as Buffer).toString("latin1");
    for (const line of [
      "PRIORITY=3",
      "MESSAGE=x",
      "CONTAINER_ID=ffffffffffff",
      "CONTAINER_NAME=nm",
      "CONTAINER_TAG=t",
    ])
      assert.ok(text.includes(`${line}\n`), line);
    for (const line of [
      "CONTAINER_PARTIAL_MESSAGE=true",
      "CONTAINER_PARTIAL_LAST=false",
      "CONTAINER_LOG_ORDINAL=3",
    ])
      assert.ok(text.includes(`${line}\n`), line);
    assert.ok(text.includes("SYSLOG_TIMESTAMP=2026-11-26T13:59:31.540479292Z\n"));
    assert.ok(text.includes("COM_EXAMPLE_A\n\x09\0\0\0\0\0\0\0two\nlines\n"));
    await first[Symbol.asyncDispose]();
    await rm(path, { force: true });
    await assert.rejects(driver.send([record], signal));
    await using second = await receiveUnixDatagrams(path);
    await driver.send([record], signal);
    await second.until(({ datagrams }) => datagrams.length === 1);
  } finally {
    await rm(folder, { recursive: true });
  }
});

test("journald: a host without a journal is told so", async () => {
  await assert.rejects(
    openJournald(info, "/nonexistent/socket"),
    /^Fault: journald is not enabled on this host$/,
  );
});

test("fieldName: has the letters that the journal takes", () => {
  assert.equal(fieldName("_com.example-1/x"), "COM_EXAMPLE_1_X");
});

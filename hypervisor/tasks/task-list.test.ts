import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { Fault } from "#base/fault.ts";
import { jsonLog } from "#base/log.ts";
import { RecordStore } from "#hypervisor/metadata/record-store.ts";
import { TaskList } from "./task-list.ts";

const now = () => new Date(1_700_000_000_000);
const subject = { description: "Update VM '%@'", parameters: ["one"], objectUUID: "vm" };

function openTasks(t: TestContext): { readonly records: RecordStore; readonly tasks: TaskList } {
  const folder = mkdtempSync(join(tmpdir(), "tasks-"));
  const records = new RecordStore(join(folder, "state.db"));
  t.after(() => {
    records[Symbol.dispose]();
    rmSync(folder, { recursive: true });
  });
  const log = jsonLog(() => {}, { level: "error", now });
  return { records, tasks: new TaskList({ records, log, now, nodeUUID: "node" }) };
}

test("TaskList: a change of records and the end of its task are seen at the same moment", async (t) => {
  const { records, tasks } = openTasks(t);
  let told = "";
  const tag = await tasks.record(subject, (changes, given) => {
    told = given;
    changes.put("vm", { uuid: "vm" });
  });
  assert.equal(told, tag);
  assert.deepEqual(records.list("vm"), [{ uuid: "vm" }]);
  assert.deepEqual(tasks.find(tag), {
    taskTag: "1",
    progressPercent: 100,
    state: "COMPLETE",
    formattedDescription: "Update VM '%@'",
    descriptionParameters: ["one"],
    formattedMessage: "",
    messageParameters: [],
    objectUUID: "vm",
    created: 1_700_000_000,
    modified: 1_700_000_000,
    completed: 1_700_000_000,
    sessionID: "",
    nodeUUIDs: ["node"],
  });
  assert.equal(tasks.latestOf("vm").taskTag, tag);
});

test("TaskList: a change that is refused leaves no task", async (t) => {
  const { tasks } = openTasks(t);
  const refused = tasks.record(subject, () => {
    throw new Fault("conflict", "no");
  });
  await assert.rejects(refused, { kind: "conflict" });
  assert.deepEqual(tasks.list(), []);
  assert.equal(tasks.latestOf("vm").taskTag, "");
});

test("TaskList: what an earlier daemon has not finished ends in ERROR", async (t) => {
  const { records, tasks } = openTasks(t);
  const tag = await tasks.begin(
    subject,
    (_, signal) => new Promise((_done, fail) => (signal.onabort = fail)),
  );
  await tasks.close();
  assert.equal(tasks.find(tag)?.state, "RUNNING");
  const next = new TaskList({
    records,
    log: jsonLog(() => {}, { level: "error", now }),
    now,
    nodeUUID: "node",
  });
  await next.endInterrupted(() => false);
  assert.equal(next.find(tag)?.state, "ERROR");
  assert.equal(await next.record(subject), "2");
});

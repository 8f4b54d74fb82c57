import assert from "node:assert/strict";
import { once } from "node:events";
import { PassThrough } from "node:stream";
import { test } from "node:test";
import { HeadDeadlines } from "./head-deadline.ts";

test("HeadDeadlines: a connection that brings no head in time is destroyed", async () => {
  const connection = new PassThrough();
  new HeadDeadlines(1, 1000).begin(connection);
  const stay = setInterval(() => connection.write("G"), 1); // doling it out does not help
  await once(connection, "close");
  clearInterval(stay);
});

test("HeadDeadlines: a head ends the deadline, the answer to it begins the next", async () => {
  const deadlines = new HeadDeadlines(20, 1);
  const [met, idle] = [new PassThrough(), new PassThrough()];
  for (const connection of [met, idle]) {
    deadlines.begin(connection);
    deadlines.met(connection);
  }
  deadlines.beginNext(idle);
  const stay = setTimeout(() => {}, 1000); // the deadline alone keeps no process alive
  await once(idle, "close");
  clearTimeout(stay);
  assert.equal(met.destroyed, false);
});

test("HeadDeadlines: a connection that never began has none", () => {
  const connection = new PassThrough();
  new HeadDeadlines(1, 1).beginNext(connection);
  assert.equal(connection.destroyed, false);
});

import assert from "node:assert/strict";
import { test } from "node:test";
import { type ContainerState, type ContainerStatus, zeroTime } from "#engine/containers/record.ts";
import { statusText } from "./status-text.ts";

const started = Date.parse("2026-01-01T00:00:00Z");

function state(status: ContainerStatus, fields: Partial<ContainerState> = {}): ContainerState {
  return {
    status,
    pid: 0,
    pidStartTime: "",
    exitCode: 0,
    error: "",
    oomKilled: false,
    startedAt: "2026-01-01T00:00:00.123456789Z",
    finishedAt: zeroTime,
    ...fields,
  };
}

test("statusText: the texts that people and scripts read", () => {
  const running = (status: "healthy" | "starting") =>
    state("running", { health: { status, failingStreak: 0, log: [] } });
  const later = (ms: number) => started + 124 + ms;
  assert.equal(statusText(state("running"), later(0)), "Up Less than a second");
  assert.equal(statusText(state("running"), later(3000)), "Up 3 seconds");
  assert.equal(statusText(running("healthy"), later(3000)), "Up 3 seconds (healthy)");
  assert.equal(statusText(running("starting"), later(3000)), "Up 3 seconds (health: starting)");
  assert.equal(statusText(state("paused"), later(300_000)), "Up 5 minutes (Paused)");
  const ended = { finishedAt: "2026-01-01T00:00:00Z", exitCode: 137 };
  assert.equal(statusText(state("exited", ended), started + 120_000), "Exited (137) 2 minutes ago");
  assert.equal(
    statusText(state("restarting", { ...ended, exitCode: 1 }), started + 2000),
    "Restarting (1) 2 seconds ago",
  );
  assert.equal(statusText(state("created", { startedAt: zeroTime }), started), "Created");
  // A start that failed has ended without having started.
  assert.equal(statusText(state("created", { ...ended, startedAt: zeroTime }), started), "Created");
  assert.equal(statusText(state("removing"), started), "Removal In Progress");
  assert.equal(statusText(state("dead"), started), "Dead");
});

import assert from "node:assert/strict";
import { test } from "node:test";
import { setImmediate as turn } from "node:timers/promises";
import { ManualTimers } from "#base/manual-timers.ts";
import { silentLog } from "#base/log.ts";
import { openEventually } from "./open-eventually.ts";

class Flaky {
  readonly timers = new ManualTimers();
  attempts = 0;
  #failures: number;
  isOpen = false;

  constructor(failures: number) {
    this.#failures = failures;
  }

  open(signal: AbortSignal): Promise<AsyncDisposable> {
    const deps = { timers: this.timers, random: () => 0, log: silentLog };
    return openEventually(deps, "addresses", () => this.#attempt(), signal);
  }

  async #attempt(): Promise<Disposable> {
    if (this.attempts++ < this.#failures) throw new Error("busy");
    this.isOpen = true;
    return {
      [Symbol.dispose]: () => {
        this.isOpen = false;
      },
    };
  }
}

test("openEventually: what fails at first is tried again, later each time, and closed in the end", async (t) => {
  const flaky = new Flaky(2);
  const opened = await flaky.open(t.signal);
  assert.equal(flaky.attempts, 1);
  flaky.timers.advance(800);
  await turn();
  assert.equal(flaky.attempts, 2);
  flaky.timers.advance(1599);
  await turn();
  assert.equal(flaky.attempts, 2);
  flaky.timers.advance(1);
  await turn();
  assert.ok(flaky.isOpen);
  assert.equal(flaky.timers.pending, 0);
  await opened[Symbol.asyncDispose]();
  assert.ok(!flaky.isOpen);
});

test("openEventually: is tried no more once it is disposed of, or the signal aborts", async (t) => {
  const stop = new AbortController();
  for (const end of [() => stop.abort(), () => {}]) {
    const flaky = new Flaky(9);
    const opened = await flaky.open(stop.signal.aborted ? t.signal : stop.signal);
    end();
    await opened[Symbol.asyncDispose]();
    assert.equal(flaky.timers.pending, 0);
    flaky.timers.advance(100_000);
    await turn();
    assert.equal(flaky.attempts, 1);
  }
});

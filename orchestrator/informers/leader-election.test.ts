import assert from "node:assert/strict";
import { test } from "node:test";
import { setImmediate as turn } from "node:timers/promises";
import { ManualTimers } from "#base/manual-timers.ts";
import { Fault } from "#base/fault.ts";
import { silentLog } from "#base/log.ts";
import { kubeClient } from "#client/kube/kube-client.ts";
import type { Transport } from "#client/transport.ts";
import { whileLeading } from "./leader-election.ts";
import { MemoryApi } from "./memory-api.fixture.ts";

/** Candidates on one API, whose work says who does it. */
class Candidates {
  readonly timers = new ManualTimers(0);
  readonly api = new MemoryApi();
  readonly working = new Set<string>();

  start(identity: string, signal: AbortSignal, transport: Transport = this.api): Promise<void> {
    const kube = kubeClient(transport, { userAgent: "test" });
    const deps = { kube, timers: this.timers, random: () => 0, log: silentLog };
    const election = { namespace: "kube-system", name: "work", identity };
    const work = () => {
      this.working.add(identity);
      return {
        [Symbol.asyncDispose]: async () => {
          await turn();
          this.working.delete(identity);
        },
      };
    };
    return whileLeading(deps, election, work, signal);
  }

  async pass(seconds: number): Promise<void> {
    for (let at = 0; at < seconds * 2; at++) {
      for (let times = 0; times < 20; times++) await turn();
      this.timers.advance(500);
    }
    for (let times = 0; times < 20; times++) await turn();
  }
}

test("whileLeading: one works, and who comes next begins as soon as the lease is given back", async () => {
  const candidates = new Candidates();
  const [first, second] = [new AbortController(), new AbortController()];
  const ended = [candidates.start("a", first.signal)];
  await candidates.pass(1);
  ended.push(candidates.start("b", second.signal));
  await candidates.pass(60);
  assert.deepEqual([...candidates.working], ["a"]);
  first.abort();
  await candidates.pass(3);
  assert.deepEqual([...candidates.working], ["b"]);
  second.abort();
  await Promise.all(ended);
  assert.equal(candidates.working.size, 0);
});

test("whileLeading: who cannot renew the lease stops before another may have it, however late the last answer came", async () => {
  const candidates = new Candidates();
  const { timers, api } = candidates;
  const stop = new AbortController();
  let writes = 0;
  const slow: Transport = {
    hijack: () => api.hijack(),
    async send(request, signal) {
      if (writes === 2) throw new Fault("unavailable", "gone");
      const answer = await api.send(request, signal);
      if (request.method === "GET") return answer;
      writes += 1;
      // Written at once, told of much later.
      if (writes === 2) timers.advance(4900);
      return answer;
    },
  };
  const ended = [candidates.start("a", stop.signal, slow)];
  await candidates.pass(1);
  ended.push(candidates.start("b", stop.signal));
  let isBoth = false;
  for (let at = 0; at < 60; at++) {
    await candidates.pass(0.5);
    isBoth ||= candidates.working.size > 1;
    if (timers.now() >= 2000 + 10_000 + 2000) assert.ok(!candidates.working.has("a"));
  }
  assert.ok(!isBoth);
  assert.deepEqual([...candidates.working], ["b"]);
  stop.abort();
  await Promise.all(ended);
});

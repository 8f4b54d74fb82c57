import assert from "node:assert/strict";
import { test } from "node:test";
import { setImmediate as settle } from "node:timers/promises";
import { failure } from "#api/kube/status.ts";
import { silentLog } from "#base/log.ts";
import { ManualTimers } from "#base/manual-timers.ts";
import { kubeClient } from "#client/kube/kube-client.ts";
import { leases } from "#client/kube/resources.ts";
import { runAsLeader } from "./leader-election.ts";
import { MemoryApi } from "./memory-api.fixture.ts";

const lease = { namespace: "kube-system", name: "controller-manager" };

function open() {
  const api = new MemoryApi();
  const timers = new ManualTimers();
  const kube = kubeClient(api, { userAgent: "test" });
  const leading = new Set<string>();
  const start = (identity: string) => {
    const stop = new AbortController();
    const lead = async (signal: AbortSignal) => {
      leading.add(identity);
      await new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve()));
      leading.delete(identity);
    };
    const ended = runAsLeader({ kube, timers, log: silentLog }, { lease, identity }, lead, stop.signal);
    return { stop: () => stop.abort(), ended };
  };
  const advance = async (ms: number) => {
    for (let at = 0; at < ms; at += 500) {
      timers.advance(500);
      for (let round = 0; round < 8; round++) await settle();
    }
  };
  return { api, kube, leading, start, advance };
}

test("runAsLeader: one leads, and the other takes over when the lease is released", async () => {
  const { kube, leading, start, advance } = open();
  const a = start("a");
  await advance(500);
  const b = start("b");
  await advance(30_000);
  assert.deepEqual([...leading], ["a"]);
  a.stop();
  await a.ended;
  await advance(4000);
  assert.deepEqual([...leading], ["b"]);
  const held = await kube.of(leases).get(lease, AbortSignal.timeout(1000));
  assert.equal(held.spec.holderIdentity, "b");
  assert.equal(held.spec.leaseTransitions, 1);
  b.stop();
  await b.ended;
});

test("runAsLeader: who cannot renew stops leading before another begins", async () => {
  const { api, leading, start, advance } = open();
  const a = start("a");
  await advance(500);
  const b = start("b");
  await advance(2500);
  api.refuse = ({ body, method }) =>
    method === "PUT" && new TextDecoder().decode(body?.bytes as Uint8Array).includes('"holderIdentity":"a"')
      ? failure("InternalError", "the store is away")
      : undefined;
  for (let at = 0; at < 24_000; at += 500) {
    await advance(500);
    assert.ok(leading.size <= 1);
  }
  assert.deepEqual([...leading], ["b"]);
  a.stop();
  b.stop();
  await Promise.all([a.ended, b.ended]);
});

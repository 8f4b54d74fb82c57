import { setTimeout as delay } from "node:timers/promises";
import { assertNoLeaks, takeTraces } from "../../tools/leaks.ts";
import { loadBusybox } from "../support/busybox-image.ts";
import { EngineUnderTest } from "../support/engine.ts";
import { lives } from "./lives.ts";
import { Model } from "./model.ts";
import { removeEverything } from "./remove-everything.ts";
import { Residents } from "./residents.ts";
import { Worker } from "./worker.ts";

const keptContainers = 20;
const typicalRequestMs = 40;

export interface KillReport {
  readonly kills: number;
  readonly acknowledged: number;
  readonly violations: readonly string[];
  /** Milliseconds from start to first answer, one a kill, ascending. */
  readonly recoveryMs: readonly number[];
  readonly containersAtEnd: number;
}

/**
 * Kills the daemon at random moments while `workers` clients use it, and after every restart compares what they may believe
 * with what the engine says, and looks whether containers that use every feature still work. Everything is removed by requests
 * at the end.
 *
 * @throws {Error} when something is left then that was not there at the beginning
 */
export async function killLoop(options: {
  readonly kills: number;
  readonly workers: number;
  /** As many are acknowledged before a kill at most, so that a loaded machine makes the loop slower and not shallower. */
  readonly mostRequests: number;
  /** Sleepers that live through everything. */
  readonly sleepers: number;
}): Promise<KillReport> {
  await using engine = await EngineUnderTest.start("10.214.0.1/16");
  await loadBusybox(engine);
  // So that bridge, rules, resolver and folders are there.
  await engine.docker("network", "create", "--ipv6", "first");
  await engine.docker("run", "--rm", "--network", "first", "-v", "/volume", "test", "true");
  await engine.docker("network", "rm", "first");
  const before = await takeTraces(engine.places);
  const model = new Model();
  const residents = await Residents.settle(engine);
  for (let i = 0; i < options.sleepers; i++) await startSleeper(engine, model, `sleeper${i}`);
  const recoveryMs: number[] = [];
  let acknowledged = 0;
  for (let kill = 0; kill < options.kills; kill++) {
    const workers = Array.from({ length: options.workers }, (_, i) => {
      const first = kill * 7 + i * lives.length * 3 + i;
      return new Worker(engine, model, lives, { prefix: `k${kill}w${i}n`, first });
    });
    const runs = workers.map((worker) => worker.run());
    await Promise.race([untilAcknowledged(workers, Math.random() * options.mostRequests), Promise.all(runs)]);
    await delay(Math.random() * typicalRequestMs);
    await engine.stop("SIGKILL");
    for (const worker of workers) worker.stop();
    await Promise.all(runs);
    acknowledged += workers.reduce((sum, worker) => sum + worker.acknowledged, 0);
    recoveryMs.push(await engine.up());
    await model.check(engine);
    await residents.check();
    if (model.names.length > options.sleepers + keptContainers) await removeLeftBehind(engine, model);
  }
  const containersAtEnd = model.names.length;
  await residents[Symbol.asyncDispose]();
  await removeEverything(engine);
  // A shim of a step that its daemon did not live to begin waits ten seconds for somebody to come.
  await assertNoLeaks(before, engine.places, { ignore: /\/root\/build$/, withinMs: 15_000 });
  return {
    kills: options.kills,
    acknowledged,
    violations: [...model.violations, ...residents.violations],
    recoveryMs: recoveryMs.sort((a, b) => a - b),
    containersAtEnd,
  };
}

/** As many requests of all workers together. */
async function untilAcknowledged(workers: readonly Worker[], count: number): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  let acknowledged = 0;
  for (const worker of workers)
    worker.onAcknowledged = () => {
      if (++acknowledged >= count) resolve();
    };
  await promise;
}

/** So that the time for a check does not grow with the number of kills, and networks do not run out of subnets. */
async function removeLeftBehind(engine: EngineUnderTest, model: Model): Promise<void> {
  for (const name of model.names.filter((candidate) => !candidate.startsWith("sleeper"))) {
    await engine.api("DELETE", `/containers/${name}?force=1`);
    model.set(name, { is: "removed" });
  }
  await engine.api("POST", "/networks/prune");
  model.dropFacts();
  await model.check(engine);
}

async function startSleeper(engine: EngineUnderTest, model: Model, name: string): Promise<void> {
  await engine.api("POST", `/containers/create?name=${name}`, { Image: "test", Cmd: ["sleep", "100000"] });
  await engine.api("POST", `/containers/${name}/start`);
  const { State } = (await engine.api("GET", `/containers/${name}/json`)).json as {
    State: { Pid: number; StartedAt: string };
  };
  model.set(name, { is: "running", pid: State.Pid, startedAt: State.StartedAt });
}

import { setTimeout as delay } from "node:timers/promises";
import { loadBusybox } from "../support/busybox-image.ts";
import { EngineUnderTest } from "../support/engine.ts";
import { Model } from "./model.ts";
import { Worker } from "./worker.ts";

const keptContainers = 100;

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
 * with what the engine says. Everything is removed at the end; what is left then is the caller's to look for.
 */
export async function killLoop(options: {
  readonly kills: number;
  readonly workers: number;
  readonly longestMs: number;
  /** Sleepers that live through everything. */
  readonly sleepers: number;
}): Promise<KillReport> {
  await using engine = await EngineUnderTest.start("10.214.0.1/16");
  await loadBusybox(engine);
  const model = new Model();
  for (let i = 0; i < options.sleepers; i++) await startSleeper(engine, model, `sleeper${i}`);
  const recoveryMs: number[] = [];
  let acknowledged = 0;
  for (let kill = 0; kill < options.kills; kill++) {
    const workers = Array.from(
      { length: options.workers },
      (_, i) => new Worker(engine, model, `k${kill}w${i}n`),
    );
    const runs = workers.map((worker) => worker.run());
    await delay(Math.random() * options.longestMs);
    await engine.stop("SIGKILL");
    for (const worker of workers) worker.stop();
    await Promise.all(runs);
    acknowledged += workers.reduce((sum, worker) => sum + worker.acknowledged, 0);
    recoveryMs.push(await engine.up());
    await model.check(engine);
    if (model.names.length > keptContainers) await removeEnded(engine, model);
  }
  const containersAtEnd = model.names.length;
  return {
    kills: options.kills,
    acknowledged,
    violations: model.violations,
    recoveryMs: recoveryMs.sort((a, b) => a - b),
    containersAtEnd,
  };
}

/** So that the time for a check does not grow with the number of kills. */
async function removeEnded(engine: EngineUnderTest, model: Model): Promise<void> {
  for (const name of model.names.filter((candidate) => !candidate.startsWith("sleeper"))) {
    await engine.api("DELETE", `/containers/${name}?force=1`);
    model.set(name, { is: "removed" });
  }
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

import { Fault } from "#base/fault.ts";
import type { DockerClient } from "#client/docker-client.ts";

export interface GateOptions {
  /** How long a container without a health check has to run. */
  readonly runsMs: number;
  /** How long one with a health check may take to become healthy. */
  readonly healthyMs: number;
}

/**
 * Starts a container, which may run already, and resolves when it is good: healthy, or without a health check still running some time
 * later. Learns it from the engine's events.
 *
 * @throws {Fault} `conflict` with what is wrong with it
 */
export async function startAndWatch(
  client: DockerClient,
  id: string,
  { runsMs, healthyMs }: GateOptions,
  signal: AbortSignal,
): Promise<void> {
  const over = new AbortController();
  const both = AbortSignal.any([signal, over.signal]);
  try {
    const events = watch(client, id, both);
    // Whoever loses the race below must not count as unhandled.
    events.catch(() => {});
    await client.startContainer(id, signal);
    const hasCheck = await look(client, id, signal);
    if (hasCheck === "good") return;
    const patience = new Promise<"late">((resolve, reject) => {
      const timer = setTimeout(resolve, hasCheck === "none" ? runsMs : healthyMs, "late");
      both.addEventListener("abort", () => {
        clearTimeout(timer);
        reject(new Fault("unavailable", "stopped waiting"));
      });
    });
    patience.catch(() => {});
    const first = await Promise.race([events, patience]);
    if (first === "late" && hasCheck !== "none")
      throw new Fault("conflict", `it was not healthy after ${healthyMs / 1000} s`);
    if (first === "late") await look(client, id, signal);
  } finally {
    over.abort();
  }
}

/** Resolves when it says that it is healthy. @throws {Fault} `conflict` when it is unhealthy or ends */
async function watch(client: DockerClient, id: string, signal: AbortSignal): Promise<"good"> {
  const since = String(Math.floor(Date.now() / 1000) - 1);
  const filters = { container: [id], type: ["container"] };
  for await (const { Action, Actor } of client.events({ since, filters }, signal)) {
    if (Action === "health_status: healthy") return "good";
    if (Action === "health_status: unhealthy") throw new Fault("conflict", "it is unhealthy");
    if (Action === "die")
      throw new Fault("conflict", `it ended with ${Actor?.Attributes?.["exitCode"] ?? "an error"}`);
  }
  throw new Fault("unavailable", "the engine's events ended");
}

async function look(
  client: DockerClient,
  id: string,
  signal: AbortSignal,
): Promise<"good" | "waiting" | "none"> {
  const { State } = await client.inspectContainer(id, signal);
  if (!State.Running || State.Restarting) throw new Fault("conflict", `it ended with ${State.ExitCode}`);
  const status = State.Health?.Status ?? "none";
  if (status === "unhealthy") throw new Fault("conflict", "it is unhealthy");
  return status === "healthy" ? "good" : status === "none" ? "none" : "waiting";
}

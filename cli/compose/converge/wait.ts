import { Fault } from "#base/fault.ts";
import type { Session } from "../session.ts";
import type { Observed } from "./observe.ts";

type Waiting = Pick<Session, "client" | "signal">;

/**
 * Resolves when a container is healthy, or runs when it has no health check and `orRunning` is set. Learns it from the engine's
 * events.
 *
 * @throws {Fault} `conflict` when it is unhealthy or has ended
 */
export async function waitHealthy(
  { client, signal }: Waiting,
  { id, name }: Pick<Observed, "id" | "name">,
  options: { readonly orRunning?: boolean } = {},
): Promise<void> {
  const over = new AbortController();
  const both = AbortSignal.any([signal, over.signal]);
  const isReady = async (): Promise<boolean> => {
    const { State } = await client.inspectContainer(id, signal);
    const { Health } = State;
    if (!State.Running && !State.Restarting)
      throw new Fault("conflict", `container ${name} exited (${State.ExitCode})`);
    if (Health === undefined || Health.Status === "none") {
      if (options.orRunning === true) return true;
      throw new Fault("conflict", `container ${name} has no healthcheck configured`);
    }
    if (Health.Status === "unhealthy") throw new Fault("conflict", `container ${name} is unhealthy`);
    return Health.Status === "healthy";
  };
  try {
    // Events are asked for from a second ago, so that none falls between the look and the stream.
    const since = String(Math.floor(Date.now() / 1000) - 1);
    if (await isReady()) return;
    for await (const { Action } of client.events(
      { since, filters: { container: [id], type: ["container"] } },
      both,
    ))
      if (/^(health_status|die|start|destroy)/.test(Action) && (await isReady())) return;
    throw new Fault("unavailable", `container ${name}: the engine's events ended`);
  } finally {
    over.abort();
  }
}

/** Resolves to the exit code of a container, at once when it has ended already. */
export async function waitExit({ client, signal }: Waiting, id: string): Promise<number> {
  const { ended } = await client.waitContainer(id, "not-running", signal);
  return (await ended).StatusCode;
}

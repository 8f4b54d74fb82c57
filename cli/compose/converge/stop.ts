import { isFault } from "#base/fault.ts";
import type { Service } from "../model.ts";
import type { Session } from "../session.ts";
import { runHook } from "./hooks.ts";
import type { Observed } from "./observe.ts";

export interface StopOptions {
  readonly timeoutS?: number | undefined;
}

/** Runs what a service wants run before it stops, then stops the container. */
export async function stopContainer(
  session: Session,
  container: Pick<Observed, "id" | "name" | "service" | "state">,
  { timeoutS }: StopOptions,
): Promise<void> {
  const { client, progress, project, signal } = session;
  const id = `Container ${container.name}`;
  progress.event({ id, text: "Stopping", status: "working" });
  const service: Service | undefined =
    project.services.get(container.service) ?? project.disabled.get(container.service);
  try {
    if (container.state === "running")
      for (const hook of service?.pre_stop ?? [])
        await runHook(session, container, hook).catch((error: unknown) => {
          if (!isFault(error, "not-found")) throw error;
        });
    await client.stopContainer(container.id, { timeoutS }, signal);
  } catch (error) {
    progress.event({ id, text: "Error while Stopping", status: "error" });
    throw error;
  }
  progress.event({ id, text: "Stopped", status: "done" });
}

/** Stops and removes, all at the same time. */
export async function removeContainers(
  session: Session,
  containers: readonly Observed[],
  options: StopOptions & { readonly volumes?: boolean },
): Promise<void> {
  await Promise.all(
    containers.map(async (container) => {
      await stopContainer(session, container, options);
      await removeContainer(session, container, options.volumes === true);
    }),
  );
}

/** Removes one that has been stopped. */
export async function removeContainer(
  { client, progress, signal }: Session,
  { id, name }: Pick<Observed, "id" | "name">,
  volumes: boolean,
): Promise<void> {
  progress.event({ id: `Container ${name}`, text: "Removing", status: "working" });
  await client.removeContainer(id, signal, { force: true, volumes }).catch((error: unknown) => {
    if (isFault(error, "not-found") || isFault(error, "conflict")) return;
    progress.event({ id: `Container ${name}`, text: "Error while Removing", status: "error" });
    throw error;
  });
  progress.event({ id: `Container ${name}`, text: "Removed", status: "done" });
}

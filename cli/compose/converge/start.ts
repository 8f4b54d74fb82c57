import { Fault, isFault } from "#base/fault.ts";
import type { Dependency } from "../model.ts";
import type { Session } from "../session.ts";
import { inDependencyOrder } from "./graph.ts";
import { runHook } from "./hooks.ts";
import { containersOf, observe, type Observed } from "./observe.ts";
import { waitHealthy, waitExit } from "./wait.ts";

export interface StartOptions {
  /** Only these are started; others are waited for. All when absent. */
  readonly services?: readonly string[];
  readonly onHookOutput?: (container: Observed, bytes: Uint8Array) => void;
}

/** Starts the containers of the project's services, each when what it depends on is as far as it asks. */
export async function startProject(session: Session, options: StartOptions = {}): Promise<void> {
  const all = await observe(session, session.project.name);
  await inDependencyOrder(session.project.services, async (name) => {
    if (options.services !== undefined && !options.services.includes(name)) return;
    const service = session.project.services.get(name);
    await Promise.all(
      [...(service?.depends_on ?? [])].map(([other, dependency]) => waitFor(session, all, other, dependency)),
    );
    const waiting = containersOf(all, name).filter(({ state }) => state !== "running");
    await Promise.all(waiting.map((container) => startContainer(session, container, options)));
  });
}

async function startContainer(session: Session, container: Observed, options: StartOptions): Promise<void> {
  const { client, progress, project, signal } = session;
  const id = `Container ${container.name}`;
  progress.event({ id, text: "Starting", status: "working" });
  await client.startContainer(container.id, signal);
  for (const hook of project.services.get(container.service)?.post_start ?? [])
    await runHook(session, container, hook, (bytes) => options.onHookOutput?.(container, bytes));
  progress.event({ id, text: "Started", status: "done" });
}

async function waitFor(
  session: Session,
  all: readonly Observed[],
  name: string,
  { condition, required }: Dependency,
): Promise<void> {
  if (condition === "service_started") return;
  const containers = containersOf(all, name);
  if (containers.length === 0) {
    if (!required) return;
    throw new Fault("not-found", `${name} is missing dependency ${name}`);
  }
  await Promise.all(
    containers.map(async (container) => {
      try {
        await (condition === "service_healthy"
          ? untilHealthy(session, container)
          : untilCompleted(session, container));
      } catch (error) {
        if (required || !isFault(error)) throw error;
        session.warn(`optional dependency "${name}" failed to start: ${error.message}`);
      }
    }),
  );
}

async function untilHealthy(session: Session, container: Observed): Promise<void> {
  const { progress } = session;
  const id = `Container ${container.name}`;
  progress.event({ id, text: "Waiting", status: "working" });
  try {
    await waitHealthy(session, container);
  } catch (error) {
    progress.event({ id, text: "Error", status: "error" });
    if (isFault(error))
      throw new Fault(error.kind, `dependency failed to start: ${error.message}`, { cause: error });
    throw error;
  }
  progress.event({ id, text: "Healthy", status: "done" });
}

async function untilCompleted(session: Session, container: Observed): Promise<void> {
  const { progress } = session;
  const id = `Container ${container.name}`;
  progress.event({ id, text: "Waiting", status: "working" });
  const code = await waitExit(session, container.id);
  if (code === 0) return progress.event({ id, text: "Exited", status: "done" });
  const message = `service "${container.service}" didn't complete successfully: exit ${code}`;
  progress.event({ id, text: message, status: "error" });
  throw new Fault("conflict", message);
}

import type { Context } from "../../context.ts";
import { inDependencyOrder } from "../converge/graph.ts";
import { containersOf, observe, type Observed } from "../converge/observe.ts";
import { openSession } from "../open-session.ts";
import type { Session } from "../session.ts";
import { Exit } from "../../failure.ts";

export interface EachOptions {
  readonly services: readonly string[];
  readonly isReversed?: boolean;
  /** Only those in one of these states. */
  readonly states?: readonly string[];
  readonly title?: string;
}

/** Does something to every container of the named services, in the order of their dependencies. Resolves to the exit code. */
export async function forEachContainer(
  context: Context,
  options: EachOptions,
  act: (session: Session, container: Observed) => Promise<void>,
): Promise<number> {
  const session = await openSession(context, {
    canLackFiles: true,
    services: options.services,
    withDependencies: false,
    ...(options.title === undefined ? {} : { title: options.title }),
  });
  using _ = session.progress;
  const all = await projectContainers(session, options.services);
  const services = new Map(session.project.services);
  for (const { service } of all)
    if (!services.has(service)) services.set(service, { command: null, entrypoint: null });
  await inDependencyOrder(
    services,
    async (name) => {
      const own = containersOf(all, name).filter(({ state }) => options.states?.includes(state) ?? true);
      await Promise.all(own.map((container) => act(session, container)));
    },
    { reverse: options.isReversed === true },
  );
  return 0;
}

/** The containers of named services, of all services of the project, or of all there are when there is no file. */
export async function projectContainers(
  session: Session,
  services: readonly string[],
): Promise<readonly Observed[]> {
  const all = await observe(session, session.project.name);
  const isBare = session.project.services.size === 0;
  if (services.length > 0) return all.filter(({ service }) => services.includes(service));
  return isBare ? all : all.filter(({ service }) => session.project.services.has(service));
}

/** The container of a service by its number, the first by default. @throws {Exit} when there is none */
export async function oneContainer(
  session: Session,
  service: string,
  index: number | undefined,
): Promise<Observed> {
  const all = await observe(session, session.project.name);
  const own = containersOf(all, service).filter(({ number }) => index === undefined || number === index);
  const found = own.find(({ state }) => state === "running") ?? own[0];
  if (found !== undefined) return found;
  const which = index === undefined ? "" : ` #${index}`;
  throw new Exit(1, `service "${service}"${which} is not running`);
}

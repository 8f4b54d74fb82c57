import type { Dependency, Service } from "../model.ts";

type Services = ReadonlyMap<string, { readonly depends_on?: ReadonlyMap<string, Dependency> }>;

/**
 * Visits every service after those that it depends on, as many at a time as the graph allows; with `reverse` before them. The
 * first failure keeps what comes after it from being visited and is thrown when all that had begun has ended.
 */
export async function inDependencyOrder(
  services: Services,
  visit: (name: string) => Promise<void>,
  options: { readonly reverse?: boolean } = {},
): Promise<void> {
  const before = options.reverse === true ? dependentsOf(services) : dependenciesOf(services);
  const started = new Map<string, Promise<void>>();
  const failures: unknown[] = [];
  const start = (name: string): Promise<void> => {
    const known = started.get(name);
    if (known !== undefined) return known;
    const promise = (async () => {
      await Promise.all((before.get(name) ?? []).map(start));
      if (failures.length === 0) await visit(name);
    })().catch((error: unknown) => void failures.push(error));
    started.set(name, promise);
    return promise;
  };
  await Promise.all([...services.keys()].map(start));
  if (failures.length > 0) throw failures[0];
}

function dependenciesOf(services: Services): ReadonlyMap<string, readonly string[]> {
  return new Map(
    [...services].map(([name, { depends_on: dependsOn }]) => [
      name,
      [...(dependsOn?.keys() ?? [])].filter((other) => services.has(other)),
    ]),
  );
}

function dependentsOf(services: Services): ReadonlyMap<string, readonly string[]> {
  return new Map([...services.keys()].map((name) => [name, directDependents(services, name)]));
}

/** The services that name another one in `depends_on`. */
export function directDependents(services: Services, name: string): readonly string[] {
  return [...services]
    .filter(([, service]) => service.depends_on?.has(name) === true)
    .map(([other]) => other);
}

/** Names with dependencies first. */
export function dependencyOrder(services: ReadonlyMap<string, Service>): readonly string[] {
  const sorted: string[] = [];
  const add = (name: string): void => {
    if (sorted.includes(name) || !services.has(name)) return;
    for (const other of [...(services.get(name)?.depends_on?.keys() ?? [])].sort()) add(other);
    sorted.push(name);
  };
  for (const name of services.keys()) add(name);
  return sorted;
}

import { Fault } from "#base/fault.ts";
import type { Project, Service } from "../model.ts";

/**
 * The project with only the named services and what they depend on; all when none is named. Naming a service enables it,
 * whatever its profiles. The others count as disabled.
 *
 * @throws {Fault} `not-found` as `no such service: NAME`
 */
export function selectServices(
  project: Project,
  names: readonly string[],
  options: { readonly withDependencies: boolean } = { withDependencies: true },
): Project {
  if (names.length === 0) return project;
  const kept = new Map<string, Service>();
  const add = (name: string, isRequired: boolean): void => {
    if (kept.has(name)) return;
    const service = project.services.get(name) ?? project.disabled.get(name);
    if (service === undefined && !isRequired) return;
    if (service === undefined) throw new Fault("not-found", `no such service: ${name}`);
    kept.set(name, service);
    if (!options.withDependencies) return;
    for (const [other, { required }] of service.depends_on ?? []) add(other, required);
  };
  for (const name of names) add(name, true);
  const sorted = [...kept].sort(([a], [b]) => (a < b ? -1 : 1));
  const others = [...project.disabled, ...project.services].filter(([name]) => !kept.has(name));
  return { ...project, services: new Map(sorted), disabled: new Map(others) };
}

/** The project without networks, volumes, secrets, configs and models that none of its services uses. */
export function withoutUnused(project: Project): Project {
  const services = [...project.services.values()];
  const used = (names: Iterable<string | undefined>) => new Set(names);
  const only = <T>(all: ReadonlyMap<string, T>, names: ReadonlySet<string | undefined>) =>
    new Map([...all].filter(([name]) => names.has(name)));
  return {
    ...project,
    networks: only(project.networks, used(services.flatMap(({ networks }) => [...(networks?.keys() ?? [])]))),
    volumes: only(
      project.volumes,
      used(
        services.flatMap(({ volumes }) =>
          (volumes ?? []).filter(({ type }) => type === "volume").map(({ source }) => source),
        ),
      ),
    ),
    secrets: only(
      project.secrets,
      used(
        services.flatMap(({ secrets, build }) =>
          [...(secrets ?? []), ...(build?.secrets ?? [])].map(({ source }) => source),
        ),
      ),
    ),
    configs: only(
      project.configs,
      used(services.flatMap(({ configs }) => (configs ?? []).map(({ source }) => source))),
    ),
    models: only(project.models, used(services.flatMap(({ models }) => [...(models?.keys() ?? [])]))),
  };
}

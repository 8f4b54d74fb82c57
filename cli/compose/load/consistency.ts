import { Fault } from "#base/fault.ts";
import type { FileObject, Project, Service } from "../model.ts";

function inconsistent(text: string): Fault {
  return new Fault("invalid", `${text}: invalid compose project`);
}

/** @throws {Fault} `invalid` for what each file's schema cannot know: references that lead nowhere, options that exclude others */
export function checkConsistency(project: Project): void {
  for (const [name, secret] of project.secrets) checkFile(`secrets.${name}`, secret, ["file", "environment"]);
  for (const [name, config] of project.configs)
    checkFile(`configs.${name}`, config, ["file", "environment", "content"]);
  for (const [name, volume] of project.volumes)
    for (const field of ["driver", "driver_opts", "labels"] as const)
      if (volume.external === true && volume[field] !== undefined)
        throw new Fault(
          "invalid",
          `volumes.${name}: conflicting parameters "external" and "${field}" specified`,
        );
  for (const [name, service] of project.services) {
    checkImage(name, service);
    checkReferences(project, name, service);
    checkScale(name, service);
    checkLimits(name, service);
    checkWatch(name, service);
  }
  checkCycles(project);
}

function checkFile(
  at: string,
  file: FileObject,
  sources: readonly ("file" | "environment" | "content")[],
): void {
  if (file.external === true) return;
  const given = sources.filter((source) => file[source] !== undefined);
  if (given.length === 0) throw new Fault("invalid", `${at}: one of ${sources.join("|")} must be set`);
  if (given.length > 1)
    throw new Fault("invalid", `${at}: ${sources.join("|")} attributes are mutually exclusive`);
}

function checkImage(name: string, service: Service): void {
  const { build, image, provider, healthcheck } = service;
  if (build === undefined && image === undefined && provider === undefined)
    throw inconsistent(`service "${name}" has neither an image nor a build context specified`);
  if (build?.dockerfile !== undefined && build.dockerfile_inline !== undefined)
    throw inconsistent(`service "${name}" declares mutualy exclusive dockerfile and dockerfile_inline`);
  const [first] = healthcheck?.test ?? ["NONE"];
  if (!["CMD", "CMD-SHELL", "NONE"].includes(first ?? ""))
    throw new Fault("invalid", 'healthcheck.test must start either by "CMD", "CMD-SHELL" or "NONE"');
}

function checkReferences(project: Project, name: string, service: Service): void {
  const refers = (kind: string, to: string) =>
    inconsistent(`service "${name}" refers to undefined ${kind} ${to}`);
  if (service.network_mode !== undefined && service.networks !== undefined)
    throw inconsistent(`service ${name} declares mutually exclusive \`network_mode\` and \`networks\``);
  for (const network of service.networks?.keys() ?? [])
    if (!project.networks.has(network)) throw refers("network", network);
  for (const [other, { required }] of service.depends_on ?? [])
    if (required && !project.services.has(other))
      throw inconsistent(`service "${name}" depends on undefined service "${other}"`);
  for (const { type, source } of service.volumes ?? [])
    if (type === "volume" && source !== undefined && !project.volumes.has(source))
      throw refers("volume", source);
  for (const { source } of service.secrets ?? [])
    if (!project.secrets.has(source)) throw refers("secret", source);
  for (const { source } of service.configs ?? [])
    if (!project.configs.has(source)) throw refers("config", source);
}

function checkScale(name: string, { scale, deploy, container_name: own }: Service): void {
  const replicas = deploy?.replicas;
  if (scale !== undefined && replicas !== undefined && scale !== replicas)
    throw inconsistent(`services.${name}: can't set distinct values on 'scale' and 'deploy.replicas'`);
  if (own !== undefined && (scale ?? replicas ?? 1) > 1)
    throw inconsistent(
      `services.scale: can't set container_name and ${name} as container name must be unique`,
    );
}

function checkLimits(name: string, service: Service): void {
  const { limits, reservations } = service.deploy?.resources ?? {};
  const pairs = [
    ["cpus", service.cpus, "limits.cpus", limits?.cpus],
    ["mem_limit", service.mem_limit, "limits.memory", limits?.memory],
    ["mem_reservation", service.mem_reservation, "reservations.memory", reservations?.memory],
    ["pids_limit", service.pids_limit, "limits.pids", limits?.pids],
  ] as const;
  for (const [own, value, other, otherValue] of pairs)
    if (value !== undefined && otherValue !== undefined && value !== otherValue)
      throw inconsistent(
        `services.${name}: can't set distinct values on '${own}' and 'deploy.resources.${other}'`,
      );
}

function checkWatch(name: string, { develop }: Service): void {
  for (const { action, target } of develop?.watch ?? [])
    if (action !== "rebuild" && action !== "restart" && target === undefined)
      throw inconsistent(`services.${name}.develop.watch: target is required for non-rebuild actions`);
}

function checkCycles({ services }: Project): void {
  const done = new Set<string>();
  const visit = (name: string, above: readonly string[]): void => {
    if (above.includes(name)) {
      const cycle = [...above.slice(above.indexOf(name)), name];
      throw new Fault("invalid", `dependency cycle detected: ${cycle.join(" -> ")}`);
    }
    if (done.has(name)) return;
    for (const other of services.get(name)?.depends_on?.keys() ?? []) visit(other, [...above, name]);
    done.add(name);
  };
  for (const name of services.keys()) visit(name, []);
}

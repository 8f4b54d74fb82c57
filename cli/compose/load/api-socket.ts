import type { Project, Service } from "../model.ts";

const socket = "/var/run/docker.sock";
const folder = "/run/secrets/docker";
/** No file can name a config so. */
const source = "#apisocket";

export function usesApiSocket({ services }: Project): boolean {
  return [...services.values()].some(({ use_api_socket }) => use_api_socket === true);
}

/**
 * The project in which `use_api_socket` is what it stands for, as docker compose writes it out: the engine's socket, and whom the
 * client is at registries.
 *
 * @param auths by registry, as in a client's `config.json`
 */
export function withApiSocket(project: Project, auths: object): Project {
  const content = JSON.stringify({ auths }, null, "\t");
  return {
    ...project,
    services: new Map([...project.services].map(([name, service]) => [name, withSocket(service)])),
    configs: new Map([...project.configs, [source, { name: source, content }]]),
  };
}

function withSocket(service: Service): Service {
  if (service.use_api_socket !== true) return service;
  return {
    ...service,
    volumes: [
      ...(service.volumes ?? []),
      { type: "bind", source: socket, target: socket, bind: { create_host_path: true } },
    ],
    environment: new Map([["DOCKER_CONFIG", folder], ...(service.environment ?? [])]),
    configs: [...(service.configs ?? []), { source, target: `${folder}/config.json` }],
  };
}

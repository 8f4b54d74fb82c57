import type { CreateBody } from "#api/docker/container.ts";
import { parseComposeDuration } from "../load/quantities.ts";
import type { Endpoint, Project, Service } from "../model.ts";
import { shortName } from "../engine/log-printer.ts";
import { mountsOf } from "./mounts.ts";
import { exposedPorts, portBindings } from "./ports.ts";
import { resourcesOf } from "./resources.ts";

/** What a container's body needs besides its service. */
export interface BodyDeps {
  readonly containerName: string;
  readonly labels: Readonly<Record<string, string>>;
  /** IDs of the containers of a service: for namespaces and volumes that are shared. */
  containerOf(service: string): string;
  /** Names of a service's containers, for links. */
  namesOf(service: string): readonly string[];
  readonly useAliases: boolean;
  readonly isStdinAttached?: boolean;
  /** Sources of anonymous volumes to take over from the container that this one replaces, by target. */
  readonly inherited: ReadonlyMap<string, string>;
}

/** The body of `POST /containers/create` for a service. */
export function createBody(project: Project, name: string, service: Service, deps: BodyDeps): CreateBody {
  const { healthcheck } = service;
  const body = {
    ...configOf(service, deps),
    Image: imageOf(project, name, service),
    ...(healthcheck === undefined ? {} : { Healthcheck: healthOf(healthcheck) }),
    HostConfig: {
      ...hostConfigOf(project, service, deps),
      ...mountsOf(project, service, deps.inherited),
      ...networkMode(project, service, deps),
    },
    ...networkingOf(project, name, service, deps),
  };
  return body as unknown as CreateBody;
}

/** The image that a service runs: its own, or what its build is called. */
export function imageOf(project: Project, name: string, service: Service): string {
  return service.image ?? `${project.name}-${name}`;
}

function configOf(service: Service, deps: BodyDeps): object {
  const { stop_grace_period: grace } = service;
  return {
    Hostname: service.hostname ?? "",
    Domainname: service.domainname ?? "",
    User: service.user ?? "",
    ExposedPorts: exposedPorts(service),
    Tty: service.tty ?? false,
    OpenStdin: service.stdin_open ?? false,
    StdinOnce: deps.isStdinAttached === true && service.stdin_open === true,
    AttachStdin: deps.isStdinAttached ?? false,
    AttachStdout: true,
    AttachStderr: true,
    Cmd: service.command,
    Entrypoint: service.entrypoint,
    WorkingDir: service.working_dir ?? "",
    Labels: deps.labels,
    // A name alone unsets what the image sets.
    Env: [...(service.environment ?? [])].map(([key, value]) => (value === null ? key : `${key}=${value}`)),
    ...(service.mac_address === undefined ? {} : { MacAddress: service.mac_address }),
    ...(service.stop_signal === undefined ? {} : { StopSignal: service.stop_signal }),
    ...(grace === undefined ? {} : { StopTimeout: Math.ceil(parseComposeDuration(grace) / 1e9) }),
  };
}

function healthOf(health: NonNullable<Service["healthcheck"]>): object {
  const ns = (text: string | undefined) => (text === undefined ? 0 : parseComposeDuration(text));
  return {
    Test: health.disable === true ? ["NONE"] : (health.test ?? []),
    Interval: ns(health.interval),
    Timeout: ns(health.timeout),
    StartPeriod: ns(health.start_period),
    StartInterval: ns(health.start_interval),
    Retries: health.retries ?? 0,
  };
}

function hostConfigOf(project: Project, service: Service, deps: BodyDeps): object {
  const shared = (mode: string | undefined) => sharedWith(mode, deps);
  return {
    ...resourcesOf(service),
    Annotations: Object.fromEntries(service.annotations ?? []),
    CapAdd: (service.cap_add ?? []).map(capability),
    CapDrop: (service.cap_drop ?? []).map(capability),
    CgroupnsMode: service.cgroup ?? "",
    Dns: service.dns ?? [],
    DnsOptions: service.dns_opt ?? [],
    DnsSearch: service.dns_search ?? [],
    ExtraHosts: (service.extra_hosts ?? []).map((item) => item.replace("=", ":")),
    GroupAdd: service.group_add ?? [],
    ...(service.init === undefined ? {} : { Init: service.init }),
    ...(service.network_mode === undefined ? { Links: linksOf(project.name, service, deps) } : {}),
    IpcMode: shared(service.ipc),
    Isolation: service.isolation ?? "",
    LogConfig: {
      Type: service.logging?.driver ?? "",
      Config: Object.fromEntries(service.logging?.options ?? []),
    },
    OomScoreAdj: service.oom_score_adj ?? 0,
    PidMode: shared(service.pid),
    PortBindings: portBindings(service),
    Privileged: service.privileged ?? false,
    ReadonlyRootfs: service.read_only ?? false,
    RestartPolicy: restartPolicy(service),
    Runtime: service.runtime ?? "",
    SecurityOpt: service.security_opt ?? [],
    ShmSize: Number(service.shm_size ?? 0),
    StorageOpt: Object.fromEntries(service.storage_opt ?? []),
    Sysctls: Object.fromEntries(service.sysctls ?? []),
    Tmpfs: Object.fromEntries((service.tmpfs ?? []).map(tmpfsEntry)),
    UsernsMode: service.userns_mode ?? "",
    UTSMode: service.uts ?? "",
    VolumesFrom: (service.volumes_from ?? []).map((item) => volumesFrom(item, deps)),
  };
}

function capability(name: string): string {
  const upper = name.toUpperCase();
  return upper === "ALL" || upper.startsWith("CAP_") ? upper : `CAP_${upper}`;
}

function tmpfsEntry(item: string): readonly [string, string] {
  const colon = item.indexOf(":");
  return colon < 0 ? [item, ""] : [item.slice(0, colon), item.slice(colon + 1)];
}

function sharedWith(mode: string | undefined, deps: BodyDeps): string {
  const [, service] = /^service:(.+)$/.exec(mode ?? "") ?? [];
  return service === undefined ? (mode ?? "") : `container:${deps.containerOf(service)}`;
}

function volumesFrom(item: string, deps: BodyDeps): string {
  if (item.startsWith("container:")) return item.slice("container:".length);
  const [service = "", ...mode] = item.split(":");
  return [deps.containerOf(service), ...mode].join(":");
}

function restartPolicy({ restart, deploy }: Service): object {
  const policy = deploy?.restart_policy;
  if (policy !== undefined) {
    const names: Readonly<Record<string, string>> = { none: "no", any: "always", always: "always" };
    const condition = policy.condition ?? "any";
    return { Name: names[condition] ?? condition, MaximumRetryCount: policy.max_attempts ?? 0 };
  }
  const [name = "", count] = (restart ?? "").split(":");
  return { Name: name, MaximumRetryCount: Number(count ?? 0) };
}

/** The networks of a service, the one with the highest priority first. */
export function sortedNetworks({ networks }: Service): readonly (readonly [string, Endpoint | null])[] {
  return [...(networks ?? [])].sort(
    ([a, first], [b, second]) => (second?.priority ?? 0) - (first?.priority ?? 0) || (a < b ? -1 : 1),
  );
}

function networkMode(project: Project, service: Service, deps: BodyDeps): object {
  if (service.network_mode !== undefined) return { NetworkMode: sharedWith(service.network_mode, deps) };
  const [first] = sortedNetworks(service);
  if (first === undefined) return { NetworkMode: "none" };
  return { NetworkMode: project.networks.get(first[0])?.name ?? first[0] };
}

function networkingOf(project: Project, name: string, service: Service, deps: BodyDeps): object {
  if (service.network_mode !== undefined) return {};
  const endpoints = sortedNetworks(service).map(([key, endpoint]) => [
    project.networks.get(key)?.name ?? key,
    endpointOf(project.name, name, service, endpoint, deps),
  ]);
  return { NetworkingConfig: { EndpointsConfig: Object.fromEntries(endpoints) } };
}

function endpointOf(
  project: string,
  name: string,
  service: Service,
  endpoint: Endpoint | null,
  deps: BodyDeps,
): object {
  const { ipv4_address: v4, ipv6_address: v6, link_local_ips: local } = endpoint ?? {};
  const options = {
    ...Object.fromEntries(endpoint?.driver_opts ?? []),
    ...(endpoint?.interface_name === undefined
      ? {}
      : { "com.docker.network.endpoint.ifname": endpoint.interface_name }),
  };
  return {
    Aliases: deps.useAliases
      ? [deps.containerName, name, ...(endpoint?.aliases ?? [])]
      : [deps.containerName],
    Links: linksOf(project, service, deps),
    ...(Object.keys(options).length === 0 ? {} : { DriverOpts: options }),
    ...(endpoint?.gw_priority === undefined ? {} : { GwPriority: endpoint.gw_priority }),
    ...(endpoint?.mac_address === undefined ? {} : { MacAddress: endpoint.mac_address }),
    ...(v4 === undefined && v6 === undefined && local === undefined
      ? {}
      : { IPAMConfig: { IPv4Address: v4 ?? "", IPv6Address: v6 ?? "", LinkLocalIPs: local ?? [] } }),
  };
}

function linksOf(project: string, service: Service, deps: BodyDeps): readonly string[] {
  const found = new Set<string>();
  for (const link of service.links ?? []) {
    const [target = "", alias = target] = link.split(":");
    for (const container of deps.namesOf(target)) {
      found.add(`${container}:${alias}`);
      found.add(`${container}:${container}`);
      found.add(`${container}:${target}`);
      found.add(`${container}:${shortName(container, project)}`);
    }
  }
  for (const link of service.external_links ?? []) {
    const [target = "", alias = target] = link.split(":");
    found.add(`${target}:${alias}`);
  }
  return [...found];
}

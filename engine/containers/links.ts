import type { ContainerConfig } from "#api/docker/container.ts";
import { Fault } from "#base/fault.ts";
import type { Endpoint } from "#engine/network/networks.ts";
import type { ContainerRecord } from "./record.ts";
import type { ContainerRegistry } from "./registry.ts";

/** A container that another one on the default bridge has a name for. */
interface Linked {
  readonly alias: string;
  readonly target: ContainerRecord;
}

/**
 * `name:alias` or `name` as it is kept: by ID, because names change.
 *
 * @throws {Fault} `invalid`, not as a missing thing: clients take a 404 of create for a missing image
 */
export function resolveLink(registry: ContainerRegistry, link: string): string {
  const [ref = "", alias = ref] = link.split(":");
  // It becomes a line of a hosts file and the name of variables.
  if (!/^[\w./-]+$/.test(alias)) throw new Fault("invalid", `invalid link alias: ${JSON.stringify(alias)}`);
  const target = registry.find(ref);
  if (target === undefined)
    throw new Fault("invalid", `could not get container for ${ref}: No such container: ${ref}`);
  return `${target.id}:${alias.split("/").at(-1)}`;
}

/** Links are the default bridge's; other networks have names. */
function linkedOf(registry: ContainerRegistry, record: ContainerRecord): readonly Linked[] {
  if (!Object.hasOwn(record.endpointsConfig, "bridge")) return [];
  return (record.hostConfig.Links ?? []).flatMap((link) => {
    const [id = "", alias = ""] = link.split(":");
    const target = registry.find(id);
    return target === undefined ? [] : [{ alias, target }];
  });
}

/** As inspect shows them: `/target:/name/alias`. */
export function linkViews(
  records: readonly ContainerRecord[],
  record: ContainerRecord,
): readonly string[] | null {
  const links = record.hostConfig.Links;
  if (links === null) return null;
  const shown = links.flatMap((link) => {
    const [id = "", alias = ""] = link.split(":");
    const target = records.find((candidate) => candidate.id === id);
    return target === undefined ? [] : [`/${target.name}:/${record.name}/${alias}`];
  });
  return shown.length === 0 ? null : shown;
}

/** The names that other containers' links give a container, by its ID: `/other/alias`. */
export function linkNames(records: readonly ContainerRecord[]): ReadonlyMap<string, readonly string[]> {
  const names = new Map<string, string[]>();
  for (const { name, hostConfig, endpointsConfig } of records) {
    if (hostConfig.Links === null || !Object.hasOwn(endpointsConfig, "bridge")) continue;
    for (const link of hostConfig.Links) {
      const [id = "", alias = ""] = link.split(":");
      names.set(id, [...(names.get(id) ?? []), `/${name}/${alias}`]);
    }
  }
  return names;
}

/** What linking gives a container at its start: lines for its hosts file, and variables. */
export interface LinkEffects {
  readonly hosts: readonly string[];
  readonly variables: readonly string[];
}

/** @throws {Fault} `conflict` when a linked container does not run */
export function linkEffects(registry: ContainerRegistry, record: ContainerRecord): LinkEffects {
  const linked = linkedOf(registry, record);
  const places = linked.map((link) => ({ ...link, endpoint: bridgeEndpoint(link.target) }));
  for (const { target, alias, endpoint } of places) {
    if (endpoint !== undefined) continue;
    if (target.endpoints !== undefined)
      throw new Fault("conflict", `container ${target.id} not attached to default bridge network`);
    throw new Fault(
      "conflict",
      `Cannot link to a non running container: /${target.name} AS /${record.name}/${alias}`,
    );
  }
  return {
    hosts: places.flatMap((place) => hostsLine(place)),
    variables: places.flatMap(({ alias, target, endpoint }) =>
      variablesOf(record.name, alias, target.config, endpoint?.address ?? ""),
    ),
  };
}

/**
 * A container's configuration with what its links set in front of its own variables.
 *
 * @throws {Fault} as {@link linkEffects}
 */
export function linkedConfig(registry: ContainerRegistry, record: ContainerRecord): ContainerConfig {
  const { variables } = linkEffects(registry, record);
  const { config } = record;
  return variables.length === 0 ? config : { ...config, Env: [...variables, ...config.Env] };
}

function bridgeEndpoint({ endpoints = [] }: ContainerRecord): Endpoint | undefined {
  return endpoints.find(({ networkName }) => networkName === "bridge");
}

function hostsLine({
  alias,
  target,
  endpoint,
}: Linked & { readonly endpoint: Endpoint | undefined }): readonly string[] {
  if (endpoint === undefined) return [];
  const names = [...new Set([alias, target.config.Hostname, target.name])];
  return [`${endpoint.address}\t${names.join(" ")}`];
}

/** Whether a line of a hosts file is the link's of that alias. */
export function isLineOf(alias: string, line: string): boolean {
  return line.split("\t")[1]?.split(" ")[0] === alias;
}

/** Links as they are kept, without that of an alias; undefined when it is not among them. */
export function withoutLink(
  links: readonly string[] | null,
  alias: string,
): { readonly links: readonly string[] | null } | undefined {
  const left = (links ?? []).filter((link) => link.split(":")[1] !== alias);
  if (left.length === (links ?? []).length) return undefined;
  return { links: left.length === 0 ? null : left };
}

/** A container that started anew, with another address, in the hosts files of those that are linked to it. */
export interface Relinking {
  readonly record: ContainerRecord;
  readonly line: string;
  /** Whether a line of the file is this link's, with whatever address. */
  readonly isOwn: (line: string) => boolean;
}

export function relinkings(registry: ContainerRegistry, started: ContainerRecord): readonly Relinking[] {
  const endpoint = bridgeEndpoint(started);
  if (endpoint === undefined) return [];
  return registry.list().flatMap((record) => {
    if (record.hostConfig.Links === null || bridgeEndpoint(record) === undefined) return [];
    return linkedOf(registry, record)
      .filter(({ target }) => target.id === started.id)
      .flatMap(({ alias, target }) =>
        hostsLine({ alias, target, endpoint }).map((line) => ({
          record,
          line,
          isOwn: (other: string) => isLineOf(alias, other),
        })),
      );
  });
}

/** @see Docker's documentation, "Legacy container links", environment variables */
function variablesOf(
  name: string,
  alias: string,
  config: ContainerConfig,
  address: string,
): readonly string[] {
  const prefix = alias.replaceAll("-", "_").toUpperCase();
  const ports = Object.keys(config.ExposedPorts ?? {})
    .map((text) => text.split("/"))
    .map(([port = "", protocol = "tcp"]) => ({ port, protocol }))
    .sort((a, b) => Number(a.port) - Number(b.port) || (a.protocol < b.protocol ? -1 : 1));
  const [first] = ports;
  const inherited = config.Env.filter((entry) => !/^(HOME|PATH)=/.test(entry)).sort();
  return [
    ...(first === undefined ? [] : [`${prefix}_PORT=${first.protocol}://${address}:${first.port}`]),
    ...ports.flatMap(({ port, protocol }) => {
      const stem = `${prefix}_PORT_${port}_${protocol.toUpperCase()}`;
      return [
        `${stem}=${protocol}://${address}:${port}`,
        `${stem}_ADDR=${address}`,
        `${stem}_PORT=${port}`,
        `${stem}_PROTO=${protocol}`,
      ];
    }),
    `${prefix}_NAME=/${name}/${alias}`,
    ...inherited.map((entry) => `${prefix}_ENV_${entry}`),
  ];
}

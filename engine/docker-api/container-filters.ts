import {
  booleanFilter,
  matchesLabels,
  matchesPattern,
  parseFilters,
  valuesFor,
} from "#api/docker/filters.ts";
import { parsePort } from "#api/docker/ports.ts";
import { Fault } from "#base/fault.ts";
import { isEarlier } from "#base/time.ts";
import type { Containers } from "#engine/containers/containers.ts";
import { type ContainerRecord, mountPoints } from "#engine/containers/record.ts";
import type { ImageRecord, ImageResolver } from "#engine/images/images.ts";

const keys = [
  "ancestor",
  "before",
  "exited",
  "expose",
  "health",
  "id",
  "is-task",
  "isolation",
  "label",
  "name",
  "network",
  "publish",
  "since",
  "status",
  "volume",
];
const statuses = ["created", "running", "paused", "restarting", "removing", "exited", "dead"];
const healths = ["none", "starting", "healthy", "unhealthy"];

export interface ContainerFilter {
  /** Asking for a status means stopped containers too. */
  readonly impliesAll: boolean;
  matches(record: ContainerRecord): boolean;
}

const everything: ContainerFilter = { impliesAll: false, matches: () => true };

/**
 * @throws {Fault} `invalid` for unknown keys and values; `not-found` for an unknown container in `before` or `since`
 * @see Docker Engine API v1.51, GET /containers/json, parameter `filters`
 */
export function containerFilter(
  deps: { readonly containers: Pick<Containers, "get">; readonly images: ImageResolver },
  text: string | null,
): ContainerFilter {
  const filters = parseFilters(text, keys);
  if (filters.size === 0) return everything;
  const values = (key: string) => valuesFor(filters, key);
  const status = oneOf("status", values("status"), statuses);
  const health = oneOf("health", values("health"), healths);
  const exitCodes = values("exited").map((value) => exitCodeOf(value));
  const isTask = booleanFilter(filters, "is-task");
  const publish = portsOf("publish", values("publish"));
  const expose = portsOf("expose", values("expose"));
  const before = values("before").map((ref) => deps.containers.get(ref).created);
  const since = values("since").map((ref) => deps.containers.get(ref));
  const networks = values("network");
  const volumes = values("volume");
  const isOfImage = ancestorFilter(deps.images, values("ancestor"));
  return {
    impliesAll: status.length > 0,
    matches: (record) =>
      matchesPattern(filters, "id", record.id) &&
      matchesPattern(filters, "name", `/${record.name}`, record.name) &&
      matchesLabels(filters, record.config.Labels) &&
      (status.length === 0 || status.includes(record.state.status)) &&
      (health.length === 0 || health.includes(record.state.health?.status ?? "none")) &&
      (exitCodes.length === 0 || (hasEnded(record) && exitCodes.includes(record.state.exitCode))) &&
      isTask !== true &&
      before.every((created) => isEarlier(record.created, created)) &&
      since.every((other) => isEarlier(other.created, record.created) && record.id !== other.id) &&
      isOfImage(record) &&
      (publish.size === 0 || hasPort(publish, publishedPorts(record))) &&
      (expose.size === 0 || hasPort(expose, record.config.ExposedPorts ?? {})) &&
      hasNetwork(networks, record) &&
      hasVolume(volumes, record),
  };
}

function oneOf(key: string, values: readonly string[], allowed: readonly string[]): readonly string[] {
  const wrong = values.find((value) => !allowed.includes(value));
  if (wrong === undefined) return values;
  const advice = `invalid value for ${key === "status" ? "state" : key} (${wrong}): must be one of ${allowed.join(", ")}`;
  throw new Fault("invalid", `invalid filter '${key}=${wrong}': ${advice}`);
}

function exitCodeOf(value: string): number {
  if (/^-?\d{1,9}$/.test(value)) return Number(value);
  throw new Fault(
    "invalid",
    `invalid filter 'exited=${value}': strconv.Atoi: parsing ${JSON.stringify(value)}: invalid syntax`,
  );
}

function hasEnded({ state }: Pick<ContainerRecord, "state">): boolean {
  return state.status === "exited" || state.status === "dead";
}

/** `80`, `80/udp` or `8000-8010` as keys like `80/tcp`. */
function portsOf(key: string, values: readonly string[]): ReadonlySet<string> {
  const ports = new Set<string>();
  for (const value of values) {
    try {
      const { range, protocol } = parsePort(value);
      for (let port = range.first; port <= range.last; port++) ports.add(`${port}/${protocol}`);
    } catch {
      throw new Fault(
        "invalid",
        `error while looking up for ${key} ${value}: strconv.ParseUint: parsing ${JSON.stringify(value)}: invalid syntax`,
      );
    }
  }
  return ports;
}

/** Host ports, as keys like those of the container's. */
function publishedPorts({ endpoints = [], state }: ContainerRecord): object {
  if (hasEnded({ state })) return {};
  const published: Record<string, true> = {};
  for (const [port, bindings] of endpoints.flatMap(({ ports }) => Object.entries(ports)))
    for (const { HostPort } of bindings ?? []) published[`${HostPort}/${port.split("/")[1] ?? "tcp"}`] = true;
  return published;
}

function hasPort(wanted: ReadonlySet<string>, ports: object): boolean {
  return Object.keys(ports).some((port) => wanted.has(port.includes("/") ? port : `${port}/tcp`));
}

/** Containers of the image or of one that is built on it. An image that does not exist has none. */
function ancestorFilter(
  images: ImageResolver,
  names: readonly string[],
): (record: ContainerRecord) => boolean {
  if (names.length === 0) return () => true;
  const ancestors: ImageRecord[] = [];
  for (const name of names) {
    try {
      ancestors.push(images.resolve(name));
    } catch {
      // an unknown ancestor matches nothing
    }
  }
  return (record) => {
    const image = images.findById(record.imageId as ImageRecord["id"]);
    return ancestors.some(
      (ancestor) => ancestor.id === record.imageId || (image !== undefined && isBuiltOn(image, ancestor)),
    );
  };
}

function isBuiltOn(image: ImageRecord, ancestor: ImageRecord): boolean {
  const top = ancestor.chainIds.at(-1);
  return (
    top !== undefined && image.chainIds.length > ancestor.chainIds.length && image.chainIds.includes(top)
  );
}

function hasNetwork(wanted: readonly string[], record: ContainerRecord): boolean {
  if (wanted.length === 0) return true;
  const { endpoints = [], endpointsConfig, hostConfig } = record;
  const own = hostConfig.NetworkMode === "default" ? "bridge" : hostConfig.NetworkMode;
  const given = endpoints.flatMap(({ networkName, networkId }) => [networkName, networkId]);
  const names = [own, ...Object.keys(endpointsConfig), ...given];
  return wanted.some((value) => names.includes(value));
}

function hasVolume(wanted: readonly string[], record: ContainerRecord): boolean {
  if (wanted.length === 0) return true;
  return mountPoints(record).some((point) =>
    wanted.some((value) => value === (point.Name ?? point.Source) || value === point.Destination),
  );
}

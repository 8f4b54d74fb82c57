import { closeSync, openSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { EndpointSettings } from "#api/docker/container.ts";
import { Fault, messageOf } from "#base/fault.ts";
import type { Endpoint, EndpointRequest, NetworkRecord, Sandbox } from "#engine/network/networks.ts";
import { changeHosts, ownHosts } from "#engine/runtime/etc-files.ts";
import type { UserNamespace } from "#engine/runtime/launcher.ts";
import { containerFolder } from "#engine/runtime/paths.ts";
import { startTimeOf } from "#host/process-end.ts";
import type { ContainerContext } from "./context.ts";
import { isLineOf, relinkings, withoutLink } from "./links.ts";
import { type ContainerRecord, isAlive } from "./record.ts";

/** More than anybody's hosts file: a container that blew its own up keeps it as it is. */
const HOSTS_BYTES_MAX = 1 << 20;

/** What a container asks of the network when it starts. */
export function endpointRequest(record: ContainerRecord): EndpointRequest {
  const { config, hostConfig, endpointsConfig } = record;
  const mode = hostConfig.NetworkMode === "default" ? "bridge" : hostConfig.NetworkMode;
  const isJoining = mode.startsWith("container:");
  const rank = (ref: string) => (ref === "bridge" ? 0 : ref === mode ? 1 : 2);
  return {
    containerId: record.id,
    containerName: record.name,
    hostname: config.Hostname,
    networks: isJoining
      ? []
      : Object.entries(endpointsConfig)
          .map(([ref, settings]) => ({ ref, settings }))
          .sort((one, other) => rank(one.ref) - rank(other.ref)),
    isJoining,
    portBindings: hostConfig.PortBindings ?? {},
    exposedPorts: Object.keys(config.ExposedPorts ?? {}),
    publishAll: hostConfig.PublishAllPorts,
    dns: hostConfig.Dns ?? [],
  };
}

/** What a container has of the network from its start on. @throws {Fault} as Networks.acquire, with Docker's words in front */
export async function acquireNetworks(
  { networks }: ContainerContext,
  record: ContainerRecord,
  users: UserNamespace | undefined,
  signal: AbortSignal,
): Promise<Sandbox> {
  const owner = users === undefined ? {} : { owner: users.source };
  try {
    return await networks.acquire({ ...endpointRequest(record), ...owner }, signal);
  } catch (error) {
    if (!(error instanceof Fault)) throw error;
    throw new Fault(error.kind, `failed to set up container networking: ${error.message}`, { cause: error });
  }
}

/** @see Containers.connectNetwork */
export async function connectNetwork(
  context: ContainerContext,
  ref: string,
  networkRef: string,
  settings: Partial<EndpointSettings>,
): Promise<void> {
  const { registry, lock, networks } = context;
  const { id } = registry.get(ref);
  const network = networks.get(networkRef);
  await lock.run(id, async () => {
    const record = registry.get(id);
    checkJoinable(record, network);
    const config = { ...record.endpointsConfig };
    if (!isAlive(record.state)) {
      if (keyOf(record, network) !== undefined) return;
      networks.check({ ...endpointRequest(record), networks: [{ ref: network.id, settings }] });
      await registry.replace({ ...record, endpointsConfig: { ...config, [network.name]: settings } });
      return;
    }
    await using held = holdNamespace(record);
    await using _rewiring = await markRewired(context, record);
    const endpoints = await networks.connect(
      endpointRequest(record),
      { ref: network.id, settings },
      held.path,
    );
    try {
      await keep(context, record, endpoints, { ...config, [network.name]: settings });
    } catch (error) {
      const left = await networks.disconnect(endpointRequest(record), network.id, held.path);
      registry.note({ ...registry.get(id), endpoints: left });
      throw error;
    }
  });
}

/** @see Containers.disconnectNetwork */
export async function disconnectNetwork(
  context: ContainerContext,
  ref: string,
  networkRef: string,
  isForced: boolean,
): Promise<void> {
  const { registry, lock, networks } = context;
  const network = networks.get(networkRef);
  const found = registry.find(ref);
  if (found === undefined && isForced) throw new Fault("not-found", `endpoint ${ref} not found`);
  const { id } = registry.get(ref);
  await lock.run(id, async () => {
    const record = registry.get(id);
    const key = keyOf(record, network);
    if (key === undefined)
      throw new Fault(
        "forbidden",
        `container ${id} is not connected to ${isAlive(record.state) ? "" : "the "}network ${network.name}`,
      );
    const { [key]: _, ...config } = record.endpointsConfig;
    if (!isAlive(record.state)) {
      await registry.replace({ ...record, endpointsConfig: config });
      return;
    }
    if (network.name === "host")
      throw new Fault(
        "invalid",
        "container cannot be disconnected from host network - container was created in host network mode",
      );
    await using held = holdNamespace(record);
    await using _rewiring = await markRewired(context, record);
    const endpoints = await networks.disconnect(endpointRequest(record), network.id, held.path);
    try {
      await keep(context, record, endpoints, config);
    } catch (error) {
      // It is out: the next record that can be written says so.
      registry.note({ ...registry.get(id), endpoints, endpointsConfig: config });
      throw error;
    }
  });
}

/** Other containers' hosts files name a linked container by its address: they follow when it started with another one. */
export function relink(context: ContainerContext, started: ContainerRecord): void {
  for (const { record, line, isOwn } of relinkings(context.registry, started))
    editHosts(context, record.id, (text) => {
      const stale = text.split("\n").filter((other) => isOwn(other) && other !== line);
      return stale.length === 0 ? text : changeHosts(text, stale, [line]);
    });
}

/** @see Containers.removeLink */
export async function removeLink(context: ContainerContext, link: string): Promise<void> {
  const { registry, lock } = context;
  const [, name = "", alias = ""] = /^\/?([^/]+)\/([^/]+)$/.exec(link) ?? [];
  const missing = () => new Fault("not-found", `No such container: ${link}`);
  const owner = registry.find(name);
  if (owner?.name !== name) throw missing();
  await lock.run(owner.id, async () => {
    const record = registry.get(owner.id);
    const left = withoutLink(record.hostConfig.Links, alias);
    if (left === undefined) throw missing();
    await registry.replace({ ...record, hostConfig: { ...record.hostConfig, Links: left.links } });
    if (!isAlive(record.state)) return;
    editHosts(context, record.id, (text) => {
      const lines = text.split("\n").filter((line) => isLineOf(alias, line));
      return lines.length === 0 ? text : changeHosts(text, lines, []);
    });
  });
}

function checkJoinable(record: ContainerRecord, network: NetworkRecord): void {
  const mode = record.hostConfig.NetworkMode;
  const refuse = (text: string) => new Fault("invalid", text);
  if (mode === "host" || mode.startsWith("container:"))
    throw refuse(
      "container sharing network namespace with another container or host cannot be connected to any other network",
    );
  if (network.name === "host")
    throw refuse("cannot connect container to host network - container must be created in host network mode");
  const isPrivate = network.name === "none" || Object.hasOwn(record.endpointsConfig, "none");
  if (isPrivate && Object.keys(record.endpointsConfig).length > 0)
    throw refuse(
      "container cannot be connected to multiple networks with one of the networks in private (none) mode",
    );
  if (network.isConfigOnly === true) throw refuse("cannot create endpoint on configuration-only network");
}

/** How the container's settings call the network. */
function keyOf({ endpointsConfig, endpoints }: ContainerRecord, network: NetworkRecord): string | undefined {
  const isIn = (endpoints ?? []).some(({ networkId }) => networkId === network.id);
  const key = Object.keys(endpointsConfig).find((ref) => ref === network.name || network.id.startsWith(ref));
  return key ?? (isIn ? network.name : undefined);
}

/** The namespace of this very container, whatever process has its number later. */
function holdNamespace({ state }: ContainerRecord): AsyncDisposable & { readonly path: string } {
  const lost = () => new Fault("conflict", "container is not running");
  let fd: number;
  try {
    fd = openSync(`/proc/${state.pid}/ns/net`, "r");
  } catch {
    throw lost();
  }
  const close = () => closeSync(fd);
  if (startTimeOf(state.pid) !== state.pidStartTime) {
    close();
    throw lost();
  }
  return { path: `/proc/${process.pid}/fd/${fd}`, [Symbol.asyncDispose]: async () => close() };
}

/** Says so in the record until it is disposed of; no power cut needs to know. */
async function markRewired(
  { registry }: ContainerContext,
  { id }: ContainerRecord,
): Promise<AsyncDisposable> {
  await registry.replace({ ...registry.get(id), isRewired: true }, "ordered");
  return {
    [Symbol.asyncDispose]: async () => {
      const { isRewired, ...record } = registry.find(id) ?? {};
      if (!isRewired) return;
      const settled = record as ContainerRecord;
      await registry.replace(settled, "ordered").catch(() => registry.note(settled));
    },
  };
}

async function keep(
  context: ContainerContext,
  record: ContainerRecord,
  endpoints: readonly Endpoint[],
  endpointsConfig: ContainerRecord["endpointsConfig"],
): Promise<void> {
  const { registry } = context;
  const { isRewired: _, ...known } = registry.get(record.id);
  await registry.replace({ ...known, endpoints, endpointsConfig });
  const { Hostname: hostname, Domainname: domainname } = record.config;
  const linesOf = (list: readonly Endpoint[]) => ownHosts(list, { hostname, domainname });
  const [before, now] = [linesOf(record.endpoints ?? []), linesOf(endpoints)];
  editHosts(context, record.id, (text) =>
    changeHosts(
      text,
      before.filter((line) => !now.includes(line)),
      now.filter((line) => !before.includes(line)),
    ),
  );
  editResolvConf(context, record, endpoints);
}

/** Unless its container changed it. */
function editResolvConf(
  { networks, paths, log }: ContainerContext,
  record: ContainerRecord,
  endpoints: readonly Endpoint[],
): void {
  const { Dns, DnsSearch, DnsOptions } = record.hostConfig;
  const asked = { dns: Dns ?? [], search: DnsSearch ?? [], options: DnsOptions ?? [] };
  const textOf = (list: readonly Endpoint[]) => networks.resolvConf(list, asked);
  const file = join(containerFolder(paths, record.id), "resolv.conf");
  try {
    const [before, now] = [textOf(record.endpoints ?? []), textOf(endpoints)];
    if (before !== now && readFileSync(file, "utf8") === before) writeFileSync(file, now);
  } catch (error) {
    log.warn("resolv.conf was not changed", { container: record.id, reason: messageOf(error) });
  }
}

/** In its place: it is bound into the container. */
function editHosts({ paths, log }: ContainerContext, id: string, edit: (text: string) => string): void {
  const file = join(containerFolder(paths, id), "hosts");
  try {
    if (statSync(file).size > HOSTS_BYTES_MAX) return;
    const text = readFileSync(file, "utf8");
    const next = edit(text);
    if (next !== text) writeFileSync(file, next);
  } catch (error) {
    log.warn("hosts file was not changed", { container: id, reason: messageOf(error) });
  }
}

import { Fault, messageOf } from "#base/fault.ts";
import type { Log } from "#base/log.ts";
import type { EventSink } from "#engine/events/events.ts";
import type { Handle, KernelHelper, NetnsRef } from "#engine/supervise/kernel-helper.ts";
import { attachPort, hasBridge, hasLink, isPortOf, linkNames, removeBridge } from "#host/link/bridge.ts";
import { findAddress } from "#base/cidr.ts";
import { findAddress6 } from "#base/cidr6.ts";
import type { DnsThread } from "./dns/dns-thread.ts";
import { type AskedPlace, bareEndpoint, checkSettings, endpointOn, gatewaysOf, renamed } from "./endpoint.ts";
import { HostPorts } from "./host-ports.ts";
import type { KernelRules } from "./kernel-rules.ts";
import { letGo } from "./let-go.ts";
import { type Holdings, isRouted, type LiveNetwork } from "./live-network.ts";
import { forwardsOf, type NetworkTable } from "./network-table.ts";
import type {
  Endpoint,
  EndpointRequest,
  NetworkRecord,
  Networks,
  Sandbox,
  WantedNetwork,
} from "./networks.ts";
import { removeParent } from "./macvlan-parent.ts";
import { predefinedNames } from "./plan-network.ts";
import { type PortPlan, planPorts } from "./port-plan.ts";
import {
  bridgeResolvConf,
  embeddedResolvConf,
  hostResolvConf,
  parseResolvConf,
  type ResolverOptions,
} from "./resolv-conf.ts";
import type { Forwards } from "./ruleset.ts";
import type { ReadyPool } from "./pool.ts";
import { type Joined, resolverClient } from "./resolver-client.ts";
import { type Place, releaseAddresses, configurePort, type Sandboxes } from "./sandboxes.ts";
import type { VethSweeper } from "./veth-sweeper.ts";

export interface BridgeNetworksDeps {
  readonly kernel: KernelHelper;
  readonly table: NetworkTable;
  readonly rules: KernelRules;
  readonly sandboxes: Sandboxes;
  /** Of sandboxes without a network. */
  readonly bareSandboxes: ReadyPool<Handle>;
  readonly dns: DnsThread;
  readonly sweeper: VethSweeper;
  /** Whether an interface of the host's is called like ours. */
  readonly isOwnVeth: (name: string) => boolean;
  readonly events: EventSink;
  readonly log: Log;
  /** Text of the host's resolv.conf as it is now. */
  readonly readResolvConf: () => string;
}

/** Networks made of Linux bridges and veth pairs or of macvlan, beside the host's own network and none at all. */
export class BridgeNetworks implements Networks {
  readonly #deps: BridgeNetworksDeps;
  readonly #ports: HostPorts;
  /** By container ID: what is its own whatever networks it is in. */
  readonly #holdings = new Map<string, Holdings>();

  constructor(deps: BridgeNetworksDeps) {
    this.#deps = deps;
    this.#ports = new HostPorts(deps.kernel);
  }

  get(ref: string): NetworkRecord {
    return this.#deps.table.byMode(ref);
  }

  get hostGateway(): string {
    const { table } = this.#deps;
    return table.findLive(table.get("bridge").id)?.gateway ?? "";
  }

  check(request: EndpointRequest): void {
    planPorts(request);
    for (const wanted of request.networks) {
      const network = this.#deps.table.findLive(this.get(wanted.ref).id);
      if (network !== undefined) checkForCreate(wanted, network);
    }
  }

  async acquire(request: EndpointRequest, signal: AbortSignal): Promise<Sandbox> {
    signal.throwIfAborted();
    const { table } = this.#deps;
    const { containerId } = request;
    if (this.#holdings.has(containerId))
      throw new Fault("conflict", `container ${containerId} is in a network already`);
    if (request.isJoining === true) return { endpoints: [], portHandles: [] };
    const [first] = request.networks;
    const record = first && this.get(first.ref);
    if (record?.isConfigOnly === true)
      throw new Fault("forbidden", "cannot create endpoint on configuration-only network");
    this.#holdings.set(containerId, { handles: [] });
    try {
      const isBare = record === undefined || table.findLive(record.id) === undefined;
      const sandbox = await (isBare ? this.#acquireBare(record, request) : this.#acquireAll(request, signal));
      for (const { networkId } of sandbox.endpoints)
        this.#publish(table.get(networkId), "connect", containerId);
      return sandbox;
    } catch (error) {
      this.#holdings.delete(containerId);
      throw error;
    }
  }

  async release(containerId: string): Promise<void> {
    const { table, kernel } = this.#deps;
    const holdings = this.#holdings.get(containerId);
    if (holdings === undefined) return;
    this.#holdings.delete(containerId);
    const places = table.memberships(containerId);
    for (const { record, network } of places) {
      if (network === undefined) table.removeBare(record.id, containerId);
      else network.attached.delete(containerId);
      this.#publish(record, "disconnect", containerId);
    }
    await this.#withdraw(
      containerId,
      places.map(({ attachment }) => attachment.endpoint),
    );
    await letGo(kernel, holdings.handles);
    for (const { network, attachment } of places) {
      if (network === undefined) continue;
      const { hostInterface } = attachment.endpoint;
      if (hostInterface !== undefined) this.#deps.sweeper.giveUp(hostInterface);
      releaseAddresses(network, placeOf(attachment.endpoint));
    }
  }

  async connect(
    request: EndpointRequest,
    wanted: WantedNetwork,
    netnsPath: string,
  ): Promise<readonly Endpoint[]> {
    const { table, sandboxes, kernel } = this.#deps;
    const { containerId } = request;
    const record = this.get(wanted.ref);
    const network = table.findLive(record.id);
    if (network === undefined || network.isRemoved)
      throw new Fault("not-found", `network ${record.name} not found`);
    const before = this.#joined(containerId);
    const asked = checkSettings(wanted, network);
    if (network.attached.has(containerId))
      throw new Fault(
        "forbidden",
        `endpoint with name ${request.containerName} already exists in network ${record.name}`,
      );
    await using undo = new AsyncDisposableStack();
    network.attached.set(containerId, undefined);
    undo.defer(() => void network.attached.delete(containerId));
    await this.#ensureReady(network);
    const name = freeName(before.map(({ endpoint }) => endpoint));
    const place = await sandboxes.attach(netnsPath, network, asked, name);
    undo.defer(async () => {
      await kernel.detachInterface(netnsPath, place.name).catch(() => undefined);
      releaseAddresses(network, place);
    });
    network.attached.set(containerId, { endpoint: endpointOn(network, request, wanted, place) });
    undo.defer(async () => {
      network.attached.delete(containerId);
      await this.#reroute(request, netnsPath, before);
    });
    await this.#reroute(request, netnsPath, before);
    undo.move();
    this.#publish(record, "connect", containerId);
    return this.#joined(containerId).map(({ endpoint }) => endpoint);
  }

  async disconnect(
    request: EndpointRequest,
    networkRef: string,
    netnsPath: string,
  ): Promise<readonly Endpoint[]> {
    const { table, kernel, log } = this.#deps;
    const { containerId } = request;
    const record = this.get(networkRef);
    const network = table.findLive(record.id);
    const attachment = network?.attached.get(containerId);
    if (network === undefined || attachment === undefined)
      throw new Fault("forbidden", `container ${containerId} is not connected to network ${record.name}`);
    const before = this.#joined(containerId);
    const { endpoint } = attachment;
    network.attached.delete(containerId);
    try {
      await kernel.detachInterface(netnsPath, endpoint.interfaceName ?? "eth0");
    } catch (error) {
      log.debug("interface is gone already", { container: containerId, reason: messageOf(error) });
    }
    releaseAddresses(network, placeOf(endpoint));
    this.#publish(record, "disconnect", containerId);
    await this.#reroute(request, netnsPath, before);
    return this.#joined(containerId).map((joined) => joined.endpoint);
  }

  adopt(containerId: string, endpoints: readonly Endpoint[], netnsPath?: string, wasRewired?: boolean): void {
    const { table, log } = this.#deps;
    const found = { ...(netnsPath !== undefined && { netnsPath }), ...(wasRewired && { wasRewired }) };
    this.#holdings.set(containerId, { handles: [], ...found });
    for (const endpoint of endpoints) {
      const network = table.findLive(endpoint.networkId);
      if (network === undefined) {
        table.putBare(endpoint.networkId, containerId, { endpoint });
        continue;
      }
      const { address, address6 } = placeOf(endpoint);
      const isLost =
        (address !== undefined && network.addresses?.adopt(address) !== true) ||
        (address6 !== undefined && network.addresses6?.adopt(address6) !== true);
      if (isLost)
        log.warn("adopted address is not the network's to give", {
          container: containerId,
          address: endpoint.address,
        });
      network.attached.set(containerId, { endpoint });
    }
    this.#ports.adopt(containerId, forwardsOf(endpoints).ports);
  }

  async settle(): Promise<void> {
    const { table, rules } = this.#deps;
    const used = table.live.filter((network) => network.attached.size > 0);
    // A bridge of ours means that an earlier daemon wrote rules, with ports in them that may be nobody's by now.
    const isFresh = !rules.isWritten && !table.live.some((network) => hasBridge(network.record.bridge));
    if (used.length === 0 && isFresh) return;
    if (!rules.isWritten) this.#sweepStrays();
    await Promise.all(used.map((network) => this.repair(network)));
    await rules.write();
    await Promise.all(
      [...this.#holdings].flatMap(([containerId, { netnsPath, wasRewired }]) =>
        netnsPath === undefined ? [] : [this.#resume(containerId, netnsPath, wasRewired)],
      ),
    );
  }

  /** Interfaces that an earlier daemon was giving to a running container when it was killed. Ours are not made yet. */
  #sweepStrays(): void {
    const { table, sweeper, isOwnVeth } = this.#deps;
    const attached = table.live.flatMap((network) => [...network.attached.values()]);
    const known = new Set(attached.map((attachment) => attachment?.endpoint.hostInterface));
    for (const name of linkNames()) if (isOwnVeth(name) && !known.has(name)) sweeper.giveUp(name);
  }

  rename(containerId: string, name: string): readonly Endpoint[] | undefined {
    const { table, dns } = this.#deps;
    const places = table.memberships(containerId);
    if (places.length === 0) return undefined;
    for (const { record, network, attachment } of places) {
      const endpoint = renamed(attachment.endpoint, name);
      if (network === undefined) table.putBare(record.id, containerId, { endpoint });
      else network.attached.set(containerId, { endpoint });
    }
    const client = this.#client(containerId);
    if (client !== undefined) dns.update(client);
    return table.memberships(containerId).map(({ attachment }) => attachment.endpoint);
  }

  resolvConf(endpoints: readonly Endpoint[], options: ResolverOptions): string {
    const text = this.#deps.readResolvConf();
    if (endpoints.some(({ networkName }) => networkName === "host")) return hostResolvConf(text, options);
    const host = parseResolvConf(text);
    return endpoints.every(({ networkName }) => predefinedNames.includes(networkName))
      ? bridgeResolvConf(host, options)
      : embeddedResolvConf(host, options);
  }

  /** Takes bridges and rules out of the kernel if no container uses them; what starts next makes them again. */
  async dismantle(): Promise<void> {
    const { table, rules } = this.#deps;
    if (table.live.some((network) => network.attached.size > 0)) return;
    for (const { record } of table.live) {
      if (hasBridge(record.bridge)) await removeBridge(record.bridge);
      await removeParent(record);
    }
    await rules.remove();
  }

  /** Makes the default bridge, the rules and the first sandboxes, so that the first start does not have to. */
  async warm(): Promise<void> {
    const { table, sandboxes, bareSandboxes } = this.#deps;
    const network = table.findLive(table.get("bridge").id);
    if (network === undefined) return;
    await this.#ensureReady(network);
    await Promise.all([sandboxes.keepReady(network), bareSandboxes.fill()]);
  }

  async #acquireBare(record: NetworkRecord | undefined, request: EndpointRequest): Promise<Sandbox> {
    const { table, kernel, bareSandboxes } = this.#deps;
    const endpoints = record === undefined ? [] : [bareEndpoint(record, request)];
    for (const endpoint of endpoints) table.putBare(endpoint.networkId, request.containerId, { endpoint });
    if (record?.driver === "host") return { endpoints, portHandles: [] };
    try {
      const { owner } = request;
      const ready = owner === undefined ? bareSandboxes.take() : undefined;
      const netns = ready ?? (await kernel.createSandbox(undefined, owner));
      this.#holdings.set(request.containerId, { handles: [netns] });
      return { endpoints, netns, portHandles: [] };
    } catch (error) {
      for (const { networkId } of endpoints) table.removeBare(networkId, request.containerId);
      throw error;
    }
  }

  async #acquireAll(request: EndpointRequest, signal: AbortSignal): Promise<Sandbox> {
    const { kernel } = this.#deps;
    const { containerId } = request;
    await using undo = new AsyncDisposableStack();
    let netns: Handle | undefined;
    for (const wanted of request.networks) {
      netns = await this.#join(request, wanted, netns, undo);
      signal.throwIfAborted();
    }
    if (netns === undefined) throw new Fault("internal", "a container of networks without one");
    const joined = this.#joined(containerId);
    if (joined.length > 1) await this.#setRoutes(netns, joined);
    const { handles } = await this.#publishPorts(request, undo);
    const endpoints = this.#joined(containerId).map(({ endpoint }) => endpoint);
    this.#holdings.set(containerId, { handles: [netns, ...handles] });
    undo.defer(() => this.#withdraw(containerId, endpoints));
    await this.#announce(containerId, endpoints, kernel.pathOf(netns));
    signal.throwIfAborted();
    undo.move();
    return { endpoints, netns, portHandles: handles };
  }

  /** The container's next interface; the first brings the namespace. */
  async #join(
    request: EndpointRequest,
    wanted: WantedNetwork,
    netns: Handle | undefined,
    undo: AsyncDisposableStack,
  ): Promise<Handle> {
    const { table, sandboxes } = this.#deps;
    const { containerId } = request;
    const record = this.get(wanted.ref);
    const network = table.findLive(record.id);
    if (network === undefined || network.isRemoved)
      throw new Fault("not-found", `network ${record.name} not found`);
    const asked = checkForCreate(wanted, network);
    const others = this.#joined(containerId).map(({ endpoint }) => endpoint);
    network.attached.set(containerId, undefined);
    undo.defer(() => void network.attached.delete(containerId));
    await this.#ensureReady(network);
    let place: Place;
    let handle = netns;
    if (handle === undefined) {
      const sandbox = await sandboxes.take(network, asked, request.owner);
      undo.defer(() => sandboxes.giveBack(network, sandbox));
      place = sandbox;
      handle = sandbox.handle;
    } else {
      place = await sandboxes.attach(handle, network, asked, freeName(others));
      const taken = place;
      undo.defer(() => releaseAddresses(network, taken));
    }
    network.attached.set(containerId, { endpoint: endpointOn(network, request, wanted, place) });
    return handle;
  }

  /** Its places in networks, in the order of its interfaces. */
  #joined(containerId: string): readonly Joined[] {
    return this.#deps.table
      .memberships(containerId)
      .flatMap(({ network, attachment }) =>
        network === undefined ? [] : [{ network, endpoint: attachment.endpoint }],
      )
      .sort((one, other) => (nameOf(one.endpoint) < nameOf(other.endpoint) ? -1 : 1));
  }

  async #setRoutes(netns: NetnsRef, joined: readonly Joined[]): Promise<void> {
    const { four, six } = gatewaysOf(joined.map(({ endpoint }) => endpoint));
    await this.#deps.kernel.setDefaultRoutes(netns, four?.gateway ?? "", six?.gateway6 ?? "");
  }

  /** Binds the container's ports, and shows them at the endpoint that they lead to. */
  async #publishPorts(request: EndpointRequest, undo: AsyncDisposableStack) {
    const { kernel } = this.#deps;
    const { containerId } = request;
    const joined = this.#joined(containerId);
    const { four, six } = gatewaysOf(joined.map(({ endpoint }) => endpoint));
    const main = four ?? six ?? joined[0]?.endpoint;
    if (main === undefined) return { handles: [], ports: {} };
    const optionsOf = (endpoint: Endpoint | undefined) =>
      joined.find((place) => place.endpoint === endpoint)?.network;
    const plan = planPorts(request, {
      defaultAddress: optionsOf(four)?.options.hostBinding ?? "",
      isRouted: isRouted(optionsOf(four)?.options.gatewayMode ?? "nat"),
      isRouted6: isRouted(optionsOf(six)?.options.gatewayMode6 ?? "nat"),
    });
    // Nothing leads into an internal network, and a wire of its own needs no host: nothing is published there.
    const leadsOut = (four ?? six) !== undefined && optionsOf(main)?.hasBridge === true;
    const bound = await this.#bind(request, leadsOut ? plan : { ...plan, wanted: [] }, main);
    undo.defer(async () => {
      this.#ports.forget(containerId);
      await letGo(kernel, bound.handles);
    });
    this.#showPorts(containerId, main, bound.ports, false);
    return bound;
  }

  #showPorts(containerId: string, main: Endpoint, ports: Endpoint["ports"], isLate: boolean): void {
    for (const { network, endpoint } of this.#joined(containerId)) {
      const { hasLatePorts: _, ...rest } = endpoint;
      const isMain = endpoint.endpointId === main.endpointId;
      if (!isMain && Object.keys(endpoint.ports).length === 0) continue;
      const shown = { ...rest, ports: isMain ? ports : {}, ...(isMain && isLate && { hasLatePorts: true }) };
      network.attached.set(containerId, { endpoint: shown });
    }
  }

  async #bind(request: EndpointRequest, plan: PortPlan, endpoint: Endpoint) {
    try {
      const target = endpoint.address === "" ? `[${endpoint.address6}]` : endpoint.address;
      return await this.#ports.bind(request.containerId, plan, target);
    } catch (error) {
      if (!(error instanceof Fault)) throw error;
      throw new Fault(
        error.kind,
        `driver failed programming external connectivity on endpoint ${request.containerName} (${endpoint.endpointId}): ${error.message}`,
        { cause: error },
      );
    }
  }

  /** After a running container's networks have changed: its default routes, ports and names follow. */
  async #reroute(request: EndpointRequest, netnsPath: string, before: readonly Joined[]): Promise<void> {
    const { rules, dns } = this.#deps;
    const { containerId } = request;
    const old = forwardsOf(before.map(({ endpoint }) => endpoint));
    const joined = this.#joined(containerId);
    await this.#setRoutes(netnsPath, joined);
    await this.#movePorts(
      request,
      joined,
      old.ports,
      before.some(({ endpoint }) => endpoint.hasLatePorts),
    );
    const now = forwardsOf(this.#joined(containerId).map(({ endpoint }) => endpoint));
    if (JSON.stringify(old) !== JSON.stringify(now)) {
      await rules.forward("delete", old);
      await rules.forward("add", now);
      await this.#forgetFlows(
        udpPorts({ ...now, ports: { ...old.ports, ...now.ports } }).map((port) => ({ port })),
      );
    }
    const client = this.#client(containerId);
    if (client === undefined) dns.close(containerId);
    else if (dns.has(containerId)) dns.update(client);
    else await dns.open({ ...client, netnsPath });
  }

  /** Ports stay the container's while it lives; they lead to wherever its default routes come from. */
  async #movePorts(
    request: EndpointRequest,
    joined: readonly Joined[],
    held: Endpoint["ports"],
    wasLate: boolean | undefined,
  ): Promise<void> {
    const { containerId } = request;
    const { four, six } = gatewaysOf(joined.map(({ endpoint }) => endpoint));
    const main = four ?? six;
    if (main === undefined) {
      const [first] = joined;
      if (first !== undefined) this.#showPorts(containerId, first.endpoint, held, wasLate ?? false);
      return;
    }
    const isBound = Object.values(held).some((bindings) => bindings !== null);
    if (isBound) return this.#showPorts(containerId, main, held, wasLate ?? false);
    await using undo = new AsyncDisposableStack();
    const { handles, ports } = await this.#publishPorts(request, undo);
    undo.move();
    if (handles.length === 0) return;
    this.#showPorts(containerId, main, ports, true);
    const holdings = this.#holdings.get(containerId) ?? { handles: [] };
    this.#holdings.set(containerId, { ...holdings, handles: [...holdings.handles, ...handles] });
  }

  async #ensureReady(network: LiveNetwork): Promise<void> {
    const { rules, sandboxes } = this.#deps;
    await Promise.all([network.ensureBridge(), rules.ensure()]);
    if (network.record.name === "bridge") sandboxes.poolFrom(network);
  }

  /** Ports and names are other containers' and the world's to use when it resolves. */
  async #announce(containerId: string, endpoints: readonly Endpoint[], netnsPath: string): Promise<void> {
    const { rules, dns } = this.#deps;
    const client = this.#client(containerId);
    const opened = client && dns.open({ ...client, netnsPath });
    const forwards = forwardsOf(endpoints);
    const results = await Promise.allSettled([rules.forward("add", forwards), opened]);
    for (const result of results) if (result.status === "rejected") throw result.reason;
    await this.#forgetFlows(udpPorts(forwards).map((port) => ({ port })));
  }

  /** The kernel goes on with a flow as it began it, whatever the rules say by now. */
  async #forgetFlows(flows: readonly Parameters<KernelHelper["forgetFlows"]>[0][]): Promise<void> {
    const { kernel, log } = this.#deps;
    for (const flow of flows)
      await kernel.forgetFlows(flow).catch((error: unknown) => {
        log.debug("old flows go on until they time out", { reason: messageOf(error) });
      });
  }

  /** Undoes {@link #announce}. Does not fail: whatever the kernel keeps in spite of us goes with the next {@link settle}. */
  async #withdraw(containerId: string, endpoints: readonly Endpoint[]): Promise<void> {
    const { rules, dns, log } = this.#deps;
    this.#ports.forget(containerId);
    dns.close(containerId);
    const forwards = forwardsOf(endpoints);
    try {
      await rules.forward("delete", forwards);
    } catch (error) {
      log.error("published ports cannot be withdrawn", { container: containerId, reason: messageOf(error) });
    }
    if (udpPorts(forwards).length === 0) return;
    const addresses = [forwards.address, forwards.address6].filter((address) => address !== "");
    await this.#forgetFlows(addresses.map((address) => ({ address })));
  }

  /** The bridge as it should be, with its containers on it: they lose it when somebody deletes it. */
  async repair(network: LiveNetwork): Promise<void> {
    const { bridge } = network.record;
    await network.repairBridge();
    for (const attachment of network.attached.values()) {
      const port = attachment?.endpoint.hostInterface;
      if (port === undefined || !hasLink(port) || isPortOf(bridge, port)) continue;
      try {
        await attachPort(bridge, port);
        configurePort(network, port);
      } catch (error) {
        this.#deps.log.warn("container cannot be joined to its bridge again", {
          port,
          reason: messageOf(error),
        });
      }
    }
  }

  /** Of a container that outlived a daemon: names, and ports that only that daemon held. */
  async #resume(containerId: string, netnsPath: string, wasRewired: boolean | undefined): Promise<void> {
    const { dns, log, kernel } = this.#deps;
    if (wasRewired) await this.#rewire(containerId, netnsPath);
    const client = this.#client(containerId);
    if (client !== undefined && !dns.has(containerId)) {
      try {
        await dns.open({ ...client, netnsPath });
      } catch (error) {
        log.warn("container is without name resolution", {
          container: containerId,
          reason: messageOf(error),
        });
      }
    }
    const late = this.#joined(containerId).find(({ endpoint }) => endpoint.hasLatePorts);
    const holdings = this.#holdings.get(containerId);
    if (late === undefined || holdings === undefined || holdings.handles.length > 0) return;
    const handles: Handle[] = [];
    for (const [key, bindings] of Object.entries(late.endpoint.ports))
      for (const { HostIp, HostPort } of bindings ?? []) {
        const protocol = (key.split("/")[1] ?? "tcp") as "tcp" | "udp" | "sctp";
        try {
          handles.push((await kernel.bindPort({ protocol, address: HostIp, port: Number(HostPort) })).handle);
        } catch (error) {
          log.warn("published port was taken meanwhile", { container: containerId, port: HostPort, error });
        }
      }
    this.#holdings.set(containerId, { ...holdings, handles });
  }

  /** Undoes what a killed daemon had done of a connect or disconnect that nobody was told of. */
  async #rewire(containerId: string, netnsPath: string): Promise<void> {
    const { sandboxes, log } = this.#deps;
    const joined = this.#joined(containerId);
    const { wasRewired: _, ...holdings } = this.#holdings.get(containerId) ?? { handles: [] };
    this.#holdings.set(containerId, holdings);
    try {
      for (const { network, endpoint } of joined)
        if (endpoint.hostInterface === undefined || !hasLink(endpoint.hostInterface))
          await sandboxes.restore(netnsPath, network, placeOf(endpoint)).catch((error: unknown) => {
            log.debug("interface is there already", { container: containerId, reason: messageOf(error) });
          });
      await this.#setRoutes(netnsPath, joined);
    } catch (error) {
      log.warn("container may have lost a network", { container: containerId, reason: messageOf(error) });
    }
  }

  #publish(record: NetworkRecord, action: "connect" | "disconnect", container: string): void {
    const { name, driver } = record;
    this.#deps.events.publish("network", action, record.id, { container, name, type: driver });
  }

  #client(containerId: string) {
    return resolverClient(containerId, this.#joined(containerId), this.#deps.readResolvConf);
  }
}

/** Numbers of the host's. */
function udpPorts({ ports }: Forwards): readonly number[] {
  const bindings = Object.entries(ports).filter(([key]) => key.endsWith("/udp"));
  return [...new Set(bindings.flatMap(([, list]) => (list ?? []).map(({ HostPort }) => Number(HostPort))))];
}

function nameOf({ interfaceName = "eth0" }: Endpoint): string {
  return interfaceName;
}

/** `eth0`, `eth1`, …: the first that no other has. */
function freeName(others: readonly Endpoint[]): string {
  const taken = new Set(others.map(nameOf));
  for (let number = 0; ; number++) if (!taken.has(`eth${number}`)) return `eth${number}`;
}

function placeOf(endpoint: Endpoint): Place {
  const address = findAddress(endpoint.address);
  const address6 = findAddress6(endpoint.address6 ?? "");
  return {
    ...(address !== undefined && { address }),
    ...(address6 !== undefined && { address6 }),
    mac: endpoint.mac,
    hostName: endpoint.hostInterface ?? "",
    name: nameOf(endpoint),
  };
}

function checkForCreate(wanted: WantedNetwork, network: LiveNetwork): AskedPlace {
  try {
    return checkSettings(wanted, network);
  } catch (error) {
    if (!(error instanceof Fault)) throw error;
    throw new Fault(error.kind, `invalid config for network ${wanted.ref}: ${error.message}`);
  }
}

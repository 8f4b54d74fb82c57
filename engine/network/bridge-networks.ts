import { Fault, messageOf } from "#base/fault.ts";
import type { Log } from "#base/log.ts";
import type { EventSink } from "#engine/events/events.ts";
import type { Handle, KernelHelper } from "#engine/supervise/kernel-helper.ts";
import { attachPort, hasBridge, hasLink, isPortOf, removeBridge } from "#host/link/bridge.ts";
import { findAddress } from "./cidr.ts";
import type { DnsThread } from "./dns/dns-thread.ts";
import type { ResolverEndpoint } from "./dns/resolver.ts";
import { bareEndpoint, checkSettings, endpointOn, renamed } from "./endpoint.ts";
import { HostPorts } from "./host-ports.ts";
import type { KernelRules } from "./kernel-rules.ts";
import { letGo } from "./let-go.ts";
import type { Attachment, LiveNetwork } from "./live-network.ts";
import type { NetworkTable } from "./network-table.ts";
import type { Endpoint, EndpointRequest, NetworkRecord, Networks, Sandbox } from "./networks.ts";
import { predefinedNames } from "./plan-network.ts";
import { planPorts } from "./port-plan.ts";
import {
  bridgeResolvConf,
  embeddedResolvConf,
  forwardServers,
  hostResolvConf,
  parseResolvConf,
  type ResolverOptions,
} from "./resolv-conf.ts";
import type { ReadyPool } from "./pool.ts";
import { configurePort, type Sandboxes } from "./sandboxes.ts";
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
  readonly events: EventSink;
  readonly log: Log;
  /** Text of the host's resolv.conf as it is now. */
  readonly readResolvConf: () => string;
}

/** Networks made of Linux bridges and veth pairs, beside the host's own network and none at all. */
export class BridgeNetworks implements Networks {
  readonly #deps: BridgeNetworksDeps;
  readonly #ports: HostPorts;

  constructor(deps: BridgeNetworksDeps) {
    this.#deps = deps;
    this.#ports = new HostPorts(deps.kernel);
  }

  check(request: EndpointRequest): void {
    const network = this.#deps.table.findLive(this.#deps.table.byMode(request.mode).id);
    if (network === undefined) return;
    checkSettings(request, network);
    planPorts(request);
  }

  async acquire(request: EndpointRequest, signal: AbortSignal): Promise<Sandbox> {
    signal.throwIfAborted();
    const { table } = this.#deps;
    const record = table.byMode(request.mode);
    const network = table.findLive(record.id);
    if (table.findMembership(request.containerId) !== undefined)
      throw new Fault("conflict", `container ${request.containerId} is in a network already`);
    const sandbox = await (network === undefined
      ? this.#acquireBare(record, request)
      : this.#acquireOn(network, request, signal));
    this.#publish(record, "connect", request.containerId);
    return sandbox;
  }

  async release(containerId: string): Promise<void> {
    const { table, kernel } = this.#deps;
    const place = table.findMembership(containerId);
    if (place === undefined) return;
    const { record, network, attachment } = place;
    if (network === undefined) table.removeBare(record.id, containerId);
    else network.attached.delete(containerId);
    this.#publish(record, "disconnect", containerId);
    if (network !== undefined) await this.#withdraw(containerId, attachment.endpoint);
    await letGo(kernel, attachment.handles);
    const { hostInterface } = attachment.endpoint;
    if (hostInterface !== undefined) this.#deps.sweeper.giveUp(hostInterface);
    network?.addresses.release(findAddress(attachment.endpoint.address) ?? 0);
  }

  adopt(containerId: string, endpoint: Endpoint, netnsPath?: string): void {
    const { table, log } = this.#deps;
    const network = table.findLive(endpoint.networkId);
    if (network === undefined) {
      table.putBare(endpoint.networkId, containerId, { endpoint, handles: [] });
      return;
    }
    if (!network.addresses.adopt(findAddress(endpoint.address) ?? 0))
      log.warn("adopted address is not the network's to give", {
        container: containerId,
        address: endpoint.address,
      });
    this.#ports.adopt(containerId, endpoint.ports);
    const known = netnsPath !== undefined && { netnsPath };
    network.attached.set(containerId, { endpoint, handles: [], ...known });
  }

  async settle(): Promise<void> {
    const { table, rules } = this.#deps;
    const used = table.live.filter((network) => network.attached.size > 0);
    // A bridge of ours means that an earlier daemon wrote rules, with ports in them that may be nobody's by now.
    const isFresh = !rules.isWritten && !table.live.some((network) => hasBridge(network.record.bridge));
    if (used.length === 0 && isFresh) return;
    await Promise.all(used.map((network) => this.#repair(network)));
    await rules.write();
    const reopened = used.flatMap((network) =>
      [...network.attached.values()].map((attachment) => this.#reopenDns(network, attachment)),
    );
    await Promise.all(reopened);
  }

  rename(containerId: string, name: string): Endpoint | undefined {
    const { table, dns } = this.#deps;
    const place = table.findMembership(containerId);
    if (place === undefined) return undefined;
    const { record, network, attachment } = place;
    const endpoint = renamed(attachment.endpoint, name);
    if (network === undefined) table.putBare(record.id, containerId, { ...attachment, endpoint });
    else network.attached.set(containerId, { ...attachment, endpoint });
    dns.rename(endpoint.endpointId, endpoint.dnsNames);
    return endpoint;
  }

  resolvConf(endpoint: Endpoint, options: ResolverOptions): string {
    const text = this.#deps.readResolvConf();
    if (endpoint.networkName === "host") return hostResolvConf(text, options);
    const host = parseResolvConf(text);
    return predefinedNames.includes(endpoint.networkName)
      ? bridgeResolvConf(host, options)
      : embeddedResolvConf(host, options);
  }

  /** Takes bridges and rules out of the kernel if no container uses them; what starts next makes them again. */
  async dismantle(): Promise<void> {
    const { table, rules } = this.#deps;
    if (table.live.some((network) => network.attached.size > 0)) return;
    for (const { record } of table.live) if (hasBridge(record.bridge)) await removeBridge(record.bridge);
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

  async #acquireBare(record: NetworkRecord, request: EndpointRequest): Promise<Sandbox> {
    const { table, kernel, bareSandboxes } = this.#deps;
    const endpoint = bareEndpoint(record, request);
    if (record.driver === "host") {
      table.putBare(record.id, request.containerId, { endpoint, handles: [] });
      return { endpoint, portHandles: [] };
    }
    const { owner } = request;
    const ready = owner === undefined ? bareSandboxes.take() : undefined;
    const netns = ready ?? (await kernel.createSandbox(undefined, owner));
    table.putBare(record.id, request.containerId, { endpoint, handles: [netns] });
    return { endpoint, netns, portHandles: [] };
  }

  async #acquireOn(network: LiveNetwork, request: EndpointRequest, signal: AbortSignal): Promise<Sandbox> {
    const { kernel, sandboxes } = this.#deps;
    const { containerId } = request;
    const { record, attached, addresses } = network;
    const asked = checkSettings(request, network);
    const plan = planPorts(request, network.options.hostBinding);
    if (network.isRemoved) throw new Fault("not-found", `network ${record.name} not found`);
    await using undo = new AsyncDisposableStack();
    attached.set(containerId, undefined);
    undo.defer(() => void attached.delete(containerId));
    await this.#ensureReady(network);
    signal.throwIfAborted();
    if (asked.address !== undefined && !addresses.claim(asked.address))
      throw new Fault("forbidden", "Address already in use");
    const { owner } = request;
    const place = await sandboxes.take(network, owner === undefined ? asked : { ...asked, owner });
    undo.defer(() => sandboxes.giveBack(network, place));
    const bare = endpointOn(network, request, place);
    // Nothing leads into an internal network, so nothing is published there.
    const wanted = record.isInternal ? { ...plan, wanted: [] } : plan;
    const bound = await this.#bind(request, wanted, bare);
    const endpoint = { ...bare, ports: bound.ports };
    undo.defer(async () => {
      attached.set(containerId, undefined);
      await this.#withdraw(containerId, endpoint);
      await letGo(kernel, bound.handles);
    });
    attached.set(containerId, { endpoint, handles: [place.handle, ...bound.handles] });
    await this.#announce(network, endpoint, kernel.pathOf(place.handle));
    signal.throwIfAborted();
    undo.move();
    return { endpoint, netns: place.handle, portHandles: bound.handles };
  }

  async #bind(request: EndpointRequest, plan: Parameters<HostPorts["bind"]>[1], endpoint: Endpoint) {
    try {
      return await this.#ports.bind(request.containerId, plan, endpoint.address);
    } catch (error) {
      if (!(error instanceof Fault)) throw error;
      throw new Fault(
        error.kind,
        `driver failed programming external connectivity on endpoint ${request.containerName} (${endpoint.endpointId}): ${error.message}`,
        { cause: error },
      );
    }
  }

  async #ensureReady(network: LiveNetwork): Promise<void> {
    const { rules, sandboxes } = this.#deps;
    await Promise.all([network.ensureBridge(), rules.ensure()]);
    if (network.record.name === "bridge") sandboxes.poolFrom(network);
  }

  /** Ports and names are other containers' and the world's to use when it resolves. */
  async #announce(network: LiveNetwork, endpoint: Endpoint, netnsPath: string): Promise<void> {
    const { rules, dns } = this.#deps;
    const opened = isEmbedded(network)
      ? dns.open(this.#resolverEndpoint(network, endpoint, netnsPath))
      : undefined;
    const results = await Promise.allSettled([rules.forward("add", endpoint), opened]);
    for (const result of results) if (result.status === "rejected") throw result.reason;
  }

  /** Undoes {@link #announce}. Does not fail: whatever the kernel keeps in spite of us goes with the next {@link settle}. */
  async #withdraw(containerId: string, endpoint: Endpoint): Promise<void> {
    const { rules, dns, log } = this.#deps;
    this.#ports.forget(containerId);
    dns.close(endpoint.endpointId);
    try {
      await rules.forward("delete", endpoint);
    } catch (error) {
      log.error("published ports cannot be withdrawn", { container: containerId, reason: messageOf(error) });
    }
  }

  /** The bridge as it should be, with its containers on it: they lose it when somebody deletes it. */
  async #repair(network: LiveNetwork): Promise<void> {
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

  async #reopenDns(network: LiveNetwork, attachment: Attachment | undefined): Promise<void> {
    const { dns, log } = this.#deps;
    const path = attachment?.netnsPath;
    if (attachment === undefined || path === undefined || !isEmbedded(network)) return;
    if (dns.has(attachment.endpoint.endpointId)) return;
    try {
      await dns.open(this.#resolverEndpoint(network, attachment.endpoint, path));
    } catch (error) {
      log.warn("container is without name resolution", {
        endpoint: attachment.endpoint.endpointId,
        reason: messageOf(error),
      });
    }
  }

  #resolverEndpoint(network: LiveNetwork, endpoint: Endpoint, netnsPath: string): ResolverEndpoint {
    const host = parseResolvConf(this.#deps.readResolvConf());
    return {
      entry: {
        endpointId: endpoint.endpointId,
        networkId: network.record.id,
        networkName: network.record.name,
        names: endpoint.dnsNames,
        address: endpoint.address,
      },
      netnsPath,
      isInternal: network.record.isInternal,
      upstreams: forwardServers(host, endpoint.dns ?? []),
    };
  }

  #publish(record: NetworkRecord, action: "connect" | "disconnect", container: string): void {
    const { name, driver } = record;
    this.#deps.events.publish("network", action, record.id, { container, name, type: driver });
  }
}

/** Whether containers of the network have a name server of their own. */
function isEmbedded(network: LiveNetwork): boolean {
  return network.record.name !== "bridge";
}

import { randomBytes } from "node:crypto";
import type { NetworkCreateBody } from "#api/docker/shapes.ts";
import { Fault } from "#base/fault.ts";
import type { Log } from "#base/log.ts";
import { type Clock, formatTime } from "#base/time.ts";
import type { EventSink } from "#engine/events/events.ts";
import { hasLink, removeBridge } from "#host/link/bridge.ts";
import type { Subnet } from "#base/cidr.ts";
import type { Subnet6 } from "#base/cidr6.ts";
import type { KernelRules } from "./kernel-rules.ts";
import { ensureParent, removeParent } from "./macvlan-parent.ts";
import type { NetworkRegistry } from "./network-registry.ts";
import type { NetworkTable } from "./network-table.ts";
import type { Member, NetworkManagement, NetworkRecord } from "./networks.ts";
import { planNetwork, predefinedNames } from "./plan-network.ts";

export interface AdministrationDeps {
  readonly registry: NetworkRegistry;
  readonly table: NetworkTable;
  readonly rules: KernelRules;
  readonly events: EventSink;
  readonly log: Log;
  readonly now: Clock;
  /** What the host has routes to. */
  readonly subnetsInUse: () => readonly Subnet[];
  /** Of default IPv6 subnets. */
  readonly localPrefix: Subnet6;
}

/** Makes and removes user-defined networks. A record is there before its bridge and longer than it, so none is ever orphaned. */
export class NetworkAdministration implements NetworkManagement {
  readonly #deps: AdministrationDeps;

  constructor(deps: AdministrationDeps) {
    this.#deps = deps;
  }

  list(): readonly NetworkRecord[] {
    return this.#deps.table.list();
  }

  get(ref: string): NetworkRecord {
    return this.#deps.table.get(ref);
  }

  members(networkId: string): readonly Member[] {
    return this.#deps.table.members(networkId);
  }

  async create(body: NetworkCreateBody, signal: AbortSignal): Promise<NetworkRecord> {
    signal.throwIfAborted();
    const { registry, table, rules, now, subnetsInUse } = this.#deps;
    const networks = this.list();
    const record = planNetwork(body, {
      id: randomBytes(32).toString("hex"),
      created: formatTime(now()),
      networks,
      inUse: subnetsInUse(),
      localPrefix: this.#deps.localPrefix,
    });
    if (record.bridge !== "" && hasLink(record.bridge))
      throw new Fault("conflict", `interface ${record.bridge} is there already and not this network's`);
    const network = table.enliven(record);
    await using undo = new AsyncDisposableStack();
    undo.defer(() => this.#undoCreate(record));
    await registry.add(record);
    if (network?.macvlan !== undefined) await ensureParent(record, network.macvlan);
    if (network?.hasBridge === true)
      await Promise.all([network.ensureBridge(), rules.network("add", network)]);
    signal.throwIfAborted();
    undo.move();
    this.#publish(record, "create");
    return record;
  }

  async remove(ref: string): Promise<void> {
    const record = this.get(ref);
    if (predefinedNames.includes(record.name))
      throw new Fault("forbidden", `${record.name} is a pre-defined network and cannot be removed`);
    this.#checkUnused(record);
    await this.#destroy(record);
    this.#publish(record, "destroy");
  }

  async prune(matches: (network: NetworkRecord) => boolean): Promise<readonly string[]> {
    const { table } = this.#deps;
    const removed: string[] = [];
    for (const record of this.list()) {
      if (predefinedNames.includes(record.name) || table.isUsed(record.id) || !matches(record)) continue;
      if (this.#dependentOf(record) !== undefined) continue;
      await this.#destroy(record);
      this.#publish(record, "destroy");
      removed.push(record.name);
    }
    return removed;
  }

  /** The failure that made it necessary is what the caller is told. */
  async #undoCreate(record: NetworkRecord): Promise<void> {
    try {
      await this.#destroy(record);
    } catch (error) {
      this.#deps.log.error("half-made network cannot be removed", { network: record.id, error });
    }
  }

  #dependentOf(record: NetworkRecord): NetworkRecord | undefined {
    return this.list().find(({ configFrom }) => record.isConfigOnly === true && configFrom === record.name);
  }

  #checkUnused(record: NetworkRecord): void {
    if (this.#deps.table.isUsed(record.id)) throw this.#activeEndpoints(record);
    if (this.#dependentOf(record) !== undefined)
      throw new Fault(
        "forbidden",
        `error while removing network: configuration network "${record.name}" is in use`,
      );
  }

  /** From the first line on nobody can join. When the kernel refuses, the network stays as it was. */
  async #destroy(record: NetworkRecord): Promise<void> {
    const { registry, table, rules } = this.#deps;
    const network = table.findLive(record.id);
    if (network === undefined && record.isConfigOnly === true) {
      table.forget(record.id);
      return registry.remove(record.id);
    }
    if (network === undefined || network.isRemoved)
      throw new Fault("not-found", `network ${record.name} not found`);
    network.isRemoved = true;
    try {
      await removeBridge(record.bridge);
      await removeParent(record);
      table.forget(record.id);
      await rules.network("delete", network);
      await registry.remove(record.id);
    } catch (error) {
      network.isRemoved = false;
      table.restore(network);
      throw error;
    }
  }

  #activeEndpoints(record: NetworkRecord): Fault {
    const active = this.members(record.id).map(
      ({ endpoint }) => `name:"${endpoint.dnsNames[0]}" id:"${endpoint.endpointId.slice(0, 12)}"`,
    );
    return new Fault(
      "forbidden",
      `error while removing network: network ${record.name} has active endpoints (${active.join(", ")})`,
    );
  }

  #publish(record: NetworkRecord, action: "create" | "destroy"): void {
    const { name, driver } = record;
    this.#deps.events.publish("network", action, record.id, { name, type: driver });
  }
}

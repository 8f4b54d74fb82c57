import { ensureBridge, hasBridge } from "#host/link/bridge.ts";
import type { Handle } from "#engine/supervise/kernel-helper.ts";
import { type BridgeOptions, readBridgeOptions } from "./bridge-options.ts";
import { formatAddress, formatSubnet, macOf } from "./cidr.ts";
import { AddressPool } from "./ipam.ts";
import type { Endpoint, NetworkRecord } from "./networks.ts";
import { type AddressPlan, findAddressPlan } from "./plan-network.ts";
import type { Forwards, NetworkRules } from "./ruleset.ts";

/** A container's part in a network, as long as it runs. */
export interface Attachment {
  readonly endpoint: Endpoint;
  /** What the spawner holds for it until the shim takes it over. */
  readonly handles: readonly Handle[];
  /** Its `/proc/…/ns/net` or the like, where it is known. */
  readonly netnsPath?: string;
}

/** A bridge network at work: who has which address, and the bridge in the kernel. */
export class LiveNetwork {
  readonly record: NetworkRecord;
  readonly plan: AddressPlan;
  readonly addresses: AddressPool;
  /** By container ID; undefined while a container is on its way in. A network is in use while there is any. */
  readonly attached = new Map<string, Attachment | undefined>();
  readonly options: BridgeOptions;
  /** Nobody can join any more. */
  isRemoved = false;
  #bridge: Promise<void> | undefined;
  #making: Promise<void> | undefined;

  constructor(record: NetworkRecord, plan: AddressPlan) {
    this.record = record;
    this.plan = plan;
    this.options = readBridgeOptions(record.options);
    this.addresses = new AddressPool(plan.subnet, plan.reserved, plan.range);
  }

  /** Undefined for networks without a bridge. */
  static of(record: NetworkRecord): LiveNetwork | undefined {
    const plan = record.driver === "bridge" ? findAddressPlan(record) : undefined;
    return plan === undefined ? undefined : new LiveNetwork(record, plan);
  }

  /** What containers have as their gateway: internal networks lead nowhere. */
  get gateway(): string {
    return this.record.isInternal ? "" : formatAddress(this.plan.gateway);
  }

  get rules(): NetworkRules {
    return {
      bridge: this.record.bridge,
      subnet: formatSubnet(this.plan.subnet),
      isInternal: this.record.isInternal,
      isConnected: this.options.isConnected,
      isMasqueraded: this.options.isMasqueraded,
    };
  }

  get forwards(): readonly Forwards[] {
    return [...this.attached.values()].flatMap((attachment) =>
      attachment === undefined ? [] : [attachment.endpoint],
    );
  }

  /** The bridge is up when it resolves. Looks with one stat when it was so before; concurrent callers share the work. */
  ensureBridge(): Promise<void> {
    if (this.#bridge === undefined || !hasBridge(this.record.bridge)) this.#bridge = this.#makeBridge();
    return this.#bridge;
  }

  /** Looks at the whole of it again, not only whether it is there. */
  repairBridge(): Promise<void> {
    this.#bridge = this.#makeBridge();
    return this.#bridge;
  }

  #makeBridge(): Promise<void> {
    const { plan, record, options } = this;
    this.#making ??= ensureBridge({
      name: record.bridge,
      cidr: `${formatAddress(plan.gateway)}/${plan.subnet.prefix}`,
      subnet: plan.subnet,
      mac: macOf(plan.gateway),
      mtu: options.mtu,
    }).finally(() => {
      this.#making = undefined;
    });
    return this.#making;
  }
}

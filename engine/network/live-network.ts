import { createHash } from "node:crypto";
import { ensureBridge, hasBridge } from "#host/link/bridge.ts";
import type { Handle } from "#engine/supervise/kernel-helper.ts";
import { type BridgeOptions, readBridgeOptions } from "./bridge-options.ts";
import { formatAddress, formatSubnet, macOf } from "#base/cidr.ts";
import { formatAddress6, formatSubnet6 } from "#base/cidr6.ts";
import { AddressPool } from "./ipam.ts";
import { AddressPool6 } from "./ipam6.ts";
import { type MacvlanOptions, readMacvlanOptions } from "./macvlan-options.ts";
import type { Endpoint, NetworkRecord } from "./networks.ts";
import { type AddressPlan, type AddressPlan6, findAddressPlan, findAddressPlan6 } from "./plan-ipam.ts";
import type { NetworkRules } from "./ruleset.ts";

/** A container's part in a network, as long as it runs. */
export interface Attachment {
  readonly endpoint: Endpoint;
}

/** A network at work: who has which address, and the bridge in the kernel where it has one. */
export class LiveNetwork {
  readonly record: NetworkRecord;
  readonly plan: AddressPlan | undefined;
  readonly plan6: AddressPlan6 | undefined;
  readonly addresses: AddressPool | undefined;
  readonly addresses6: AddressPool6 | undefined;
  /** By container ID; undefined while a container is on its way in. A network is in use while there is any. */
  readonly attached = new Map<string, Attachment | undefined>();
  readonly options: BridgeOptions;
  /** Undefined for bridge networks. */
  readonly macvlan: MacvlanOptions | undefined;
  /** Nobody can join any more. */
  isRemoved = false;
  #bridge: Promise<void> | undefined;
  #making: Promise<void> | undefined;

  constructor(record: NetworkRecord) {
    this.record = record;
    this.macvlan = record.driver === "macvlan" ? readMacvlanOptions(record.options) : undefined;
    this.options = readBridgeOptions(this.macvlan === undefined ? record.options : {});
    this.plan = findAddressPlan(record);
    this.plan6 = findAddressPlan6(record);
    const { plan, plan6 } = this;
    // Without an address of the host's on the bridge, and without a gateway, nobody but containers uses the subnet.
    const isFree = (mode: string) => record.isInternal && mode === "isolated";
    this.addresses =
      plan &&
      new AddressPool(
        plan.subnet,
        isFree(this.options.gatewayMode) ? plan.reserved.slice(1) : plan.reserved,
        plan.range,
      );
    this.addresses6 =
      plan6 &&
      new AddressPool6(
        plan6.subnet,
        isFree(this.options.gatewayMode6) ? plan6.reserved.slice(1) : plan6.reserved,
        plan6.range,
      );
  }

  /** Undefined for networks without addresses. */
  static of(record: NetworkRecord): LiveNetwork | undefined {
    const isOurs = record.driver === "bridge" || record.driver === "macvlan";
    return isOurs && record.ipam.config.length > 0 ? new LiveNetwork(record) : undefined;
  }

  /** Whether containers of the network have a name server of their own. */
  get isEmbedded(): boolean {
    return this.record.name !== "bridge";
  }

  /** Made of veth pairs and rules of ours. */
  get hasBridge(): boolean {
    return this.macvlan === undefined;
  }

  /** What containers have as their gateway: internal networks lead nowhere, nor does a wire of one's own. */
  get gateway(): string {
    return this.plan === undefined || this.#leadsNowhere ? "" : formatAddress(this.plan.gateway);
  }

  get gateway6(): string {
    return this.plan6 === undefined || this.#leadsNowhere ? "" : formatAddress6(this.plan6.gateway);
  }

  get #leadsNowhere(): boolean {
    return this.record.isInternal || this.macvlan?.parent === "";
  }

  get rules(): NetworkRules {
    const { record, options, plan, plan6 } = this;
    return {
      bridge: record.bridge,
      subnet: plan === undefined ? "" : formatSubnet(plan.subnet),
      subnet6: plan6 === undefined ? "" : formatSubnet6(plan6.subnet),
      isInternal: record.isInternal,
      isConnected: options.isConnected,
      isMasqueraded: options.isMasqueraded && !isRouted(options.gatewayMode),
      isMasqueraded6: options.isMasqueraded && !isRouted(options.gatewayMode6),
      isOpen: options.gatewayMode === "nat-unprotected",
      isOpen6: options.gatewayMode6 === "nat-unprotected",
    };
  }

  /** The MAC of an interface with the address. */
  macOf(address: number | undefined, address6: bigint | undefined): string {
    if (address !== undefined) return macOf(address);
    const digest = createHash("sha256").update(`${this.record.id}/${address6}`).digest("hex");
    return `02:42:${digest.slice(0, 8).replace(/(..)(?=.)/g, "$1:")}`;
  }

  /** The bridge is up when it resolves. Looks with one stat when it was so before; concurrent callers share the work. */
  ensureBridge(): Promise<void> {
    if (!this.hasBridge) return Promise.resolve();
    if (this.#bridge === undefined || !hasBridge(this.record.bridge)) this.#bridge = this.#makeBridge();
    return this.#bridge;
  }

  /** Looks at the whole of it again, not only whether it is there. */
  repairBridge(): Promise<void> {
    if (!this.hasBridge) return Promise.resolve();
    this.#bridge = this.#makeBridge();
    return this.#bridge;
  }

  #makeBridge(): Promise<void> {
    const { plan, plan6, record, options } = this;
    const isFour = plan !== undefined && options.gatewayMode !== "isolated" && !options.isAddressless;
    const isSix = plan6 !== undefined && options.gatewayMode6 !== "isolated";
    this.#making ??= ensureBridge({
      name: record.bridge,
      ...(isFour && { cidr: `${formatAddress(plan.gateway)}/${plan.subnet.prefix}`, subnet: plan.subnet }),
      ...(isSix && { cidr6: `${formatAddress6(plan6.gateway)}/${plan6.subnet.prefix}` }),
      mac: this.macOf(plan?.gateway, plan6?.gateway),
      mtu: options.mtu,
      answersForPorts: options.routesWithin,
    }).finally(() => {
      this.#making = undefined;
    });
    return this.#making;
  }
}

/** The world sees containers by their own addresses, and sends to them. */
export function isRouted(mode: BridgeOptions["gatewayMode"]): boolean {
  return mode === "routed";
}

/** What a running container holds, whatever networks it is in. */
export interface Holdings {
  /** Of the spawner, until the shim takes them over; those of late ports stay there. */
  readonly handles: readonly Handle[];
  /** Its `/proc/…/ns/net` or the like, where it is known. */
  readonly netnsPath?: string;
  /** Its interfaces may not be what its endpoints say. */
  readonly wasRewired?: boolean;
}

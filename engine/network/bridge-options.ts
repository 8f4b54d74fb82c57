import { Fault } from "#base/fault.ts";
import { findBool } from "#base/go-bool.ts";
import { findAddress } from "#base/cidr.ts";

/** What the driver options of a bridge network say. */
export interface BridgeOptions {
  /** Empty when it was not chosen. */
  readonly bridgeName: string;
  readonly isConnected: boolean;
  readonly isMasqueraded: boolean;
  /** Address for bindings without one of their own; empty for all. */
  readonly hostBinding: string;
  readonly mtu: number;
  readonly gatewayMode: GatewayMode;
  readonly gatewayMode6: GatewayMode;
  /**
   * Containers reach each other by the host alone, whose rules see all of their packets, unless they see bridged frames anyway
   * (br_netfilter). Not an option of Docker's.
   */
  readonly routesWithin: boolean;
  /** The host has no IPv4 address on the bridge. */
  readonly isAddressless: boolean;
}

/**
 * `nat`: the world sees the host's address. `routed`: it sees the containers' own, and reaches their published ports by them.
 * `isolated`: the host has no address on the bridge, so there is no way to it either. The others loosen what `nat` and `routed`
 * let in: `nat-unprotected` all ports.
 */
export type GatewayMode = "nat" | "nat-unprotected" | "routed" | "isolated";

export const routesWithinOption = "gantry.network.bridge.route_within";
const prefix = "com.docker.network";
const defaultMtu = 1500;
const gatewayModes: readonly GatewayMode[] = ["nat", "nat-unprotected", "routed", "isolated"];

/** Options that it does not know are left alone, as Docker leaves them. @throws {Fault} `invalid` for values that make no sense */
export function readBridgeOptions(options: Readonly<Record<string, string>>): BridgeOptions {
  const text = (key: string) => options[`${prefix}.${key}`] ?? "";
  const flag = (key: string, byDefault = true) => {
    const value = text(key) === "" ? byDefault : findBool(text(key));
    if (value === undefined)
      throw unparsable(key, text(key), `strconv.ParseBool: parsing "${text(key)}": invalid syntax`);
    return value;
  };
  const mode = (key: string): GatewayMode => {
    const value = text(key) === "" ? "nat" : text(key);
    const known = gatewayModes.find((candidate) => candidate === value);
    if (known === undefined) throw unparsable(key, value, `unknown gateway mode ${value}`);
    return known;
  };
  const bridgeName = text("bridge.name");
  if (bridgeName !== "" && !/^[a-zA-Z0-9_][a-zA-Z0-9_.-]{0,14}$/.test(bridgeName))
    throw invalid("bridge.name", bridgeName);
  const hostBinding = text("bridge.host_binding_ipv4");
  if (hostBinding !== "" && findAddress(hostBinding) === undefined)
    throw unparsable("bridge.host_binding_ipv4", hostBinding, "nil ip");
  const mtuText = text("driver.mtu");
  const mtu = mtuText === "" || mtuText === "0" ? defaultMtu : Number(mtuText);
  if (!/^-?\d{0,9}$/.test(mtuText))
    throw unparsable("driver.mtu", mtuText, `strconv.Atoi: parsing "${mtuText}": invalid syntax`);
  if (mtu < 68 || mtu > 65535) throw new Fault("invalid", `invalid MTU number: ${mtu}`);
  return {
    bridgeName,
    isConnected: flag("bridge.enable_icc"),
    isMasqueraded: flag("bridge.enable_ip_masquerade"),
    hostBinding: hostBinding === "0.0.0.0" ? "" : hostBinding,
    mtu,
    gatewayMode: mode("bridge.gateway_mode_ipv4"),
    gatewayMode6: mode("bridge.gateway_mode_ipv6"),
    routesWithin: options[routesWithinOption] === "true",
    isAddressless: flag("bridge.inhibit_ipv4", false),
  };
}

function unparsable(key: string, value: string, reason: string): Fault {
  return new Fault("invalid", `failed to parse ${prefix}.${key} value: ${value} (${reason})`);
}

function invalid(key: string, value: string): Fault {
  return new Fault("invalid", `invalid value for ${prefix}.${key}: ${JSON.stringify(value)}`);
}

import { Fault } from "#base/fault.ts";
import { findAddress } from "./cidr.ts";

/** What the driver options of a bridge network say. */
export interface BridgeOptions {
  /** Empty when it was not chosen. */
  readonly bridgeName: string;
  readonly isConnected: boolean;
  readonly isMasqueraded: boolean;
  /** Address for bindings without one of their own; empty for all. */
  readonly hostBinding: string;
  readonly mtu: number;
}

const prefix = "com.docker.network";
const defaultMtu = 1500;
const flags: Readonly<Record<string, boolean>> = {
  ...Object.fromEntries(["1", "t", "T", "TRUE", "true", "True"].map((text) => [text, true])),
  ...Object.fromEntries(["0", "f", "F", "FALSE", "false", "False"].map((text) => [text, false])),
};

/** Options that it does not know are left alone, as Docker leaves them. @throws {Fault} `invalid` for values that make no sense */
export function readBridgeOptions(options: Readonly<Record<string, string>>): BridgeOptions {
  const text = (key: string) => options[`${prefix}.${key}`] ?? "";
  const flag = (key: string) => {
    const value = text(key) === "" ? true : flags[text(key)];
    if (value === undefined) throw invalid(key, text(key));
    return value;
  };
  const bridgeName = text("bridge.name");
  if (bridgeName !== "" && !/^[a-zA-Z0-9_][a-zA-Z0-9_.-]{0,14}$/.test(bridgeName))
    throw invalid("bridge.name", bridgeName);
  const hostBinding = text("bridge.host_binding_ipv4");
  if (hostBinding !== "" && findAddress(hostBinding) === undefined)
    throw invalid("bridge.host_binding_ipv4", hostBinding);
  const mtuText = text("driver.mtu");
  const mtu = mtuText === "" || mtuText === "0" ? defaultMtu : Number(mtuText);
  if (!/^\d{0,5}$/.test(mtuText) || mtu < 68 || mtu > 65535) throw invalid("driver.mtu", mtuText);
  return {
    bridgeName,
    isConnected: flag("bridge.enable_icc"),
    isMasqueraded: flag("bridge.enable_ip_masquerade"),
    hostBinding: hostBinding === "0.0.0.0" ? "" : hostBinding,
    mtu,
  };
}

function invalid(key: string, value: string): Fault {
  return new Fault("invalid", `invalid value for ${prefix}.${key}: ${JSON.stringify(value)}`);
}

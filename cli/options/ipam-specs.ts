import { Fault } from "#base/fault.ts";
import { keyValues } from "./environment.ts";

interface IpamValues {
  readonly subnet: readonly string[];
  readonly gateway: readonly string[];
  readonly "ip-range": readonly string[];
  readonly "aux-address": readonly string[];
}

interface Pool {
  Subnet: string;
  IPRange?: string;
  Gateway?: string;
  AuxiliaryAddresses?: Record<string, string>;
}

/** Puts ranges, gateways and addresses to the subnets they are of. @throws {Fault} `invalid` with Docker's texts */
export function planIpam(values: IpamValues): readonly Pool[] {
  if (values.subnet.length < values["ip-range"].length || values.subnet.length < values.gateway.length)
    throw new Fault("invalid", "every ip-range or gateway must have a corresponding subnet");
  const pools: Pool[] = values.subnet.map((Subnet) => ({ Subnet }));
  for (const range of values["ip-range"]) {
    const pool = poolOf(pools, range.split("/")[0] ?? "", `no matching subnet for range ${range}`);
    if (pool.IPRange !== undefined)
      throw new Fault(
        "invalid",
        `cannot configure multiple ranges (${range}, ${pool.IPRange}) on the same subnet (${pool.Subnet})`,
      );
    pool.IPRange = range;
  }
  for (const gateway of values.gateway) {
    const pool = poolOf(pools, gateway, `no matching subnet for gateway ${gateway}`);
    if (pool.Gateway !== undefined)
      throw new Fault(
        "invalid",
        `cannot configure multiple gateways (${gateway}, ${pool.Gateway}) for the same subnet (${pool.Subnet})`,
      );
    pool.Gateway = gateway;
  }
  for (const [name, address] of Object.entries(keyValues(values["aux-address"]))) {
    const pool = poolOf(pools, address, `no matching subnet for aux-address ${address}`);
    pool.AuxiliaryAddresses = { ...pool.AuxiliaryAddresses, [name]: address };
  }
  return pools;
}

function poolOf(pools: readonly Pool[], address: string, message: string): Pool {
  const found = pools.find(({ Subnet }) => contains(Subnet, address));
  if (found === undefined) throw new Fault("invalid", message);
  return found;
}

function contains(subnet: string, address: string): boolean {
  const [network = "", prefix = ""] = subnet.split("/");
  const [a, b] = [toBits(network), toBits(address)];
  return (
    a !== undefined &&
    b !== undefined &&
    a.length === b.length &&
    a.slice(0, Number(prefix)) === b.slice(0, Number(prefix))
  );
}

function toBits(address: string): string | undefined {
  if (/^\d+\.\d+\.\d+\.\d+$/.test(address))
    return address
      .split(".")
      .map((part) => Number(part).toString(2).padStart(8, "0"))
      .join("");
  if (!address.includes(":")) return undefined;
  const [head = "", tail] = address.split("::");
  const left = head === "" ? [] : head.split(":");
  const right = tail === undefined || tail === "" ? [] : tail.split(":");
  const zeros = Array.from({ length: 8 - left.length - right.length }, () => "0");
  return [...left, ...zeros, ...right]
    .map((part) => Number.parseInt(part, 16).toString(2).padStart(16, "0"))
    .join("");
}

import { isIP } from "node:net";
import type { PortMap } from "#api/docker/container.ts";
import { type PortRange, type Protocol, parseHostPort, parsePort } from "#api/docker/ports.ts";
import { Fault } from "#base/fault.ts";

/** One host port to bind for a container's port. */
export interface WantedPort {
  readonly containerPort: number;
  readonly protocol: Protocol;
  /** All have to be had with the same number. */
  readonly hostAddresses: readonly string[];
  /** Those of families that the world reaches by the container's own address: nothing is bound. */
  readonly routedAddresses: readonly string[];
  /** The first free one is taken; 0–0 is any of the kernel's choice. */
  readonly hostPorts: PortRange;
}

export interface PortPlan {
  /** By container port as `NetworkSettings.Ports` writes it, `80/tcp`; those without wanted ports are only exposed. */
  readonly keys: readonly string[];
  readonly wanted: readonly WantedPort[];
}

export interface PublishRequest {
  readonly portBindings: PortMap;
  readonly exposedPorts: readonly string[];
  readonly publishAll: boolean;
}

/** What the networks that the default routes lead through say about ports. */
export interface PortPlace {
  /** For bindings without `HostIp`; empty: every address. */
  readonly defaultAddress?: string;
  readonly isRouted?: boolean;
  readonly isRouted6?: boolean;
}

/**
 * What to bind for a container. A binding without `HostIp` is for every address of the host, IPv4 and IPv6, unless
 * `defaultAddress` says otherwise.
 *
 * @throws {Fault} `invalid` with Docker's text
 */
export function planPorts(request: PublishRequest, place: PortPlace = {}): PortPlan {
  const { defaultAddress = "", isRouted = false, isRouted6 = false } = place;
  const split = (addresses: readonly string[]) => ({
    hostAddresses: addresses.filter((address) => !(address.includes(":") ? isRouted6 : isRouted)),
    routedAddresses: addresses.filter((address) => (address.includes(":") ? isRouted6 : isRouted)),
  });
  const wanted: WantedPort[] = [];
  const keys = new Set<string>();
  for (const [text, bindings] of Object.entries(request.portBindings)) {
    for (const { containerPort, protocol } of portsOf(text)) {
      keys.add(`${containerPort}/${protocol}`);
      for (const binding of bindings ?? []) {
        const hostPorts = parseHostPort(binding.HostPort ?? "");
        const addresses = split(addressesOf(binding.HostIp ?? "", defaultAddress));
        wanted.push({ containerPort, protocol, ...addresses, hostPorts });
      }
    }
  }
  for (const { containerPort, protocol } of request.exposedPorts.flatMap(portsOf)) {
    const isKnown = wanted.some((port) => port.containerPort === containerPort && port.protocol === protocol);
    keys.add(`${containerPort}/${protocol}`);
    if (!request.publishAll || isKnown) continue;
    const addresses = split(addressesOf("", defaultAddress));
    wanted.push({ containerPort, protocol, ...addresses, hostPorts: { first: 0, last: 0 } });
  }
  return { keys: [...keys], wanted };
}

function portsOf(text: string): { readonly containerPort: number; readonly protocol: Protocol }[] {
  const { range, protocol } = parsePort(text);
  if (range.first === 0) throw new Fault("invalid", `invalid port specification: "${text}"`);
  return Array.from({ length: range.last - range.first + 1 }, (_, step) => ({
    containerPort: range.first + step,
    protocol,
  }));
}

function addressesOf(hostIp: string, defaultAddress: string): readonly string[] {
  const address = hostIp === "" ? defaultAddress : hostIp;
  if (address === "") return ["0.0.0.0", "::"];
  if (isIP(address) === 0) throw new Fault("invalid", `invalid host IP address: ${hostIp}`);
  return [address];
}

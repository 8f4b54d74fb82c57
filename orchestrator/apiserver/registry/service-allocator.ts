import { findAddress, formatAddress, lastOf, parseCidr, sizeOf } from "#base/cidr.ts";
import type { KubeObject } from "#api/kube/meta.ts";
import { failure } from "#api/kube/status.ts";
import { invalid as wrong } from "#orchestrator/machinery/field-error.ts";
import type { Draft } from "#orchestrator/machinery/resource.ts";
import type { ObjectCache } from "../cache/object-cache.ts";
import type { CacheEvent } from "../cache/resource-cache.ts";
import { invalid } from "../errors.ts";
import { type Claim, NumberPool } from "./number-pool.ts";
import { metadataOf } from "./write-request.ts";

interface Port {
  readonly protocol?: string;
  readonly port?: number;
  nodePort?: number;
}

interface ServiceSpec {
  type?: string;
  clusterIP?: string;
  clusterIPs?: string[];
  ipFamilies?: string[];
  ipFamilyPolicy?: string;
  ports?: Port[];
  healthCheckNodePort?: number;
  externalTrafficPolicy?: string;
  allocateLoadBalancerNodePorts?: boolean;
}

const nodePorts = { first: 30_000, last: 32_767, dynamicFrom: 30_086 };
/** As many addresses at the start of the range are for services that name theirs. */
const staticAddresses = 256;

/**
 * Addresses and node ports of services. What is taken is what the services in the cache have, so nothing can leak and nothing
 * needs repair; what is being given away is held as long as the write lasts.
 */
export class ServiceAllocator {
  readonly #range: string;
  readonly #addresses: NumberPool;
  readonly #ports: NumberPool;
  /** How many services have each. */
  readonly #taken = new Map<string, number>();

  constructor(cache: ObjectCache, serviceRange: string, random: () => number) {
    this.#range = serviceRange;
    const { subnet } = parseCidr(serviceRange);
    const { base } = subnet;
    const dynamicFrom = base + Math.min(staticAddresses, sizeOf(subnet) / 2);
    this.#addresses = new NumberPool(base + 1, lastOf(subnet) - 1, dynamicFrom, random);
    this.#ports = new NumberPool(nodePorts.first, nodePorts.last, nodePorts.dynamicFrom, random);
    const services = cache.resource("core/services");
    for (const { object } of services.list()) this.#count(object, 1);
    services.onEvent((event) => this.#follow(event));
  }

  /**
   * Gives a service what it needs and has not got, and checks what it asks for. Claims last until they are disposed of.
   *
   * @throws {StatusError} `Invalid` for what is taken or out of range, `InternalError` when nothing is left
   */
  allocate(next: Draft, old: Draft | undefined): Disposable {
    using claims = new DisposableStack();
    const spec = (next["spec"] ??= {}) as ServiceSpec;
    const before = (old?.["spec"] ?? {}) as ServiceSpec;
    const name = metadataOf(next).name ?? "";
    this.#giveAddress(spec, before, name, claims);
    this.#givePorts(spec, before, name, claims);
    return claims.move();
  }

  #giveAddress(spec: ServiceSpec, before: ServiceSpec, name: string, claims: DisposableStack): void {
    if (spec.type === "ExternalName") {
      delete spec.clusterIP;
      delete spec.clusterIPs;
      return;
    }
    const wasNamed = before.type !== "ExternalName" && (before.clusterIP ?? "") !== "";
    spec.clusterIP ||= spec.clusterIPs?.[0] ?? (wasNamed ? before.clusterIP : undefined) ?? "";
    spec.ipFamilies ??= before.ipFamilies ?? ["IPv4"];
    spec.ipFamilyPolicy ??= before.ipFamilyPolicy ?? "SingleStack";
    const asked = spec.clusterIP;
    if (asked === "None" || (wasNamed && asked === before.clusterIP)) {
      spec.clusterIPs = [asked];
      return;
    }
    const claim =
      asked === "" ? this.#addresses.claimAny(this.#isAddressTaken) : this.#askedAddress(asked, name);
    if (claim === undefined)
      throw failure(
        "InternalError",
        "Internal error occurred: failed to allocate a serviceIP: range is full",
      );
    claims.use(claim);
    spec.clusterIP = formatAddress(claim.number);
    spec.clusterIPs = [spec.clusterIP];
  }

  #askedAddress(asked: string, name: string): Claim {
    const number = findAddress(asked);
    const refuse = (why: string) =>
      invalid("Service", "", name, [
        wrong("spec.clusterIPs", [asked], `failed to allocate IP ${asked}: ${why}`),
      ]);
    if (number === undefined || !this.#addresses.includes(number))
      throw refuse(
        `the provided IP (${asked}) is not in the valid range. The range of valid IPs is ${this.#range}`,
      );
    const claim = this.#addresses.claim(number, this.#isAddressTaken);
    if (claim === undefined) throw refuse("provided IP is already allocated");
    return claim;
  }

  #givePorts(spec: ServiceSpec, before: ServiceSpec, name: string, claims: DisposableStack): void {
    if (!needsNodePorts(spec)) {
      for (const port of spec.type === "LoadBalancer" ? [] : (spec.ports ?? [])) delete port.nodePort;
      delete spec.healthCheckNodePort;
      return;
    }
    keepPorts(spec, before);
    const own = new Set(portsOf(before));
    const given = new Map<number, number>();
    const taken = new Set<number>();
    for (const [index, port] of (spec.ports ?? []).entries()) {
      const asked = port.nodePort ?? 0;
      const shared = asked === 0 ? given.get(port.port ?? 0) : undefined;
      if (shared !== undefined) port.nodePort = shared;
      else if (asked === 0 || !(own.has(asked) || taken.has(asked)))
        port.nodePort = claims.use(this.#portClaim(asked, `spec.ports[${index}].nodePort`, name)).number;
      given.set(port.port ?? 0, port.nodePort ?? 0);
      taken.add(port.nodePort ?? 0);
    }
    if (spec.type !== "LoadBalancer" || spec.externalTrafficPolicy !== "Local") return;
    spec.healthCheckNodePort ||= before.healthCheckNodePort ?? 0;
    if (spec.healthCheckNodePort !== 0 && spec.healthCheckNodePort === before.healthCheckNodePort) return;
    const claim = this.#portClaim(spec.healthCheckNodePort, "spec.healthCheckNodePort", name);
    spec.healthCheckNodePort = claims.use(claim).number;
  }

  #portClaim(asked: number, field: string, name: string): Claim {
    const refuse = (why: string) => invalid("Service", "", name, [wrong(field, asked, why)]);
    if (asked === 0) {
      const any = this.#ports.claimAny(this.#isPortTaken);
      if (any !== undefined) return any;
      throw failure("InternalError", "Internal error occurred: failed to allocate a nodePort: range is full");
    }
    if (!this.#ports.includes(asked))
      throw refuse(
        `provided port is not in the valid range. The range of valid ports is ${nodePorts.first}-${nodePorts.last}`,
      );
    const claim = this.#ports.claim(asked, this.#isPortTaken);
    if (claim === undefined) throw refuse("provided port is already allocated");
    return claim;
  }

  readonly #isAddressTaken = (number: number) => this.#taken.has(formatAddress(number));
  readonly #isPortTaken = (number: number) => this.#taken.has(String(number));

  #follow({ type, object, previous }: CacheEvent): void {
    if (type === "put") this.#count(object.object, 1);
    if (previous !== undefined) this.#count(previous.object, -1);
  }

  #count(object: KubeObject, by: number): void {
    const { spec = {} } = object as KubeObject & { readonly spec?: ServiceSpec };
    for (const what of [...(spec.clusterIPs ?? []), ...new Set(portsOf(spec).map(String))]) {
      const count = (this.#taken.get(what) ?? 0) + by;
      if (count > 0) this.#taken.set(what, count);
      else this.#taken.delete(what);
    }
  }
}

function needsNodePorts({ type, allocateLoadBalancerNodePorts }: ServiceSpec): boolean {
  return type === "NodePort" || (type === "LoadBalancer" && allocateLoadBalancerNodePorts !== false);
}

/** Who does not say which port keeps the one it had. */
function keepPorts(spec: ServiceSpec, before: ServiceSpec): void {
  if (!needsNodePorts(before)) return;
  const named = new Set(portsOf(spec));
  for (const port of spec.ports ?? []) {
    if ((port.nodePort ?? 0) !== 0) continue;
    const same = before.ports?.find((one) => one.port === port.port && one.protocol === port.protocol);
    if (same?.nodePort !== undefined && !named.has(same.nodePort)) port.nodePort = same.nodePort;
  }
}

function portsOf({ ports = [], healthCheckNodePort = 0 }: ServiceSpec): readonly number[] {
  return [...ports.map(({ nodePort = 0 }) => nodePort), healthCheckNodePort].filter((port) => port !== 0);
}

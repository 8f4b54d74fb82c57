import type { Log } from "#base/log.ts";
import type { Timers } from "#base/timers.ts";
import type { Service } from "#api/kube/types/core.ts";
import type { KubeClient } from "#client/kube/kube-client.ts";
import { keyOf } from "#client/kube/kube-resource.ts";
import { services } from "#client/kube/resources.ts";
import type { InformerFactory } from "#orchestrator/informers/informer-factory.ts";
import { runController } from "#orchestrator/informers/run-controller.ts";
import { freeAddress, isInPool, type LbPool } from "./lb-pool.ts";

export interface LoadBalancerDeps {
  readonly kube: KubeClient;
  readonly informers: InformerFactory;
  readonly timers: Timers;
  readonly log: Log;
  readonly pool: LbPool;
  /** Lets the node answer at these addresses; all of them each time. */
  readonly serve: (addresses: readonly string[]) => Promise<void>;
}

/** The addresses that a service has of its load balancer. */
function ingressOf({ status }: Service): readonly string[] {
  return (status?.loadBalancer?.ingress ?? []).flatMap(({ ip }) => (ip === undefined ? [] : [ip]));
}

/** Whether the service's load balancer is ours: one that names a class is left to whoever has it. */
function isBalanced({ spec, metadata }: Service): boolean {
  return (
    spec?.type === "LoadBalancer" &&
    spec.loadBalancerClass === undefined &&
    metadata.deletionTimestamp === undefined
  );
}

/**
 * Gives services of type LoadBalancer addresses of the pool, at which this node answers. A service keeps what it has; what is freed
 * goes to the next that waits. Settles when the signal has aborted.
 */
export async function runLoadBalancers(deps: LoadBalancerDeps, signal: AbortSignal): Promise<void> {
  const { kube, informers, pool, serve } = deps;
  const informer = informers.of(services);
  const given = new Map<string, string>();
  const all = "all"; // addresses are few: one look at all of them is the simplest that is right
  const controller = {
    name: "load-balancers",
    reconcile: async () => {
      const balanced = [...informer.cache.list()].filter(isBalanced);
      const keys = new Set(balanced.map(keyOf));
      for (const key of given.keys()) if (!keys.has(key)) given.delete(key);
      for (const one of balanced) keep(given, pool, one);
      for (const one of balanced) give(given, pool, one);
      await serve([...given.values()]);
      for (const one of informer.cache.list()) {
        const status = statusFor(one, given.get(keyOf(one)), pool);
        if (status !== undefined) await kube.of(services).updateStatus({ ...one, status }, signal);
      }
    },
  };
  const { queue, ended } = runController(deps, controller, signal, {
    workers: 1,
    ready: informer.synced(signal),
  });
  const look = (service: Service, before?: Service) => {
    const isOurs = [service, before].some((one) => one?.spec?.type === "LoadBalancer");
    if (isOurs) queue.add(all);
  };
  using _ = informer.handle({ added: (one) => look(one), updated: look, deleted: (one) => look(one) });
  queue.add(all);
  await ended;
}

/** What an earlier look gave, this process's or another's. */
function keep(given: Map<string, string>, pool: LbPool, service: Service): void {
  const key = keyOf(service);
  if (given.has(key)) return;
  const taken = new Set(given.values());
  const kept = ingressOf(service).find((ip) => isInPool(pool, ip) && !taken.has(ip));
  if (kept !== undefined) given.set(key, kept);
}

function give(given: Map<string, string>, pool: LbPool, service: Service): void {
  const key = keyOf(service);
  const wanted = service.spec?.loadBalancerIP ?? "";
  const taken = new Set(given.values());
  if (wanted !== "" && given.get(key) !== wanted) {
    given.delete(key);
    if (isInPool(pool, wanted) && !taken.has(wanted)) given.set(key, wanted);
    return;
  }
  const free = given.has(key) ? undefined : freeAddress(pool, taken);
  if (free !== undefined) given.set(key, free);
}

/** Undefined when the service says it already, or says what others gave it. */
function statusFor(
  service: Service,
  address: string | undefined,
  pool: LbPool,
): Service["status"] | undefined {
  const now = ingressOf(service);
  if (address !== undefined && now.length === 1 && now[0] === address) return undefined;
  if (address === undefined && !now.some((ip) => isInPool(pool, ip))) return undefined;
  const ingress = address === undefined ? [] : [{ ip: address, ipMode: "VIP" }];
  return { ...service.status, loadBalancer: address === undefined ? {} : { ingress } };
}

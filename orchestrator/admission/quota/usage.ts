import type { KubeObject } from "#api/kube/meta.ts";
import type { Container, Pod } from "#api/kube/types/core-pods.ts";
import type { PersistentVolumeClaim, Service } from "#api/kube/types/core.ts";
import {
  addQuantities,
  compareQuantities,
  type Quantity,
  quantityOf,
  zero,
} from "#orchestrator/machinery/quantity.ts";
import { amountOf } from "../support.ts";

/** What is counted → how much of it. */
export type Usage = ReadonlyMap<string, Quantity>;

/** Resources that quotas also know without `count/`. */
const counted = new Set([
  "configmaps",
  "persistentvolumeclaims",
  "pods",
  "replicationcontrollers",
  "resourcequotas",
  "secrets",
  "services",
]);
const computed = new Set(["cpu", "memory", "ephemeral-storage"]);

/**
 * What an object uses of quotas. A pod that has ended uses nothing but its place in the store.
 *
 * @param resource with its group, e.g. `deployments.apps`
 * @see Kubernetes, Resource Quotas
 */
export function usageOf(resource: string, object: KubeObject): Usage {
  const one = quantityOf(1);
  const usage = new Map<string, Quantity>([[`count/${resource}`, one]]);
  if (resource === "pods") addPod(usage, object as Pod);
  else if (counted.has(resource)) usage.set(resource, one);
  if (resource === "services") addService(usage, object as Service);
  if (resource === "persistentvolumeclaims") addClaim(usage, object as PersistentVolumeClaim);
  return usage;
}

export function addUsage(left: Usage, right: Usage): Usage {
  const sum = new Map(left);
  for (const [name, amount] of right) {
    const known = sum.get(name);
    sum.set(name, known === undefined ? amount : addQuantities(known, amount));
  }
  return sum;
}

function addPod(usage: Map<string, Quantity>, pod: Pod): void {
  const { phase = "" } = pod.status ?? {};
  if (phase === "Failed" || phase === "Succeeded") return;
  usage.set("pods", quantityOf(1));
  for (const [name, amount] of podAmounts(pod, "requests")) {
    usage.set(`requests.${name}`, amount);
    if (computed.has(name)) usage.set(name, amount);
    else if (name.startsWith("hugepages-")) usage.set(name, amount);
  }
  for (const [name, amount] of podAmounts(pod, "limits"))
    if (computed.has(name)) usage.set(`limits.${name}`, amount);
}

/** The sum of its containers' and sidecars', or what one init container needs beside the sidecars before it where that is more; and its overhead. */
function podAmounts({ spec }: Pod, field: "requests" | "limits"): Usage {
  let total = sumOf(spec.containers, field);
  let before: Usage = new Map();
  let most: Usage = new Map();
  for (const container of spec.initContainers ?? []) {
    const own = sumOf([container], field);
    if (container.restartPolicy === "Always") {
      total = addUsage(total, own);
      before = addUsage(before, own);
      most = greater(most, before);
    } else most = greater(most, addUsage(before, own));
  }
  return addUsage(greater(total, most), amountsOf(spec.overhead));
}

function sumOf(containers: readonly Container[], field: "requests" | "limits"): Usage {
  return containers.map(({ resources }) => amountsOf(resources?.[field])).reduce(addUsage, new Map());
}

function amountsOf(amounts: Readonly<Record<string, unknown>> | undefined): Usage {
  return new Map(Object.entries(amounts ?? {}).map(([name, value]) => [name, amountOf(value) ?? zero]));
}

function greater(left: Usage, right: Usage): Usage {
  const result = new Map(left);
  for (const [name, amount] of right) {
    const known = result.get(name);
    if (known === undefined || compareQuantities(amount, known) > 0) result.set(name, amount);
  }
  return result;
}

function addService(usage: Map<string, Quantity>, { spec }: Service): void {
  const ports = spec?.ports ?? [];
  const hasNodePorts =
    spec?.type === "NodePort" ||
    (spec?.type === "LoadBalancer" && (spec.allocateLoadBalancerNodePorts ?? true));
  if (hasNodePorts) usage.set("services.nodeports", quantityOf(ports.length));
  if (spec?.type === "LoadBalancer") usage.set("services.loadbalancers", quantityOf(1));
}

function addClaim(usage: Map<string, Quantity>, { spec, metadata }: PersistentVolumeClaim): void {
  const storageClass =
    metadata.annotations?.["volume.beta.kubernetes.io/storage-class"] ?? spec?.storageClassName ?? "";
  const size: unknown = spec?.resources?.requests?.["storage"];
  const amount = amountOf(size);
  if (amount !== undefined) usage.set("requests.storage", amount);
  if (storageClass === "") return;
  const prefix = `${storageClass}.storageclass.storage.k8s.io`;
  usage.set(`${prefix}/persistentvolumeclaims`, quantityOf(1));
  if (amount !== undefined) usage.set(`${prefix}/requests.storage`, amount);
}

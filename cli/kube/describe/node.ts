import type { Lease } from "#api/kube/types/coordination.ts";
import type { Container, Pod } from "#api/kube/types/core-pods.ts";
import type { Node } from "#api/kube/types/core.ts";
import {
  addQuantities,
  compareQuantities,
  formatQuantity,
  milliUnits,
  parseQuantity,
  type Quantity,
  wholeUnits,
  zero,
} from "#orchestrator/machinery/quantity.ts";
import { type Description, sinceText, timeText } from "./description.ts";

type Amounts = Readonly<Record<string, Quantity>>;

/** @param pods those on it that have not ended; undefined for who may not see them */
export function describeNode(
  to: Description,
  node: Node,
  pods: readonly Pod[] | undefined,
  lease: Lease | string,
): void {
  const { metadata, spec, status } = node;
  to.line(0, "Name:", metadata.name);
  to.line(0, "Roles:", rolesText(metadata.labels ?? {}));
  to.meta(metadata);
  to.line(0, "CreationTimestamp:", timeText(metadata.creationTimestamp));
  const taints = (spec?.taints ?? []).toSorted((a, b) =>
    `${a.effect},${a.key}` < `${b.effect},${b.key}` ? -1 : 1,
  );
  to.list(
    "Taints",
    taints.map(({ key, value = "", effect }) => `${key}${value === "" ? "" : `=${value}`}:${effect}`),
  );
  to.line(0, "Unschedulable:", spec?.unschedulable ?? false);
  describeLease(to, lease);
  describeConditions(to, node);
  to.line(0, "Addresses:");
  for (const { type, address } of status?.addresses ?? []) to.line(1, `${type}:`, address);
  describeAmounts(to, "Capacity", status?.capacity);
  describeAmounts(to, "Allocatable", status?.allocatable);
  describeSystem(to, node);
  if ((spec?.podCIDR ?? "") !== "") to.line(0, "PodCIDR:", spec?.podCIDR);
  if ((spec?.podCIDRs ?? []).length > 0) to.line(0, "PodCIDRs:", spec?.podCIDRs?.join(","));
  if ((spec?.providerID ?? "") !== "") to.line(0, "ProviderID:", spec?.providerID);
  if (pods === undefined) to.line(0, "Pods:", "not authorized");
  else describePods(to, pods, amountsOf(status?.allocatable ?? status?.capacity));
}

const rolePrefix = "node-role.kubernetes.io/";

function rolesText(labels: Readonly<Record<string, string>>): string {
  const roles = Object.entries(labels).flatMap(([name, value]) => {
    if (name.startsWith(rolePrefix)) return [name.slice(rolePrefix.length)];
    return name === "kubernetes.io/role" ? [value] : [];
  });
  return [...new Set(roles.filter((role) => role !== ""))].sort().join(",") || "<none>";
}

function describeLease(to: Description, lease: Lease | string): void {
  if (typeof lease === "string") return to.line(0, "Lease:", `Failed to get lease: ${lease}`);
  const { holderIdentity, acquireTime, renewTime } = lease.spec ?? {};
  const shown = (time: string | null | undefined) => (typeof time === "string" ? timeText(time) : "<unset>");
  to.line(0, "Lease:");
  to.line(1, "HolderIdentity:", holderIdentity ?? "<unset>");
  to.line(1, "AcquireTime:", shown(acquireTime));
  to.line(1, "RenewTime:", shown(renewTime));
}

function describeConditions(to: Description, { status }: Node): void {
  const conditions = status?.conditions ?? [];
  if (conditions.length === 0) return;
  to.line(0, "Conditions:");
  to.line(1, "Type", "Status", "LastHeartbeatTime", "LastTransitionTime", "Reason", "Message");
  to.line(1, "----", "------", "-----------------", "------------------", "------", "-------");
  for (const { type, status: is, lastHeartbeatTime, lastTransitionTime, reason, message } of conditions)
    to.line(
      1,
      `${type} `,
      `${is} `,
      `${timeText(lastHeartbeatTime)} `,
      `${timeText(lastTransitionTime)} `,
      `${reason ?? ""} `,
      message ?? "",
    );
}

function describeAmounts(
  to: Description,
  title: string,
  list: Readonly<Record<string, unknown>> | undefined,
): void {
  const names = Object.keys(list ?? {}).sort();
  if (names.length === 0) return;
  to.line(0, `${title}:`);
  for (const name of names) to.line(1, `${name}:`, list?.[name]);
}

function describeSystem(to: Description, { status }: Node): void {
  const info = status?.nodeInfo;
  to.line(0, "System Info:");
  to.line(1, "Machine ID:", info?.machineID);
  to.line(1, "System UUID:", info?.systemUUID);
  to.line(1, "Boot ID:", info?.bootID);
  to.line(1, "Kernel Version:", info?.kernelVersion);
  to.line(1, "OS Image:", info?.osImage);
  to.line(1, "Operating System:", info?.operatingSystem);
  to.line(1, "Architecture:", info?.architecture);
  to.line(1, "Container Runtime Version:", info?.containerRuntimeVersion);
  to.line(1, "Kubelet Version:", info?.kubeletVersion);
  to.line(1, "Kube-Proxy Version:", info?.kubeProxyVersion);
}

function amountsOf(list: Readonly<Record<string, string | number>> | undefined): Amounts {
  return Object.fromEntries(
    Object.entries(list ?? {}).map(([name, value]) => [name, parseQuantity(String(value))]),
  );
}

function sum(a: Amounts, b: Amounts): Amounts {
  const all = { ...a };
  for (const [name, amount] of Object.entries(b)) {
    const own = all[name];
    all[name] = own === undefined ? amount : addQuantities(own, amount);
  }
  return all;
}

function most(a: Amounts, b: Amounts): Amounts {
  const all = { ...a };
  for (const [name, amount] of Object.entries(b)) {
    const own = all[name];
    if (own === undefined || compareQuantities(own, amount) < 0) all[name] = amount;
  }
  return all;
}

/** What a pod asks for: its containers and sidecars together, or its greediest init container, and the overhead. */
function podAmounts({ spec }: Pod, which: "requests" | "limits"): Amounts {
  const of = ({ resources }: Container) => amountsOf(resources?.[which]);
  let running: Amounts = {};
  let starting: Amounts = {};
  for (const container of spec?.initContainers ?? []) {
    if (container.restartPolicy === "Always") {
      running = sum(running, of(container));
      starting = most(starting, running);
    } else starting = most(starting, sum(running, of(container)));
  }
  for (const container of spec?.containers ?? []) running = sum(running, of(container));
  const whole = most(running, starting);
  const hasSome = which === "requests" || Object.keys(whole).length > 0;
  return hasSome ? sum(whole, amountsOf(spec?.overhead)) : whole;
}

function describePods(to: Description, pods: readonly Pod[], allocatable: Amounts): void {
  to.line(0, "Non-terminated Pods:", `(${pods.length} in total)`);
  to.line(
    1,
    "Namespace",
    "Name",
    "",
    "CPU Requests",
    "CPU Limits",
    "Memory Requests",
    "Memory Limits",
    "Age",
  );
  to.line(
    1,
    "---------",
    "----",
    "",
    "------------",
    "----------",
    "---------------",
    "-------------",
    "---",
  );
  const share = (name: string, amounts: Amounts) => shareText(name, amounts[name] ?? zero, allocatable[name]);
  let [requests, limits]: [Amounts, Amounts] = [{}, {}];
  for (const pod of pods) {
    const [asked, most] = [podAmounts(pod, "requests"), podAmounts(pod, "limits")];
    [requests, limits] = [sum(requests, asked), sum(limits, most)];
    const { namespace, name, creationTimestamp } = pod.metadata;
    const shares = ["cpu", "memory"].flatMap((resource) => [share(resource, asked), share(resource, most)]);
    to.line(1, namespace, name, "", ...shares, sinceText(creationTimestamp));
  }
  describeAllocated(to, allocatable, requests, limits);
}

function describeAllocated(to: Description, allocatable: Amounts, requests: Amounts, limits: Amounts): void {
  const share = (name: string, amounts: Amounts) => shareText(name, amounts[name] ?? zero, allocatable[name]);
  to.line(0, "Allocated resources:");
  to.line(1, "(Total limits may be over 100 percent, i.e., overcommitted.)");
  to.line(1, "Resource", "Requests", "Limits");
  to.line(1, "--------", "--------", "------");
  for (const name of ["cpu", "memory", "ephemeral-storage"])
    to.line(1, name, share(name, requests), share(name, limits));
  const rest = Object.keys(allocatable).filter(
    (name) => !["cpu", "memory", "ephemeral-storage", "pods"].includes(name),
  );
  for (const name of rest.filter((one) => one.startsWith("hugepages-")).sort())
    to.line(1, name, share(name, requests), share(name, limits));
  for (const name of rest.filter((one) => !one.startsWith("hugepages-")).sort())
    to.line(1, name, formatQuantity(requests[name] ?? zero), formatQuantity(limits[name] ?? zero));
}

function shareText(name: string, amount: Quantity, of: Quantity | undefined): string {
  const size = name === "cpu" ? milliUnits : wholeUnits;
  const whole = of === undefined ? 0 : size(of);
  return `${formatQuantity(amount)} (${whole === 0 ? 0 : Math.trunc((size(amount) / whole) * 100)}%)`;
}

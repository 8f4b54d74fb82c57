import type {
  Event,
  LimitRange,
  LimitRangeItem,
  Namespace,
  Node,
  ResourceQuota,
} from "#api/kube/types/core.ts";
import type { Lease } from "#api/kube/types/coordination.ts";
import type { RuntimeClass } from "#api/kube/types/node.ts";
import type { PodDisruptionBudget } from "#api/kube/types/policy.ts";
import type { PriorityClass } from "#api/kube/types/scheduling.ts";
import { duplicate, forbidden, invalid, required } from "#orchestrator/machinery/field-error.ts";
import {
  labelComplaints,
  labelValueComplaints,
  qualifiedNameComplaints,
} from "#orchestrator/machinery/names.ts";
import { compareQuantities, parseQuantity } from "#orchestrator/machinery/quantity.ts";
import type { Draft, FieldError } from "#orchestrator/machinery/resource.ts";
import {
  checkImmutable,
  checkName,
  checkNonNegativeQuantity,
  checkRequiredName,
  checkSelector,
  checkSupported,
  type Findings,
  ownValue,
} from "../check.ts";
import { view } from "../edit.ts";
import { preemptionPolicies } from "../pods/check-scheduling.ts";
import { checkCountOrPercent } from "../workloads/check.ts";

type Errors = readonly FieldError[];

export function namespaceErrors(object: Draft): Errors {
  const into: Findings = [];
  for (const [at, finalizer] of (view<Namespace>(object).spec?.finalizers ?? []).entries())
    checkName(into, `spec.finalizers[${at}]`, finalizer, qualifiedNameComplaints);
  return into;
}

export function nodeErrors(object: Draft): Errors {
  const into: Findings = [];
  const { spec, status } = view<Node>(object);
  const seen = new Set<string>();
  for (const [at, { key, value = "", effect }] of (spec.taints ?? []).entries()) {
    const own = `spec.taints[${at}]`;
    checkName(into, `${own}.key`, key, qualifiedNameComplaints);
    checkName(into, `${own}.value`, value, labelValueComplaints);
    if (!effect) into.push(required(`${own}.effect`));
    else checkSupported(into, `${own}.effect`, effect, ["NoSchedule", "PreferNoSchedule", "NoExecute"]);
    const pair = `${key}/${effect}`;
    if (seen.has(pair)) into.push(duplicate(own, { key, value, effect }));
    seen.add(pair);
  }
  for (const name of ["capacity", "allocatable"] as const)
    for (const [resource, amount] of Object.entries(status?.[name] ?? {}))
      checkNonNegativeQuantity(into, `status.${name}[${resource}]`, amount);
  return into;
}

/** Addresses and identity, once given, stay. */
export function nodeUpdateErrors(next: Draft, old: Draft): Errors {
  const into = [...nodeErrors(next)];
  const [node, before] = [view<Node>(next).spec, view<Node>(old).spec];
  const isSet = (before.podCIDRs?.length ?? 0) > 0;
  if (isSet && JSON.stringify(node.podCIDRs) !== JSON.stringify(before.podCIDRs))
    into.push(forbidden("spec.podCIDRs", 'node updates may not change podCIDR except from "" to valid'));
  if ((before.providerID ?? "") !== "" && node.providerID !== before.providerID)
    into.push(forbidden("spec.providerID", 'node updates may not change providerID except from "" to valid'));
  return into;
}

export function priorityClassErrors(object: Draft): Errors {
  const into: Findings = [];
  const { metadata, value = 0, preemptionPolicy } = view<PriorityClass>(object);
  const name = metadata.name ?? "";
  const known: Readonly<Record<string, number>> = {
    "system-node-critical": 2_000_001_000,
    "system-cluster-critical": 2_000_000_000,
  };
  if (name.startsWith("system-")) {
    if (known[name] !== value)
      into.push(
        forbidden(
          "metadata.name",
          "priority class names with 'system-' prefix are reserved for system use only. error: " +
            (name in known
              ? `value of ${name} PriorityClass must be ${known[name]}`
              : `${name} is not a known system priority class`),
        ),
      );
  } else if (value > 1_000_000_000)
    into.push(forbidden("value", "maximum allowed value of a user defined priority is 1000000000"));
  checkSupported(into, "preemptionPolicy", preemptionPolicy, preemptionPolicies);
  return into;
}

export function priorityClassUpdateErrors(next: Draft, old: Draft): Errors {
  const into: Findings = [];
  const [after, before] = [view<PriorityClass>(next), view<PriorityClass>(old)];
  if (after.value !== before.value) into.push(forbidden("value", "may not be changed in an update."));
  checkImmutable(into, "preemptionPolicy", after.preemptionPolicy, before.preemptionPolicy);
  return into;
}

export function runtimeClassErrors(object: Draft): Errors {
  const into: Findings = [];
  const { handler, overhead } = view<RuntimeClass>(object);
  checkRequiredName(into, "handler", handler, labelComplaints);
  for (const [name, amount] of Object.entries(overhead?.podFixed ?? {}))
    checkNonNegativeQuantity(into, `overhead.podFixed[${name}]`, amount);
  return into;
}

export function runtimeClassUpdateErrors(next: Draft, old: Draft): Errors {
  const into: Findings = [];
  checkImmutable(into, "handler", next["handler"], old["handler"]);
  return into;
}

export function leaseErrors(object: Draft): Errors {
  const into: Findings = [];
  const { leaseDurationSeconds, leaseTransitions } = view<Lease>(object).spec ?? {};
  if (leaseDurationSeconds !== undefined && leaseDurationSeconds <= 0)
    into.push(invalid("spec.leaseDurationSeconds", leaseDurationSeconds, "must be greater than 0"));
  if (leaseTransitions !== undefined && leaseTransitions < 0)
    into.push(invalid("spec.leaseTransitions", leaseTransitions, "must be greater than or equal to 0"));
  return into;
}

export function podDisruptionBudgetErrors(object: Draft): Errors {
  const into: Findings = [];
  const { spec } = view<PodDisruptionBudget>(object);
  const { minAvailable, maxUnavailable, selector, unhealthyPodEvictionPolicy: policy } = spec;
  if (minAvailable !== undefined && maxUnavailable !== undefined)
    into.push(invalid("spec", spec, "minAvailable and maxUnavailable cannot be both set"));
  for (const [name, value] of Object.entries({ minAvailable, maxUnavailable })) {
    if (value === undefined) continue;
    checkCountOrPercent(into, `spec.${name}`, value);
    if (typeof value === "string" && Number.parseInt(value, 10) > 100)
      into.push(invalid(`spec.${name}`, value, "must not be greater than 100%"));
  }
  checkSelector(into, "spec.selector", selector);
  checkSupported(into, "spec.unhealthyPodEvictionPolicy", policy, ["AlwaysAllow", "IfHealthyBudget"]);
  return into;
}

const scopes = [
  "BestEffort",
  "CrossNamespacePodAffinity",
  "NotBestEffort",
  "NotTerminating",
  "PriorityClass",
  "Terminating",
  "VolumeAttributesClass",
];

export function resourceQuotaErrors(object: Draft): Errors {
  const into: Findings = [];
  const { hard = {}, scopes: given = [], scopeSelector } = view<ResourceQuota>(object).spec ?? {};
  for (const [name, amount] of Object.entries(hard)) {
    checkName(into, `spec.hard[${name}]`, name, qualifiedNameComplaints);
    checkNonNegativeQuantity(into, `spec.hard[${name}]`, amount);
  }
  for (const scope of given) {
    if (!scopes.includes(scope)) into.push(invalid("spec.scopes", given, `unsupported scope`));
  }
  for (const [one, other] of [
    ["BestEffort", "NotBestEffort"],
    ["Terminating", "NotTerminating"],
  ] as const)
    if (given.includes(one) && given.includes(other))
      into.push(invalid("spec.scopes", given, "conflicting scopes"));
  for (const [at, { operator, values = [] }] of (scopeSelector?.matchExpressions ?? []).entries()) {
    const own = `spec.scopeSelector.matchExpressions[${at}]`;
    const isList = operator === "In" || operator === "NotIn";
    if (isList && values.length === 0)
      into.push(
        required(
          `${own}.values`,
          "must be at least one value when `operator` is 'In' or 'NotIn' for scope selector",
        ),
      );
    if (!isList && values.length > 0)
      into.push(
        invalid(
          `${own}.values`,
          values,
          "must be no value when `operator` is 'Exist' or 'DoesNotExist' for scope selector",
        ),
      );
  }
  return into;
}

export function resourceQuotaUpdateErrors(next: Draft, old: Draft): Errors {
  const into = [...resourceQuotaErrors(next)];
  const scopesOf = (object: Draft) => [...(view<ResourceQuota>(object).spec?.scopes ?? [])].toSorted();
  checkImmutable(into, "spec.scopes", scopesOf(next), scopesOf(old));
  return into;
}

export function limitRangeErrors(object: Draft): Errors {
  const into: Findings = [];
  const seen = new Set<string>();
  for (const [at, limit] of (view<LimitRange>(object).spec?.limits ?? []).entries()) {
    const own = `spec.limits[${at}]`;
    checkName(into, `${own}.type`, limit.type, qualifiedNameComplaints);
    if (seen.has(limit.type)) into.push(duplicate(`${own}.type`, limit.type));
    seen.add(limit.type);
    checkLimits(into, own, limit);
  }
  return into;
}

function checkLimits(into: Findings, path: string, limit: LimitRangeItem): void {
  const { min = {}, max = {}, default: limits = {}, defaultRequest = {}, type } = limit;
  if (type === "Pod")
    for (const name of ["default", "defaultRequest"] as const)
      if (limit[name] !== undefined)
        into.push(forbidden(`${path}.${name}`, "may not be specified when `type` is 'Pod'"));
  if (type === "PersistentVolumeClaim" && min["storage"] === undefined && max["storage"] === undefined)
    into.push(
      required(path, "either minimum or maximum storage value is required, but neither was provided"),
    );
  const order = [
    ["min", min],
    ["defaultRequest", defaultRequest],
    ["default", limits],
    ["max", max],
  ] as const;
  for (const name of new Set(order.flatMap(([, amounts]) => Object.keys(amounts)))) {
    const given = order.filter(([, amounts]) => ownValue(amounts, name) !== undefined);
    for (const [at, [lower, amounts]] of given.entries()) {
      for (const [upper, others] of given.slice(at + 1)) {
        const [low = "0", high = "0"] = [ownValue(amounts, name), ownValue(others, name)];
        if (compareQuantities(parseQuantity(low), parseQuantity(high)) <= 0) continue;
        const words: Readonly<Record<string, string>> = {
          min: "min value",
          defaultRequest: "default request value",
          default: "default value",
        };
        const target: Readonly<Record<string, string>> = {
          defaultRequest: "default request value",
          default: "default limit value",
          max: "max value",
        };
        into.push(
          invalid(
            `${path}.${lower}[${name}]`,
            low,
            `${words[lower]} ${low} is greater than ${target[upper]} ${high}`,
          ),
        );
      }
    }
  }
}

/** Of core: an event stands in the namespace of what it is about, or in `default`. */
export function eventErrors(object: Draft): Errors {
  const into: Findings = [];
  const { metadata, involvedObject: about } = view<Event>(object);
  if (about === undefined) return into;
  const namespace = about.namespace ?? "";
  if (namespace === "") {
    if (!["", "default", "kube-system"].includes(metadata.namespace ?? ""))
      into.push(invalid("involvedObject.namespace", namespace, "does not match event.namespace"));
  } else if (metadata.namespace !== namespace)
    into.push(invalid("involvedObject.namespace", namespace, "does not match event.namespace"));
  return into;
}

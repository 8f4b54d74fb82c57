import type { PodSpec, Toleration } from "#api/kube/types/core-pods.ts";
import type { NodeSelector, NodeSelectorTerm } from "#api/kube/types/core-volumes.ts";
import {
  duplicate,
  forbidden,
  invalid,
  notSupported,
  required,
} from "#orchestrator/machinery/field-error.ts";
import { labelValueComplaints, qualifiedNameComplaints } from "#orchestrator/machinery/names.ts";
import { checkName, checkRange, checkSelector, checkSupported, type Findings } from "../check.ts";

const effects = ["NoSchedule", "PreferNoSchedule", "NoExecute"];

export function checkTolerations(into: Findings, path: string, tolerations: readonly Toleration[]): void {
  for (const [at, toleration] of tolerations.entries()) checkToleration(into, `${path}[${at}]`, toleration);
}

function checkToleration(into: Findings, path: string, toleration: Toleration): void {
  const { key = "", operator = "", value = "", effect = "", tolerationSeconds } = toleration;
  if (key !== "") checkName(into, `${path}.key`, key, qualifiedNameComplaints);
  else if (operator !== "Exists") {
    const text = 'operator must be Exists when `key` is empty, which means "match all values and all keys"';
    into.push(invalid(`${path}.operator`, operator, text));
  }
  if (tolerationSeconds !== undefined && effect !== "NoExecute")
    into.push(
      invalid(`${path}.effect`, effect, "effect must be 'NoExecute' when `tolerationSeconds` is set"),
    );
  if (operator === "Equal" || operator === "")
    checkName(into, `${path}.operator`, value, labelValueComplaints);
  else if (operator === "Exists") {
    if (value !== "")
      into.push(invalid(`${path}.operator`, toleration, "value must be empty when `operator` is 'Exists'"));
  } else into.push(notSupported(`${path}.operator`, operator, ["Equal", "Exists"]));
  if (effect !== "") checkSupported(into, `${path}.effect`, effect, effects);
}

export function checkAffinity(into: Findings, path: string, affinity: PodSpec["affinity"]): void {
  const { nodeAffinity, podAffinity, podAntiAffinity } = affinity ?? {};
  const hard = "requiredDuringSchedulingIgnoredDuringExecution";
  const soft = "preferredDuringSchedulingIgnoredDuringExecution";
  if (nodeAffinity?.[hard] !== undefined)
    checkNodeSelector(into, `${path}.nodeAffinity.${hard}`, nodeAffinity[hard]);
  for (const [at, { weight, preference }] of (nodeAffinity?.[soft] ?? []).entries()) {
    const own = `${path}.nodeAffinity.${soft}[${at}]`;
    checkWeight(into, own, weight);
    checkNodeTerm(into, `${own}.preference`, preference);
  }
  for (const [name, each] of Object.entries({ podAffinity, podAntiAffinity })) {
    for (const [at, term] of (each?.[hard] ?? []).entries())
      checkPodTerm(into, `${path}.${name}.${hard}[${at}]`, term);
    for (const [at, { weight, podAffinityTerm }] of (each?.[soft] ?? []).entries()) {
      checkWeight(into, `${path}.${name}.${soft}[${at}]`, weight);
      checkPodTerm(into, `${path}.${name}.${soft}[${at}].podAffinityTerm`, podAffinityTerm);
    }
  }
}

function checkWeight(into: Findings, path: string, weight: number): void {
  if (weight < 1 || weight > 100) into.push(invalid(`${path}.weight`, weight, "must be in the range 1-100"));
}

export function checkNodeSelector(into: Findings, path: string, selector: NodeSelector): void {
  const terms = selector.nodeSelectorTerms ?? [];
  if (terms.length === 0)
    return void into.push(required(`${path}.nodeSelectorTerms`, "must have at least one node selector term"));
  for (const [at, term] of terms.entries()) checkNodeTerm(into, `${path}.nodeSelectorTerms[${at}]`, term);
}

function checkNodeTerm(into: Findings, path: string, term: NodeSelectorTerm | undefined): void {
  for (const [at, { key, operator, values = [] }] of (term?.matchExpressions ?? []).entries()) {
    const own = `${path}.matchExpressions[${at}]`;
    checkNodeValues(into, own, operator, values);
    checkName(into, `${own}.key`, key, qualifiedNameComplaints);
    if (operator !== "In" && operator !== "NotIn") continue;
    for (const [index, value] of values.entries())
      checkName(into, `${own}.values[${index}]`, value, labelValueComplaints);
  }
  for (const [at, { key, operator, values = [] }] of (term?.matchFields ?? []).entries()) {
    const own = `${path}.matchFields[${at}]`;
    if (operator !== "In" && operator !== "NotIn")
      into.push(invalid(`${own}.operator`, operator, "not a valid selector operator"));
    else if (values.length !== 1)
      into.push(
        required(
          `${own}.values`,
          "must be only one value when `operator` is 'In' or 'NotIn' for node field selector",
        ),
      );
    if (key !== "metadata.name") into.push(invalid(`${own}.key`, key, "not a valid field selector key"));
  }
}

function checkNodeValues(into: Findings, path: string, operator: string, values: readonly string[]): void {
  switch (operator) {
    case "In":
    case "NotIn":
      if (values.length === 0)
        into.push(required(`${path}.values`, "must be specified when `operator` is 'In' or 'NotIn'"));
      break;
    case "Exists":
    case "DoesNotExist":
      if (values.length > 0)
        into.push(
          forbidden(`${path}.values`, "may not be specified when `operator` is 'Exists' or 'DoesNotExist'"),
        );
      break;
    case "Gt":
    case "Lt":
      if (values.length !== 1)
        into.push(
          required(`${path}.values`, "must be specified single value when `operator` is 'Lt' or 'Gt'"),
        );
      break;
    default:
      into.push(invalid(`${path}.operator`, operator, "not a valid selector operator"));
  }
}

type PodTerm = NonNullable<
  NonNullable<
    NonNullable<PodSpec["affinity"]>["podAffinity"]
  >["requiredDuringSchedulingIgnoredDuringExecution"]
>[number];

function checkPodTerm(into: Findings, path: string, term: PodTerm): void {
  checkSelector(into, `${path}.labelSelector`, term.labelSelector);
  checkSelector(into, `${path}.namespaceSelector`, term.namespaceSelector);
  if ((term.topologyKey ?? "") === "") into.push(required(`${path}.topologyKey`, "can not be empty"));
  else checkName(into, `${path}.topologyKey`, term.topologyKey, qualifiedNameComplaints);
}

export function checkSpread(
  into: Findings,
  path: string,
  constraints: NonNullable<PodSpec["topologySpreadConstraints"]>,
): void {
  const seen = new Set<string>();
  for (const [at, constraint] of constraints.entries()) {
    const own = `${path}[${at}]`;
    const { maxSkew, topologyKey, whenUnsatisfiable, minDomains } = constraint;
    if (maxSkew <= 0) into.push(invalid(`${own}.maxSkew`, maxSkew, "must be greater than zero"));
    if (topologyKey === "") into.push(required(`${own}.topologyKey`, "can not be empty"));
    else checkName(into, `${own}.topologyKey`, topologyKey, qualifiedNameComplaints);
    checkSupported(into, `${own}.whenUnsatisfiable`, whenUnsatisfiable, ["DoNotSchedule", "ScheduleAnyway"]);
    const pair = `{${topologyKey}, ${whenUnsatisfiable}}`;
    if (seen.has(pair)) into.push(duplicate(`${own}.{topologyKey, whenUnsatisfiable}`, pair));
    seen.add(pair);
    if (minDomains !== undefined) {
      if (minDomains <= 0) into.push(invalid(`${own}.minDomains`, minDomains, "must be greater than zero"));
      if (whenUnsatisfiable !== "DoNotSchedule")
        into.push(
          invalid(
            `${own}.minDomains`,
            minDomains,
            `can only use minDomains if whenUnsatisfiable=DoNotSchedule, not ${whenUnsatisfiable}`,
          ),
        );
    }
    checkSelector(into, `${own}.labelSelector`, constraint.labelSelector);
  }
}

/** Of pods and of classes of priority. */
export const preemptionPolicies = ["PreemptLowerPriority", "Never"];

const greatestInt32 = 2 ** 31 - 1;

export function checkDeadline(
  into: Findings,
  path: string,
  seconds: number | undefined,
  least: number,
): void {
  checkRange(into, path, seconds, least, greatestInt32);
}

import type { KubeObject, LabelSelector, ObjectMeta } from "#api/kube/meta.ts";
import type { NamedRuleWithOperations, RuleWithOperations } from "#api/kube/types/admissionregistration.ts";
import { selects } from "#orchestrator/machinery/label-selector.ts";
import type { ObjectReader } from "#orchestrator/machinery/object-reader.ts";
import type { Draft } from "#orchestrator/machinery/resource.ts";
import type { Admission } from "../plugin.ts";

/** Which writes a webhook or a policy is asked about. */
export interface Constraints {
  readonly rules: readonly RuleWithOperations[];
  readonly excluded?: readonly NamedRuleWithOperations[];
  readonly namespaceSelector?: LabelSelector;
  readonly objectSelector?: LabelSelector;
}

const webhookConfigurations = new Set(["validatingwebhookconfigurations", "mutatingwebhookconfigurations"]);
const policies = new Set([
  "validatingadmissionpolicies",
  "validatingadmissionpolicybindings",
  "mutatingadmissionpolicies",
  "mutatingadmissionpolicybindings",
]);

/** What configures policies is never subject to them: nobody could mend it any more. */
export function isPolicy({ resource: { group, resource } }: Admission): boolean {
  return group === "admissionregistration.k8s.io" && policies.has(resource);
}

/** Nor is what configures webhooks, or policies, subject to webhooks. */
export function isExempt(request: Admission): boolean {
  const { group, resource } = request.resource;
  return (
    isPolicy(request) || (group === "admissionregistration.k8s.io" && webhookConfigurations.has(resource))
  );
}

/** Whether a write is one that is asked about. */
export function isAsked(constraints: Constraints, request: Admission, objects: ObjectReader): boolean {
  const { rules, excluded = [], namespaceSelector, objectSelector } = constraints;
  return (
    rules.some((rule) => meetsRule(rule, request)) &&
    !excluded.some((rule) => meetsRule(rule, request)) &&
    meetsNamespace(namespaceSelector, request, objects) &&
    meetsObject(objectSelector, request)
  );
}

function meetsRule(rule: NamedRuleWithOperations, request: Admission): boolean {
  const { operation, resource, name } = request;
  const { operations = [], apiGroups = [], apiVersions = [], scope = "*", resourceNames = [] } = rule;
  const isOne = (all: readonly string[], own: string) => all.includes("*") || all.includes(own);
  const isScoped = scope === "*" || (scope === "Namespaced") === (request.namespace !== undefined);
  return (
    isOne(operations, operation) &&
    isOne(apiGroups, resource.group) &&
    isOne(apiVersions, resource.version) &&
    isScoped &&
    (rule.resources ?? []).some((each) => isResource(each, request)) &&
    (resourceNames.length === 0 || resourceNames.includes(name))
  );
}

// `pods` is the resource alone, `pods/status` a part of it; a star stands for any resource, or for any part and none.
function isResource(pattern: string, { resource, subresource }: Admission): boolean {
  const [own = "", part] = pattern.split("/");
  const isPart = part === undefined ? subresource === "" : part === "*" || part === subresource;
  return isPart && (own === "*" || own === resource.resource);
}

function meetsNamespace(
  selector: LabelSelector | undefined,
  request: Admission,
  objects: ObjectReader,
): boolean {
  if (selector === undefined || isEmpty(selector)) return true;
  const { group, resource } = request.resource;
  if (group === "" && resource === "namespaces") {
    const own =
      request.operation === "CREATE" || request.operation === "UPDATE" ? request.object : request.old;
    return selects(selector, labelsOf(own) ?? labelsOf(request.old));
  }
  if (request.namespace === undefined) return true;
  const found = objects.find<KubeObject>("namespaces", undefined, request.namespace);
  return selects(selector, found?.metadata.labels);
}

function meetsObject(selector: LabelSelector | undefined, { object, old }: Admission): boolean {
  if (selector === undefined || isEmpty(selector)) return true;
  return [object, old].some((each) => each !== undefined && selects(selector, labelsOf(each)));
}

function isEmpty({ matchLabels = {}, matchExpressions = [] }: LabelSelector): boolean {
  return Object.keys(matchLabels).length === 0 && matchExpressions.length === 0;
}

function labelsOf(object: Draft | undefined): Readonly<Record<string, string>> | undefined {
  return (object?.["metadata"] as ObjectMeta | undefined)?.labels;
}

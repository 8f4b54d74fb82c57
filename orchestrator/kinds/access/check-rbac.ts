import type { ClusterRole, PolicyRule, RoleBinding } from "#api/kube/types/rbac.ts";
import { invalid, notSupported, required } from "#orchestrator/machinery/field-error.ts";
import { isSameJson } from "#orchestrator/machinery/json-equal.ts";
import { pathSegmentComplaints, subdomainComplaints } from "#orchestrator/machinery/names.ts";
import type { Draft, FieldError } from "#orchestrator/machinery/resource.ts";
import { checkName, checkSelector, type Findings } from "../check.ts";
import { view } from "../edit.ts";

const group = "rbac.authorization.k8s.io";

/** Of roles and cluster roles. */
export function roleErrors(object: Draft): readonly FieldError[] {
  const into: Findings = [];
  const { rules, aggregationRule, kind } = view<ClusterRole>(object);
  const isNamespaced = (kind as string) === "Role";
  for (const [at, rule] of (rules ?? []).entries()) checkRule(into, `rules[${at}]`, rule, isNamespaced);
  if (aggregationRule === undefined) return into;
  const selectors = aggregationRule.clusterRoleSelectors ?? [];
  const path = "aggregationRule.clusterRoleSelectors";
  if (selectors.length === 0)
    into.push(required(path, "at least one clusterRoleSelector required if aggregationRule is non-nil"));
  for (const [at, selector] of selectors.entries()) checkSelector(into, `${path}[${at}]`, selector);
  return into;
}

function checkRule(into: Findings, path: string, rule: PolicyRule, isNamespaced: boolean): void {
  const { verbs, apiGroups = [], resources = [], resourceNames = [], nonResourceURLs = [] } = rule;
  if ((verbs ?? []).length === 0)
    into.push(required(`${path}.verbs`, "verbs must contain at least one value"));
  if (nonResourceURLs.length > 0) {
    if (isNamespaced)
      into.push(
        invalid(
          `${path}.nonResourceURLs`,
          nonResourceURLs,
          "namespaced rules cannot apply to non-resource URLs",
        ),
      );
    if (apiGroups.length + resources.length + resourceNames.length > 0)
      into.push(
        invalid(
          `${path}.nonResourceURLs`,
          nonResourceURLs,
          "rules cannot apply to both regular resources and non-resource URLs",
        ),
      );
    return;
  }
  if (apiGroups.length === 0)
    into.push(required(`${path}.apiGroups`, "resource rules must supply at least one api group"));
  if (resources.length === 0)
    into.push(required(`${path}.resources`, "resource rules must supply at least one resource"));
}

/** Of bindings in a namespace and of the cluster. */
export function bindingErrors(object: Draft): readonly FieldError[] {
  const into: Findings = [];
  const { roleRef, subjects, kind } = view<RoleBinding>(object);
  const isNamespaced = kind === "RoleBinding";
  if ((roleRef?.apiGroup ?? "") !== group)
    into.push(notSupported("roleRef.apiGroup", roleRef?.apiGroup ?? "", [group]));
  const kinds = isNamespaced ? ["Role", "ClusterRole"] : ["ClusterRole"];
  if (!kinds.includes(roleRef?.kind ?? ""))
    into.push(notSupported("roleRef.kind", roleRef?.kind ?? "", kinds));
  if ((roleRef?.name ?? "") === "") into.push(required("roleRef.name"));
  else checkName(into, "roleRef.name", roleRef.name, pathSegmentComplaints);
  for (const [at, subject] of (subjects ?? []).entries())
    checkSubject(into, `subjects[${at}]`, subject, isNamespaced);
  return into;
}

type Subject = NonNullable<RoleBinding["subjects"]>[number];

function checkSubject(into: Findings, path: string, subject: Subject, isNamespaced: boolean): void {
  const { kind, name, namespace = "", apiGroup = "" } = subject;
  if ((name ?? "") === "") into.push(required(`${path}.name`));
  switch (kind) {
    case "ServiceAccount":
      if ((name ?? "") !== "") checkName(into, `${path}.name`, name, subdomainComplaints);
      if (apiGroup !== "") into.push(notSupported(`${path}.apiGroup`, apiGroup, [""]));
      if (namespace === "" && !isNamespaced) into.push(required(`${path}.namespace`));
      break;
    case "User":
    case "Group":
      if (apiGroup !== group) into.push(notSupported(`${path}.apiGroup`, apiGroup, [group]));
      break;
    default:
      into.push(notSupported(`${path}.kind`, kind ?? "", ["ServiceAccount", "User", "Group"]));
  }
}

export function bindingUpdateErrors(next: Draft, old: Draft): readonly FieldError[] {
  const into = [...bindingErrors(next)];
  if (!isSameJson(next["roleRef"], old["roleRef"]))
    into.push(invalid("roleRef", next["roleRef"], "cannot change roleRef"));
  return into;
}

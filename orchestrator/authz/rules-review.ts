import { failure } from "#api/kube/status.ts";
import type { SubjectRulesReviewStatus } from "#api/kube/types/authorization.ts";
import type { PolicyRule } from "#api/kube/types/rbac.ts";
import type { User } from "#orchestrator/authn/user.ts";
import type { Draft } from "#orchestrator/machinery/resource.ts";
import { nodeNameOf } from "./node-name.ts";
import type { RbacAuthorizer } from "./rbac-authorizer.ts";

/**
 * What the user may do in a namespace, for `kubectl auth can-i --list`.
 *
 * @throws {StatusError} `BadRequest` without a namespace
 * @see Kubernetes API 1.36, authorization.k8s.io/v1 SelfSubjectRulesReview
 */
export function reviewRules(
  rbac: RbacAuthorizer,
  user: User,
  body: { readonly metadata?: object; readonly spec?: { readonly namespace?: string } },
): Draft {
  const { namespace = "" } = body.spec ?? {};
  if (namespace === "") throw failure("BadRequest", "no namespace on request");
  return {
    kind: "SelfSubjectRulesReview",
    apiVersion: "authorization.k8s.io/v1",
    metadata: body.metadata ?? {},
    spec: {},
    status: statusOf(rbac, user, namespace),
  };
}

function statusOf(rbac: RbacAuthorizer, user: User, namespace: string): SubjectRulesReviewStatus {
  const { rules, errors } = rbac.rulesFor(user, namespace);
  const isMaster = user.groups.includes("system:masters");
  const problems = [
    ...errors,
    // Its authoriser decides by what runs on it, which no list can say.
    ...(nodeNameOf(user) === undefined ? [] : ["node authorizer does not support user rule resolution"]),
  ];
  const all = isMaster ? [everything, everyPath, ...rules] : rules;
  return {
    resourceRules: all.filter(({ resources = [] }) => resources.length > 0).map(resourceRule),
    nonResourceRules: all
      .filter(({ nonResourceURLs = [] }) => nonResourceURLs.length > 0)
      .map(({ verbs, nonResourceURLs = [] }) => ({ verbs, nonResourceURLs })),
    incomplete: problems.length > 0,
    ...(problems.length > 0 && { evaluationError: problems.join(", ") }),
  };
}

const everything: PolicyRule = { verbs: ["*"], apiGroups: ["*"], resources: ["*"] };
const everyPath: PolicyRule = { verbs: ["*"], nonResourceURLs: ["*"] };

function resourceRule({ verbs, apiGroups = [], resources = [], resourceNames = [] }: PolicyRule) {
  return { verbs, apiGroups, resources, ...(resourceNames.length > 0 && { resourceNames }) };
}

import { failure } from "#api/kube/status.ts";
import type {
  NonResourceAttributes,
  ResourceAttributes,
  SubjectAccessReviewSpec,
  SubjectAccessReviewStatus,
} from "#api/kube/types/authorization.ts";
import type { User } from "#orchestrator/authn/user.ts";
import { goAggregate } from "#orchestrator/machinery/go-text.ts";
import type { Draft } from "#orchestrator/machinery/resource.ts";
import type { Attributes, Authorizer } from "./authorizer.ts";

const group = "authorization.k8s.io";
const pathField = "spec.nonResourceAttributes";

export type AccessReviewKind = "SelfSubjectAccessReview" | "SubjectAccessReview" | "LocalSubjectAccessReview";

export interface AccessReview {
  readonly metadata?: object;
  readonly spec?: SubjectAccessReviewSpec;
}

export interface AccessReviewRequest {
  readonly kind: AccessReviewKind;
  readonly body: AccessReview;
  /** Who asks; for SelfSubjectAccessReview also who it is about. */
  readonly user: User;
  /** Of the URL, for LocalSubjectAccessReview. */
  readonly namespace?: string;
}

/**
 * Whether somebody may do something.
 *
 * @throws {StatusError} `Invalid` for a question that is none, `BadRequest` for the wrong namespace
 * @see Kubernetes API 1.36, authorization.k8s.io/v1
 */
export function reviewAccess(
  authorizer: Authorizer,
  { kind, body, user, namespace }: AccessReviewRequest,
): Draft {
  const spec = body.spec ?? {};
  check(kind, spec);
  if (kind === "LocalSubjectAccessReview") checkNamespace(spec, namespace);
  const about = kind === "SelfSubjectAccessReview" ? user : userOf(spec);
  return {
    kind,
    apiVersion: `${group}/v1`,
    metadata: body.metadata ?? {},
    spec,
    status: statusOf(authorizer, attributesOf(about, spec)),
  };
}

function statusOf(authorizer: Authorizer, attributes: Attributes): SubjectAccessReviewStatus {
  const { is, reason } = authorizer.authorize(attributes);
  return {
    allowed: is === "allowed",
    ...(is === "denied" && { denied: true }),
    ...(reason !== "" && { reason }),
  };
}

function check(kind: AccessReviewKind, spec: SubjectAccessReviewSpec): void {
  const { resourceAttributes, nonResourceAttributes, user = "", groups = [] } = spec;
  const path = JSON.stringify(nonResourceAttributes);
  const [hasResource, hasPath] = [resourceAttributes !== undefined, nonResourceAttributes !== undefined];
  const isWithoutUser = kind !== "SelfSubjectAccessReview" && user === "" && groups.length === 0;
  const problems: (readonly [field: string, value: string, detail: string])[] = [];
  if (hasResource && hasPath)
    problems.push([pathField, path, "cannot be specified in combination with resourceAttributes"]);
  if (!hasResource && !hasPath)
    problems.push([
      "spec.resourceAttributes",
      "null",
      "exactly one of nonResourceAttributes or resourceAttributes must be specified",
    ]);
  if (isWithoutUser) problems.push(["spec.user", '""', "at least one of user or group must be specified"]);
  if (kind === "LocalSubjectAccessReview" && hasPath)
    problems.push([pathField, path, "disallowed on this kind of request"]);
  if (problems.length === 0) return;
  const causes = problems.map(([field, value, detail]) => ({
    reason: "FieldValueInvalid",
    message: `Invalid value: ${value}: ${detail}`,
    field,
  }));
  const text = goAggregate(causes.map(({ field, message }) => `${field}: ${message}`));
  throw failure("Invalid", `${kind}.${group} "" is invalid: ${text}`, { group, kind, causes });
}

function checkNamespace(
  { resourceAttributes }: SubjectAccessReviewSpec,
  namespace: string | undefined,
): void {
  if (resourceAttributes?.namespace !== namespace)
    throw failure("BadRequest", `spec.resourceAttributes.namespace must match namespace: ${namespace ?? ""}`);
}

function userOf({ user = "", groups = [], uid, extra }: SubjectAccessReviewSpec): User {
  return { name: user, groups, ...(uid !== undefined && { uid }), ...(extra !== undefined && { extra }) };
}

function attributesOf(user: User, spec: SubjectAccessReviewSpec): Attributes {
  const { resourceAttributes, nonResourceAttributes } = spec;
  return resourceAttributes === undefined
    ? pathAttributes(user, nonResourceAttributes ?? {})
    : ofResource(user, resourceAttributes);
}

function pathAttributes(user: User, { verb = "", path = "" }: NonResourceAttributes): Attributes {
  return { user, verb, type: "path", path };
}

function ofResource(user: User, asked: ResourceAttributes): Attributes {
  const {
    verb = "",
    group: apiGroup = "",
    version = "",
    resource = "",
    subresource,
    namespace,
    name,
  } = asked;
  const fieldSelector = fieldSelectorOf(asked.fieldSelector);
  return {
    user,
    verb,
    type: "resource",
    group: apiGroup,
    version,
    resource,
    ...(subresource !== undefined && { subresource }),
    ...(namespace !== undefined && { namespace }),
    ...(name !== undefined && { name }),
    ...(fieldSelector !== undefined && { fieldSelector }),
  };
}

/** Of requirements those that a selector can say; leaving the others out only widens what is asked. */
function fieldSelectorOf(selector: ResourceAttributes["fieldSelector"]): string | undefined {
  if (selector?.rawSelector !== undefined) return selector.rawSelector;
  const terms = (selector?.requirements ?? []).flatMap(({ key, operator, values = [] }) => {
    if (values.length !== 1) return [];
    const [value = ""] = values;
    const sign = operator === "In" ? "=" : operator === "NotIn" ? "!=" : undefined;
    return sign === undefined ? [] : [`${key}${sign}${value.replaceAll(/[\\,=]/g, "\\$&")}`];
  });
  return terms.length === 0 ? undefined : terms.join(",");
}

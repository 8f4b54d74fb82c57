import type {
  MatchResources,
  MutatingWebhook,
  MutatingWebhookConfiguration,
  RuleWithOperations,
  ValidatingAdmissionPolicy,
  ValidatingAdmissionPolicyBinding,
  ValidatingWebhook,
} from "#api/kube/types/admissionregistration.ts";
import type { APIService } from "#api/kube/types/apiregistration.ts";
import type { RoleBinding } from "#api/kube/types/rbac.ts";
import type { Draft } from "#orchestrator/machinery/resource.ts";
import { edit, type Writable } from "../edit.ts";

const rbacGroup = "rbac.authorization.k8s.io";
const webhookTimeoutS = 10;
const httpsPort = 443;

export function defaultRoleBinding(object: Draft): void {
  const { roleRef, subjects } = edit<RoleBinding>(object);
  if (roleRef !== undefined && (roleRef.apiGroup ?? "") === "") roleRef.apiGroup = rbacGroup;
  for (const subject of subjects ?? []) {
    if (subject.kind === "User" || subject.kind === "Group") subject.apiGroup ??= rbacGroup;
  }
}

export function defaultMutatingWebhooks(object: Draft): void {
  for (const webhook of edit<MutatingWebhookConfiguration>(object).webhooks ?? []) {
    defaultWebhook(webhook);
    webhook.reinvocationPolicy ??= "Never";
  }
}

export function defaultValidatingWebhooks(object: Draft): void {
  for (const webhook of edit<{ webhooks?: readonly ValidatingWebhook[] }>(object).webhooks ?? []) {
    defaultWebhook(webhook);
  }
}

function defaultWebhook(webhook: Writable<MutatingWebhook> | Writable<ValidatingWebhook>): void {
  webhook.failurePolicy ??= "Fail";
  webhook.matchPolicy ??= "Equivalent";
  webhook.namespaceSelector ??= {};
  webhook.objectSelector ??= {};
  webhook.timeoutSeconds ??= webhookTimeoutS;
  const service = webhook.clientConfig?.service;
  if (service !== undefined) service.port ??= httpsPort;
  for (const rule of webhook.rules ?? []) defaultRule(rule);
}

function defaultRule(rule: Writable<RuleWithOperations>): void {
  rule.scope ??= "*";
}

function defaultMatch(match: Writable<MatchResources>): void {
  match.matchPolicy ??= "Equivalent";
  match.namespaceSelector ??= {};
  match.objectSelector ??= {};
  for (const rule of [...(match.resourceRules ?? []), ...(match.excludeResourceRules ?? [])])
    defaultRule(rule);
}

/** Of validating and mutating ones. */
export function defaultAdmissionPolicy(object: Draft): void {
  const { spec } = edit<ValidatingAdmissionPolicy>(object);
  if (spec === undefined) return;
  spec.failurePolicy ??= "Fail";
  if (spec.matchConstraints !== undefined) defaultMatch(spec.matchConstraints);
}

export function defaultAdmissionPolicyBinding(object: Draft): void {
  const { spec } = edit<ValidatingAdmissionPolicyBinding>(object);
  if (spec?.matchResources !== undefined) defaultMatch(spec.matchResources);
}

export function defaultApiService(object: Draft): void {
  const service = edit<APIService>(object).spec?.service;
  if (service !== undefined) service.port ??= httpsPort;
}

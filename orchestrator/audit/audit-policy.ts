import { Fault } from "#base/fault.ts";
import type { User } from "#orchestrator/authn/user.ts";
import {
  type AuditLevel,
  auditLevels,
  type AuditStage,
  auditStages,
  type AuditSubject,
} from "./audit-event.ts";

/** @see Kubernetes API 1.36, audit.k8s.io/v1 Policy */
export interface AuditPolicy {
  readonly rules: readonly AuditRule[];
  readonly omitStages: readonly AuditStage[];
  readonly omitManagedFields: boolean;
}

export interface AuditRule {
  readonly level: AuditLevel;
  readonly users?: readonly string[];
  readonly userGroups?: readonly string[];
  readonly verbs?: readonly string[];
  readonly resources?: readonly {
    readonly group?: string;
    readonly resources?: readonly string[];
    readonly resourceNames?: readonly string[];
  }[];
  readonly namespaces?: readonly string[];
  readonly nonResourceURLs?: readonly string[];
  readonly omitStages?: readonly AuditStage[];
  readonly omitManagedFields?: boolean;
}

export interface Verdict {
  readonly level: AuditLevel;
  readonly omitStages: readonly AuditStage[];
  readonly omitManagedFields: boolean;
}

/** Every request but questions about health and the heartbeats of nodes and leaders, once it is answered; no bodies. */
export const defaultPolicy: AuditPolicy = {
  omitStages: ["RequestReceived"],
  omitManagedFields: true,
  rules: [
    { level: "None", nonResourceURLs: ["/healthz*", "/livez*", "/readyz*", "/version"] },
    {
      level: "None",
      userGroups: ["system:nodes"],
      verbs: ["get", "update", "patch"],
      resources: [
        { group: "coordination.k8s.io", resources: ["leases"] },
        { group: "", resources: ["nodes", "nodes/status"] },
      ],
    },
    {
      level: "None",
      userGroups: ["system:masters"],
      users: ["system:apiserver"],
      verbs: ["get", "list", "watch"],
    },
    { level: "Metadata" },
  ],
};

/** The first rule that fits decides; without one nothing is written. */
export function judge(policy: AuditPolicy, user: User, subject: AuditSubject): Verdict {
  for (const rule of policy.rules)
    if (fits(rule, user, subject))
      return {
        level: rule.level,
        omitStages: [...policy.omitStages, ...(rule.omitStages ?? [])],
        omitManagedFields: rule.omitManagedFields ?? policy.omitManagedFields,
      };
  return { level: "None", omitStages: [], omitManagedFields: false };
}

function fits(rule: AuditRule, user: User, subject: AuditSubject): boolean {
  const {
    users = [],
    userGroups = [],
    verbs = [],
    namespaces = [],
    resources = [],
    nonResourceURLs = [],
  } = rule;
  if (users.length > 0 && !users.includes(user.name)) return false;
  if (userGroups.length > 0 && !userGroups.some((group) => user.groups.includes(group))) return false;
  if (verbs.length > 0 && !verbs.includes(subject.verb)) return false;
  if (namespaces.length > 0 || resources.length > 0) return fitsResource(rule, subject);
  if (nonResourceURLs.length > 0)
    return (
      subject.resource === undefined && nonResourceURLs.some((pattern) => fitsPath(pattern, subject.path))
    );
  return true;
}

function fitsResource({ namespaces = [], resources = [] }: AuditRule, { resource }: AuditSubject): boolean {
  if (resource === undefined) return false;
  if (namespaces.length > 0 && !namespaces.includes(resource.namespace ?? "")) return false;
  if (resources.length === 0) return true;
  const { resource: name, subresource } = resource;
  const full = subresource === undefined ? name : `${name}/${subresource}`;
  return resources.some(
    ({ group = "", resources: names = [], resourceNames = [] }) =>
      group === resource.group &&
      (names.length === 0 || names.some((pattern) => fitsName(pattern, name, subresource, full))) &&
      (resourceNames.length === 0 || resourceNames.includes(resource.name ?? "")),
  );
}

function fitsName(pattern: string, name: string, subresource: string | undefined, full: string): boolean {
  if (pattern === "*" || pattern === full) return true;
  if (subresource === undefined) return false;
  return pattern === `*/${subresource}` || pattern === `${name}/*`;
}

function fitsPath(pattern: string, path: string): boolean {
  return pattern.endsWith("*") ? path.startsWith(pattern.slice(0, -1)) : pattern === path;
}

/**
 * Checks a policy that was read from a file.
 *
 * @throws {Fault} `invalid` for what is none, with what is wrong
 */
export function parseAuditPolicy(value: unknown): AuditPolicy {
  const policy = (value ?? {}) as Readonly<Record<string, unknown>>;
  if (policy["kind"] !== "Policy" || policy["apiVersion"] !== "audit.k8s.io/v1")
    throw new Fault("invalid", "audit policy: it must be kind Policy of audit.k8s.io/v1");
  const { rules, omitStages = [], omitManagedFields = false } = policy;
  if (!Array.isArray(rules) || rules.length === 0)
    throw new Fault("invalid", "audit policy: it must have rules");
  return {
    rules: rules.map((rule: unknown, index) => checkRule(rule, `rules[${index}]`)),
    omitStages: checkStages(omitStages, "omitStages"),
    omitManagedFields: omitManagedFields === true,
  };
}

const lists = ["users", "userGroups", "verbs", "namespaces", "nonResourceURLs"] as const;

function checkRule(value: unknown, where: string): AuditRule {
  const rule = (value ?? {}) as Readonly<Record<string, unknown>>;
  const level = auditLevels.find((one) => one === rule["level"]);
  if (level === undefined)
    throw new Fault("invalid", `audit policy: ${where}.level must be one of ${auditLevels.join(", ")}`);
  for (const field of lists) checkTexts(rule[field], `${where}.${field}`);
  for (const [index, resource] of checkList(rule["resources"], `${where}.resources`).entries()) {
    const { resources, resourceNames } = (resource ?? {}) as Readonly<Record<string, unknown>>;
    checkTexts(resources, `${where}.resources[${index}].resources`);
    checkTexts(resourceNames, `${where}.resources[${index}].resourceNames`);
  }
  const hasPaths = checkList(rule["nonResourceURLs"], where).length > 0;
  const hasResources = [rule["resources"], rule["namespaces"]].some(
    (one) => checkList(one, where).length > 0,
  );
  if (hasPaths && hasResources)
    throw new Fault(
      "invalid",
      `audit policy: ${where} cannot apply to both regular resources and non-resource URLs`,
    );
  return {
    ...(rule as unknown as AuditRule),
    level,
    omitStages: checkStages(rule["omitStages"] ?? [], `${where}.omitStages`),
  };
}

function checkStages(value: unknown, where: string): readonly AuditStage[] {
  return checkTexts(value, where).map((text) => {
    const stage = auditStages.find((one) => one === text);
    if (stage === undefined)
      throw new Fault("invalid", `audit policy: ${where} has an unknown stage ${text}`);
    return stage;
  });
}

function checkTexts(value: unknown, where: string): readonly string[] {
  const list = checkList(value, where);
  if (!list.every((one) => typeof one === "string"))
    throw new Fault("invalid", `audit policy: ${where} must be a list of texts`);
  return list;
}

function checkList(value: unknown, where: string): readonly unknown[] {
  if (value === undefined || value === null) return [];
  if (!Array.isArray(value)) throw new Fault("invalid", `audit policy: ${where} must be a list`);
  return value;
}

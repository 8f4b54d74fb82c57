import { failure } from "#api/kube/status.ts";
import type { User } from "#orchestrator/authn/user.ts";
import { goList } from "#orchestrator/machinery/go-text.ts";
import type { Authorizer } from "./authorizer.ts";
import type { PolicyRule, RoleRef } from "#api/kube/types/rbac.ts";
import type { RbacAuthorizer } from "./rbac-authorizer.ts";
import type { RbacIndex } from "./rbac-index.ts";
import { describeRules, uncovered } from "./rule-cover.ts";

const group = "rbac.authorization.k8s.io";

export interface EscalationDeps {
  /** Who may do without. */
  readonly authorizer: Authorizer;
  readonly rbac: RbacAuthorizer;
  readonly index: RbacIndex;
}

/** A role or a binding that somebody writes. */
export interface RbacWrite {
  readonly user: User;
  /** roles, clusterroles, rolebindings or clusterrolebindings */
  readonly resource: string;
  readonly namespace: string;
  readonly name: string;
}

/**
 * Nobody grants in a role what they do not have, unless they may `escalate` it.
 *
 * @throws {StatusError} `Forbidden` with what is missing
 */
export function checkRoleWrite(deps: EscalationDeps, write: RbacWrite, rules: readonly PolicyRule[]): void {
  if (isAllowed(deps, write, "escalate", write.resource, write.name)) return;
  checkRules(deps, write, rules);
}

/**
 * Nobody binds anyone to a role whose rules they do not have, unless they may `bind` it.
 *
 * @throws {StatusError} `Forbidden` with what is missing, `NotFound` for a role that is not there
 */
export function checkBindingWrite(deps: EscalationDeps, write: RbacWrite, ref: RoleRef): void {
  const resource = ref.kind === "ClusterRole" ? "clusterroles" : "roles";
  if (isAllowed(deps, write, "bind", resource, ref.name)) return;
  const rules = deps.index.rulesOf(ref, write.namespace);
  if (rules === undefined)
    throw failure("NotFound", `${resource}.${group} ${JSON.stringify(ref.name)} not found`, {
      name: ref.name,
      group,
      kind: resource,
    });
  checkRules(deps, write, rules);
}

function isAllowed(
  { authorizer }: EscalationDeps,
  { user, namespace }: RbacWrite,
  verb: string,
  resource: string,
  name: string,
): boolean {
  if (user.groups.includes("system:masters")) return true;
  const attributes = {
    user,
    verb,
    type: "resource",
    group,
    version: "v1",
    resource,
    namespace,
    name,
  } as const;
  return authorizer.authorize(attributes).is === "allowed";
}

function checkRules({ rbac }: EscalationDeps, write: RbacWrite, rules: readonly PolicyRule[]): void {
  const { user, resource, namespace, name } = write;
  const owned = rbac.rulesFor(user, namespace);
  const missing = uncovered(owned.rules, rules);
  if (missing.length === 0) return;
  const unresolved = owned.errors.length === 0 ? "" : `; resolution errors: [${owned.errors.join(", ")}]`;
  const problem = `user ${JSON.stringify(user.name)} (groups=${goList(user.groups)}) is attempting to grant RBAC permissions not currently held:\n${describeRules(missing).join("\n")}${unresolved}`;
  throw failure("Forbidden", `${resource}.${group} ${JSON.stringify(name)} is forbidden: ${problem}`, {
    name,
    group,
    kind: resource,
  });
}

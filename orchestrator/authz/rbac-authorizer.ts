import type { User } from "#orchestrator/authn/user.ts";
import { goAggregate } from "#orchestrator/machinery/go-text.ts";
import type { Attributes, Authorizer, Decision } from "./authorizer.ts";
import type { PolicyRule } from "#api/kube/types/rbac.ts";
import { ruleAllows } from "./policy-rule.ts";
import type { Grant, RbacIndex } from "./rbac-index.ts";

/** All rules that a user has somewhere, as far as they can be told. */
export interface UserRules {
  readonly rules: readonly PolicyRule[];
  /** What could not be resolved, e.g. bindings to roles that are not there. */
  readonly errors: readonly string[];
}

/** Role-based access control: what is not granted is not allowed. @see Kubernetes, Using RBAC Authorization */
export class RbacAuthorizer implements Authorizer {
  readonly #index: RbacIndex;

  constructor(index: RbacIndex) {
    this.#index = index;
  }

  authorize(attributes: Attributes): Decision {
    const namespace = attributes.type === "resource" ? (attributes.namespace ?? "") : "";
    const missing: string[] = [];
    for (const grant of this.#index.grantsOf(attributes.user, namespace)) {
      const rules = this.#rulesOf(grant);
      if (rules === undefined) missing.push(missingRole(grant));
      else if (rules.some((rule) => ruleAllows(rule, attributes)))
        return { is: "allowed", reason: `RBAC: allowed by ${describe(grant)}` };
    }
    return { is: "no-opinion", reason: missing.length === 0 ? "" : `RBAC: ${goAggregate(missing)}` };
  }

  /** @param namespace empty for the whole cluster's only */
  rulesFor(user: User, namespace: string): UserRules {
    const rules: PolicyRule[] = [];
    const errors: string[] = [];
    for (const grant of this.#index.grantsOf(user, namespace)) {
      const found = this.#rulesOf(grant);
      if (found === undefined) errors.push(missingRole(grant));
      else rules.push(...found);
    }
    return { rules, errors };
  }

  #rulesOf({ binding }: Grant): readonly PolicyRule[] | undefined {
    return this.#index.rulesOf(binding.roleRef, binding.metadata.namespace ?? "");
  }
}

function missingRole({ binding }: Grant): string {
  const { kind, name } = binding.roleRef;
  return `${kind.toLowerCase()}.rbac.authorization.k8s.io ${JSON.stringify(name)} not found`;
}

function describe({ binding: { metadata, roleRef }, subject }: Grant): string {
  const { name = "", namespace = "" } = metadata;
  const own = namespace === "" ? `ClusterRoleBinding "${name}"` : `RoleBinding "${name}/${namespace}"`;
  const whom =
    subject.kind === "ServiceAccount" ? `${subject.name}/${subject.namespace ?? namespace}` : subject.name;
  return `${own} of ${roleRef.kind} "${roleRef.name}" to ${subject.kind} "${whom}"`;
}

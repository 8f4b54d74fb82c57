import type { KubeObject } from "#api/kube/meta.ts";
import { type StatusReason, StatusError } from "#api/kube/status.ts";
import type {
  ValidatingAdmissionPolicy,
  ValidatingAdmissionPolicyBinding,
  Validation,
} from "#api/kube/types/admissionregistration.ts";
import { goAggregate } from "#orchestrator/machinery/go-text.ts";
import type { Admission, AdmissionPlugin } from "../plugin.ts";
import { refuse } from "../support.ts";
import { evaluate, meetsConditions } from "./conditions.ts";
import { isPolicy } from "./matching.ts";
import {
  invocationsOf,
  nameOf,
  policiesFor,
  type PolicyDeps,
  scopeOf,
  type Variables,
  withParam,
  withVariables,
} from "./policy-scope.ts";

/** What one expression has against a request. */
interface Objection {
  readonly message: string;
  readonly reason?: StatusReason;
}

interface Denial extends Objection {
  readonly policy: string;
  readonly binding?: string;
}

/** An entry of the annotation that audits read. */
interface Audited {
  readonly message: string;
  readonly policy: string;
  readonly binding: string;
  readonly expressionIndex: number;
  readonly validationActions: readonly string[];
}

const policyResource = "validatingadmissionpolicies.admissionregistration.k8s.io";
const bindingResource = "validatingadmissionpolicybindings.admissionregistration.k8s.io";
const mostAudited = 50;
const mostMessageBytes = 5 << 10;
const mostAnnotation = 10 << 10;

/** Policies in CEL. @see Kubernetes, "Validating Admission Policy" */
export function validatingPolicies(deps: PolicyDeps): AdmissionPlugin {
  return {
    name: "ValidatingAdmissionPolicy",
    async validate(request) {
      if (isPolicy(request)) return;
      const policies = policiesFor<ValidatingAdmissionPolicy>(deps.objects, policyResource, request);
      if (policies.length === 0) return;
      const review = new Review(deps, request);
      for (const policy of policies) review.apply(policy);
      review.finish();
    },
  };
}

/** All policies against one request. */
class Review {
  readonly #deps: PolicyDeps;
  readonly #request: Admission;
  /** Made when the first policy is evaluated; validation changes nothing. */
  #scope: Variables | undefined;
  readonly #denials: Denial[] = [];
  readonly #audited: Audited[] = [];

  constructor(deps: PolicyDeps, request: Admission) {
    this.#deps = deps;
    this.#request = request;
  }

  apply(policy: ValidatingAdmissionPolicy): void {
    const annotations = new Map<string, Set<string>>();
    for (const invocation of invocationsOf<ValidatingAdmissionPolicyBinding>(
      this.#deps,
      bindingResource,
      policy,
      this.#request,
    ))
      if (!("error" in invocation)) this.#evaluate(policy, invocation.binding, invocation.param, annotations);
      else if (policy.spec.failurePolicy !== "Ignore")
        this.#deny(policy, invocation.binding, { message: invocation.error });
    for (const [key, values] of annotations)
      this.#request.annotate(`${nameOf(policy)}/${key}`, [...values].join(", "));
  }

  #evaluate(
    policy: ValidatingAdmissionPolicy,
    binding: ValidatingAdmissionPolicyBinding,
    param: KubeObject | null,
    annotations: Map<string, Set<string>>,
  ): void {
    const { matchConditions = [], variables, validations = [], failurePolicy } = policy.spec;
    this.#scope ??= scopeOf(this.#deps, this.#request);
    const base = withParam(this.#scope, param);
    const known = withVariables(base, variables);
    const met = meetsConditions(matchConditions, base);
    if (met === false) return;
    if (met !== true) {
      if (failurePolicy !== "Ignore") this.#object(policy, binding, 0, { message: goAggregate(met.errors) });
      return;
    }
    for (const [at, validation] of validations.entries()) {
      const objection = objectionOf(validation, known, failurePolicy !== "Ignore");
      if (objection !== undefined) this.#object(policy, binding, at, objection);
    }
    for (const { key, valueExpression } of policy.spec.auditAnnotations ?? []) {
      const found = evaluate(valueExpression, known);
      if ("error" in found) {
        if (failurePolicy !== "Ignore") this.#deny(policy, binding, { message: found.error });
      } else if (typeof found.value === "string" && found.value.trim() !== "") {
        const values = annotations.get(key) ?? new Set();
        annotations.set(key, values.add(found.value.trim().slice(0, mostAnnotation)));
      }
    }
  }

  #object(
    policy: ValidatingAdmissionPolicy,
    binding: ValidatingAdmissionPolicyBinding,
    expressionIndex: number,
    objection: Objection,
  ): void {
    const { validationActions } = binding.spec;
    const { message } = objection;
    const names = { policy: nameOf(policy), binding: nameOf(binding) };
    if (validationActions.includes("Deny")) this.#deny(policy, binding, objection);
    if (validationActions.includes("Audit"))
      this.#audited.push({ message, ...names, expressionIndex, validationActions });
    if (validationActions.includes("Warn"))
      this.#request.warn(
        `Validation failed for ValidatingAdmissionPolicy '${names.policy}' with binding '${names.binding}': ${message}`,
      );
  }

  #deny(
    policy: ValidatingAdmissionPolicy,
    binding: ValidatingAdmissionPolicyBinding | undefined,
    objection: Objection,
  ): void {
    const of = { policy: nameOf(policy), ...(binding !== undefined && { binding: nameOf(binding) }) };
    this.#denials.push({ ...objection, ...of });
  }

  /** @throws {StatusError} the first denial, if there is any */
  finish(): void {
    if (this.#audited.length > 0)
      this.#request.annotate(
        "validation.policy.admission.k8s.io/validation_failure",
        JSON.stringify(this.#audited.slice(0, mostAudited)),
      );
    const [first] = this.#denials;
    if (first !== undefined) throw this.#refusal(first);
  }

  #refusal({ policy, binding, message, reason = "Invalid" }: Denial): StatusError {
    const by = `ValidatingAdmissionPolicy '${policy}'${binding === undefined ? "" : ` with binding '${binding}'`}`;
    const text = `${by} denied request: ${message}`;
    const { status } = refuse(this.#request, text, [{ message: text }]);
    return new StatusError({ ...status, reason, code: codes[reason] ?? 422 });
  }
}

const codes: Partial<Record<StatusReason, number>> = {
  Forbidden: 403,
  Unauthorized: 401,
  RequestEntityTooLarge: 413,
};

function objectionOf(validation: Validation, known: Variables, isStrict: boolean): Objection | undefined {
  const { expression, message = "", messageExpression, reason } = validation;
  const found = evaluate(expression, known);
  if ("error" in found) return isStrict ? { message: found.error } : undefined;
  if (found.value === true) return undefined;
  const said = messageExpression === undefined ? "" : messageFrom(messageExpression, known);
  return {
    message: said || message.trim() || `failed expression: ${expression.trim()}`,
    ...(reason !== undefined && { reason: reason as StatusReason }),
  };
}

/** One line of reasonable length, or nothing. */
function messageFrom(expression: string, known: Variables): string {
  const found = evaluate(expression, known);
  if ("error" in found || typeof found.value !== "string") return "";
  const text = found.value.trim();
  return text.includes("\n") || Buffer.byteLength(text) > mostMessageBytes ? "" : text;
}

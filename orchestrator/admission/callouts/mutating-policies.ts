import { StatusError } from "#api/kube/status.ts";
import type {
  MutatingAdmissionPolicy,
  MutatingAdmissionPolicyBinding,
  Mutation,
} from "#api/kube/types/admissionregistration.ts";
import { messageOf } from "#base/fault.ts";
import type { Atom } from "#orchestrator/machinery/apply/atom.ts";
import { atomicPaths } from "#orchestrator/machinery/apply/atomics.ts";
import { merge } from "#orchestrator/machinery/apply/merge.ts";
import { typeErrors } from "#orchestrator/machinery/apply/validate.ts";
import { jsonOf } from "#orchestrator/machinery/cel/admission-expressions.ts";
import { goAggregate, goQuote } from "#orchestrator/machinery/go-text.ts";
import { isSameJson } from "#orchestrator/machinery/json-equal.ts";
import { applyJsonPatch } from "#orchestrator/machinery/json-patch.ts";
import type { Draft, ResourceDefinition } from "#orchestrator/machinery/resource.ts";
import { isObject } from "#orchestrator/machinery/is-object.ts";
import type { Admission, AdmissionPlugin } from "../plugin.ts";
import { refuse, replaceObject } from "../support.ts";
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

export interface MutatingPolicyDeps extends PolicyDeps {
  /** How objects of a resource are merged. */
  readonly atomOf: (definition: ResourceDefinition) => Atom;
}

const policyResource = "mutatingadmissionpolicies.admissionregistration.k8s.io";
const bindingResource = "mutatingadmissionpolicybindings.admissionregistration.k8s.io";

/** Policies in CEL that change what is written. @see Kubernetes, "Mutating Admission Policy" */
export function mutatingPolicies(deps: MutatingPolicyDeps): AdmissionPlugin {
  return {
    name: "MutatingAdmissionPolicy",
    async admit(request) {
      if (request.object === undefined || isPolicy(request)) return;
      const policies = policiesFor<MutatingAdmissionPolicy>(deps.objects, policyResource, request);
      /** Of those that are to run again when others change what they left. */
      const left = new Map<MutatingAdmissionPolicy, Draft>();
      for (const policy of policies) {
        apply(deps, policy, request, request.object);
        if (policy.spec.reinvocationPolicy === "IfNeeded") left.set(policy, structuredClone(request.object));
      }
      for (const [policy, object] of left)
        if (!isSameJson(object, request.object)) apply(deps, policy, request, request.object);
    },
  };
}

/** @throws {StatusError} what the policy fails with, unless that is to be ignored */
function apply(
  deps: MutatingPolicyDeps,
  policy: MutatingAdmissionPolicy,
  request: Admission,
  object: Draft,
): void {
  const { mutations = [], matchConditions = [], failurePolicy, variables } = policy.spec;
  const errors: string[] = [];
  const fail = (binding: MutatingAdmissionPolicyBinding | undefined, error: string) => {
    const by =
      binding === undefined
        ? `policy ${goQuote(nameOf(policy))}`
        : `policy '${nameOf(policy)}' with binding '${nameOf(binding)}'`;
    errors.push(`${by} denied request: ${error}`);
  };
  for (const invocation of invocationsOf<MutatingAdmissionPolicyBinding>(
    deps,
    bindingResource,
    policy,
    request,
  )) {
    if ("error" in invocation) {
      fail(invocation.binding, invocation.error);
      continue;
    }
    const { binding, param } = invocation;
    const met = meetsConditions(matchConditions, withParam(scopeOf(deps, request), param));
    if (met === false) continue;
    if (met !== true) {
      fail(binding, goAggregate(met.errors));
      continue;
    }
    for (const mutation of mutations) {
      const known = withVariables(withParam(scopeOf(deps, request), param), variables);
      const next = mutated(mutation, known, object, deps.atomOf(request.resource));
      if (typeof next === "string") fail(binding, next);
      else {
        replaceObject(object, next);
        if (request.subresource === "") request.resource.strategy.default?.(object);
      }
    }
  }
  const [first] = errors;
  if (first === undefined || failurePolicy === "Ignore") return;
  const { status } = refuse(
    request,
    first,
    errors.map((message) => ({ message })),
  );
  throw new StatusError({ ...status, message: first, reason: "Invalid" });
}

/** The object after a mutation, or why that cannot be told. */
function mutated(
  { patchType, jsonPatch, applyConfiguration }: Mutation,
  known: Variables,
  object: Draft,
  atom: Atom,
): Draft | string {
  const isJson = patchType === "JSONPatch";
  const found = evaluate((isJson ? jsonPatch : applyConfiguration)?.expression ?? "", known);
  if ("error" in found) return found.error;
  const value = jsonOf(found.value);
  return isJson ? patched(object, value) : merged(atom, object, value);
}

function patched(object: Draft, operations: unknown): Draft | string {
  if (!Array.isArray(operations)) return "type mismatch: JSONPatchType.expression should evaluate to array";
  try {
    return applyJsonPatch(object, operations as readonly object[]) as Draft;
  } catch (error) {
    const text = messageOf(error);
    // A test that does not hold leaves the object as it is.
    return text.endsWith("test failed") ? object : `JSON Patch: ${text}`;
  }
}

function merged(atom: Atom, object: Draft, value: unknown): Draft | string {
  if (!isObject(value)) return "unsupported return type from ApplyConfiguration expression";
  const { apiVersion, kind } = object;
  const config: Draft = { ...value, apiVersion, kind };
  const [error] = typeErrors(atom, config, false);
  if (error !== undefined)
    return `error applying patch: failed to convert patch object to typed object: ${error}`;
  const atomics = atomicPaths(atom, config);
  if (atomics.length > 0)
    return `error applying patch: invalid ApplyConfiguration: may not mutate atomic arrays, maps or structs: ${atomics.join(", ")}`;
  return merge(atom, object, config) as Draft;
}

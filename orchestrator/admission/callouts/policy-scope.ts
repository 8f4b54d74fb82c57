import type { KubeObject } from "#api/kube/meta.ts";
import type {
  MatchCondition,
  MatchResources,
  ParamKind,
  ParamRef,
  Variable,
} from "#api/kube/types/admissionregistration.ts";
import type { Authorizer } from "#orchestrator/authz/authorizer.ts";
import { celOf } from "#orchestrator/machinery/cel/admission-expressions.ts";
import { byBytes } from "#orchestrator/machinery/go-text.ts";
import type { ObjectReader } from "#orchestrator/machinery/object-reader.ts";
import type { Admission } from "../plugin.ts";
import { evaluate, requestVariables } from "./conditions.ts";
import { isAsked } from "./matching.ts";
import { type ParamDeps, paramsOf } from "./policy-params.ts";

export interface PolicyDeps extends ParamDeps {
  readonly authorizer: Authorizer;
  readonly newUid: () => string;
}

export type Variables = Readonly<Record<string, unknown>>;

/** What policies of both kinds have in common. */
export interface Policy extends KubeObject {
  readonly spec: {
    readonly failurePolicy?: "Fail" | "Ignore";
    readonly matchConditions?: readonly MatchCondition[];
    readonly matchConstraints?: MatchResources;
    readonly paramKind?: ParamKind;
    readonly variables?: readonly Variable[];
  };
}

export interface Binding extends KubeObject {
  readonly spec: {
    readonly matchResources?: MatchResources;
    readonly paramRef?: ParamRef;
    readonly policyName?: string;
  };
}

export function nameOf({ metadata }: KubeObject): string {
  return metadata.name ?? "";
}

/** The policies that a request is subject to, by their names. */
export function policiesFor<T extends Policy>(
  objects: ObjectReader,
  resource: string,
  request: Admission,
): readonly T[] {
  return [...objects.list<T>(resource)]
    .filter(({ spec }) => isMatched(objects, spec.matchConstraints, request))
    .sort((a, b) => byBytes(nameOf(a), nameOf(b)));
}

/** A policy as it is bound, with one parameter; or why it cannot be. */
export type Invocation<B extends Binding> =
  | { readonly binding: B; readonly param: KubeObject | null }
  | { readonly binding: B | undefined; readonly error: string };

export function* invocationsOf<B extends Binding>(
  deps: PolicyDeps,
  resource: string,
  policy: Policy,
  request: Admission,
): Generator<Invocation<B>> {
  for (const binding of deps.objects.list<B>(resource)) {
    const { policyName, matchResources, paramRef } = binding.spec;
    if (policyName !== nameOf(policy) || !isMatched(deps.objects, matchResources, request, true)) continue;
    const params = paramsOf(deps, policy.spec.paramKind, paramRef, request.namespace);
    if (!("error" in params)) for (const param of params) yield { binding, param };
    else if (params.isOfPolicy === true)
      yield { binding: undefined, error: `failed to configure policy: ${params.error}` };
    else yield { binding, error: `failed to configure binding: ${params.error}` };
  }
}

const anything = [{ operations: ["*"], apiGroups: ["*"], apiVersions: ["*"], resources: ["*/*"] }] as const;

function isMatched(
  objects: ObjectReader,
  match: MatchResources | undefined,
  request: Admission,
  isBinding = false,
): boolean {
  const { resourceRules = [], excludeResourceRules, namespaceSelector, objectSelector } = match ?? {};
  const constraints = {
    rules: isBinding && resourceRules.length === 0 ? anything : resourceRules,
    ...(excludeResourceRules !== undefined && { excluded: excludeResourceRules }),
    ...(namespaceSelector !== undefined && { namespaceSelector }),
    ...(objectSelector !== undefined && { objectSelector }),
  };
  return isAsked(constraints, request, objects);
}

/** What expressions of every policy know of a request as it is now: copies of its objects. */
export function scopeOf({ objects, authorizer, newUid }: PolicyDeps, request: Admission): Variables {
  const { namespace } = request;
  const found =
    namespace === undefined ? undefined : objects.find<KubeObject>("namespaces", undefined, namespace);
  return {
    ...requestVariables(authorizer, request, newUid()),
    namespaceObject: celOf(found ?? null),
  };
}

/** What those of one policy know with a parameter, apart from its own variables. */
export function withParam(scope: Variables, param: KubeObject | null): Variables {
  return { ...scope, params: celOf(param) };
}

/** With `variables.x`: evaluated when it is first asked for, from those before it. */
export function withVariables(base: Variables, variables: readonly Variable[] = []): Variables {
  const made = {};
  const known = { ...base, variables: made };
  for (const { name, expression } of variables) {
    let found: ReturnType<typeof evaluate> | undefined;
    Object.defineProperty(made, name, {
      enumerable: true,
      get: () => {
        found ??= evaluate(expression, known);
        if ("error" in found)
          throw new Error(`composited variable "${name}" fails to evaluate: ${found.error}`);
        return found.value;
      },
    });
  }
  return known;
}

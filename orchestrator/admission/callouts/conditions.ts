import type { MatchCondition } from "#api/kube/types/admissionregistration.ts";
import { messageOf } from "#base/fault.ts";
import type { Authorizer } from "#orchestrator/authz/authorizer.ts";
import {
  type AskedAccess,
  CelAuthorizer,
  celOf,
  compileExpression,
} from "#orchestrator/machinery/cel/admission-expressions.ts";
import type { Admission } from "../plugin.ts";
import { admissionRequest } from "./review.ts";

/** What expressions know of a request. */
export function requestVariables(
  authorizer: Authorizer,
  request: Admission,
  uid: string,
): Readonly<Record<string, unknown>> {
  const { object, old, user, namespace, name, resource, subresource } = request;
  const { object: _object, oldObject: _old, ...asked } = admissionRequest(request, uid);
  const own: AskedAccess = {
    group: resource.group,
    resource: resource.resource,
    subresource,
    name,
    ...(namespace !== undefined && { namespace }),
  };
  const decide = (verb: string, { group = "", resource: of = "", ...rest }: AskedAccess) => {
    const decision = authorizer.authorize({
      type: "resource",
      user,
      verb,
      group,
      version: "*",
      resource: of,
      ...rest,
    });
    return { isAllowed: decision.is === "allowed", reason: decision.reason };
  };
  return {
    object: celOf(object ?? null),
    oldObject: celOf(old ?? null),
    request: celOf(asked),
    authorizer: new CelAuthorizer(decide, own),
  };
}

/** What an expression is worth, or why that cannot be told. */
export function evaluate(
  expression: string,
  variables: Readonly<Record<string, unknown>>,
): { readonly value: unknown } | { readonly error: string } {
  const program = compileExpression(expression);
  if ("error" in program) return { error: `compilation failed: ${program.error}` };
  try {
    return { value: program.run(variables) };
  } catch (error) {
    const [reason = ""] = messageOf(error).split("\n");
    return { error: `expression '${expression}' resulted in error: ${reason}` };
  }
}

/**
 * Whether all conditions are met. One that is not met decides, whatever the others fail with.
 *
 * @returns the texts of what failed, where none is unmet
 */
export function meetsConditions(
  conditions: readonly MatchCondition[],
  variables: Readonly<Record<string, unknown>>,
): boolean | { readonly errors: readonly string[] } {
  const errors: string[] = [];
  for (const { expression } of conditions) {
    const found = evaluate(expression, variables);
    if ("error" in found) errors.push(found.error);
    else if (found.value !== true) return false;
  }
  return errors.length === 0 ? true : { errors };
}

import { failure, type StatusDetails, StatusError } from "#api/kube/status.ts";
import { isFault, messageOf } from "#base/fault.ts";
import { qualified } from "#orchestrator/machinery/qualified.ts";
import type { FieldError, ResourceDefinition } from "#orchestrator/machinery/resource.ts";

type Named = Pick<ResourceDefinition, "group" | "resource">;

function details({ group, resource }: Named, name: string): StatusDetails {
  return { ...(name !== "" && { name }), ...(group !== "" && { group }), kind: resource };
}

export function notFound(resource: Named, name: string): StatusError {
  return failure("NotFound", `${qualified(resource)} "${name}" not found`, details(resource, name));
}

export function alreadyExists(resource: Named, name: string): StatusError {
  return failure("AlreadyExists", `${qualified(resource)} "${name}" already exists`, details(resource, name));
}

export function conflict(resource: Named, name: string, why: string): StatusError {
  const message = `Operation cannot be fulfilled on ${qualified(resource)} "${name}": ${why}`;
  return failure("Conflict", message, details(resource, name));
}

export const modified =
  "the object has been modified; please apply your changes to the latest version and try again";

export function forbidden(resource: Named, name: string, why: string): StatusError {
  const subject = name === "" ? qualified(resource) : `${qualified(resource)} "${name}"`;
  return failure("Forbidden", `${subject} is forbidden: ${why}`, details(resource, name));
}

/** Of several errors in one object. */
export function invalid(
  kind: string,
  group: string,
  name: string,
  errors: readonly FieldError[],
): StatusError {
  const texts = [...new Set(errors.map(({ field, message }) => `${field}: ${message}`))];
  const text = texts.length === 1 ? texts[0] : `[${texts.join(", ")}]`;
  const subject = group === "" ? kind : `${kind}.${group}`;
  return failure("Invalid", `${subject} "${name}" is invalid: ${text}`, {
    ...(name !== "" && { name }),
    ...(group !== "" && { group }),
    kind,
    causes: errors.map(({ reason, message, field }) => ({ reason, message, field })),
  });
}

export function tooLargeBody(most: number): StatusError {
  return failure("RequestEntityTooLarge", `Request entity too large: limit is ${most}`);
}

export const noSuchPath = "the server could not find the requested resource";

/** Anything that was thrown, as the API tells it. */
export function statusErrorOf(error: unknown): StatusError {
  if (error instanceof StatusError) return error;
  if (error instanceof URIError) return failure("BadRequest", messageOf(error));
  if (isFault(error, "invalid")) return failure("BadRequest", error.message);
  if (isFault(error, "unavailable")) return failure("ServiceUnavailable", error.message);
  if (isFault(error, "exhausted"))
    return failure("InternalError", `Internal error occurred: ${error.message}`);
  return failure("InternalError", `Internal error occurred: ${messageOf(error)}`, {
    causes: [{ message: messageOf(error) }],
  });
}

import { failure, type StatusError } from "#api/kube/status.ts";
import { qualified } from "#orchestrator/machinery/qualified.ts";
import type { Attributes } from "./authorizer.ts";

/** The refusal of a request, in upstream's words. */
export function forbidden(attributes: Attributes, reason: string): StatusError {
  const text = reason === "" ? describe(attributes) : `${describe(attributes)}: ${reason}`;
  if (attributes.type === "path") return failure("Forbidden", `forbidden: ${text}`, {});
  const { group, resource, name = "" } = attributes;
  const full = qualified(attributes);
  const subject = name === "" ? full : `${full} ${JSON.stringify(name)}`;
  return failure("Forbidden", `${subject} is forbidden: ${text}`, {
    ...(name !== "" && { name }),
    ...(group !== "" && { group }),
    kind: resource,
  });
}

/** `User "x" cannot list resource "pods" in API group "" in the namespace "y"` */
function describe(attributes: Attributes): string {
  const user = JSON.stringify(attributes.user.name);
  if (attributes.type === "path")
    return `User ${user} cannot ${attributes.verb} path ${JSON.stringify(attributes.path)}`;
  const { verb, resource, subresource = "", group, namespace = "" } = attributes;
  const full = subresource === "" ? resource : `${resource}/${subresource}`;
  const where = namespace === "" ? "at the cluster scope" : `in the namespace ${JSON.stringify(namespace)}`;
  return `User ${user} cannot ${verb} resource ${JSON.stringify(full)} in API group ${JSON.stringify(group)} ${where}`;
}

import type { Admission } from "#orchestrator/admission/plugin.ts";
import type { Draft } from "#orchestrator/machinery/resource.ts";
import type { WriteRequest } from "./write-request.ts";

export function admissionOf(
  request: WriteRequest,
  operation: Admission["operation"],
  name: string,
  objects: { readonly object?: Draft; readonly old?: Draft },
): Admission {
  const { definition, subresource, namespace, user, isDryRun, options } = request;
  return {
    operation,
    resource: definition,
    subresource,
    ...(namespace !== undefined && { namespace }),
    name,
    ...objects,
    user,
    isDryRun,
    ...(options !== undefined && { options }),
    warn: request.warn,
    annotate: request.annotate,
  };
}

import type { Draft, ResourceDefinition } from "#orchestrator/machinery/resource.ts";
import { placeOf } from "./resource-table.ts";
import { metadataOf } from "./write-request.ts";

/** Whether something that is deleted stays for now: for its finalizers, or its grace. */
export function isHeld(definition: ResourceDefinition, object: Draft): boolean {
  const { finalizers = [], deletionGracePeriodSeconds = 0 } = metadataOf(object);
  return finalizers.length > 0 || deletionGracePeriodSeconds > 0 || ownFinalizers(definition, object) > 0;
}

/** Whether it is deleted, and nothing holds it any more. */
export function isOver(definition: ResourceDefinition, object: Draft): boolean {
  return metadataOf(object).deletionTimestamp !== undefined && !isHeld(definition, object);
}

/** A namespace has some in its spec, too: the contents that it must lose first. */
function ownFinalizers(definition: ResourceDefinition, object: Draft): number {
  if (placeOf(definition) !== "core/namespaces") return 0;
  const { finalizers } = (object["spec"] ?? {}) as { readonly finalizers?: readonly string[] };
  return finalizers?.length ?? 0;
}

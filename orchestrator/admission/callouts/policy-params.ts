import type { KubeObject } from "#api/kube/meta.ts";
import type { ParamKind, ParamRef } from "#api/kube/types/admissionregistration.ts";
import { selects } from "#orchestrator/machinery/label-selector.ts";
import type { ObjectReader } from "#orchestrator/machinery/object-reader.ts";
import { qualified } from "#orchestrator/machinery/qualified.ts";
import type { ResourceDefinition } from "#orchestrator/machinery/resource.ts";

export interface ParamDeps {
  readonly objects: ObjectReader;
  readonly findKind: (group: string, version: string, kind: string) => ResourceDefinition | undefined;
}

type Params = readonly (KubeObject | null)[];

/**
 * What a policy is evaluated with, once for each.
 *
 * @returns one null when the policy takes nothing, or why that cannot be told
 */
export function paramsOf(
  deps: ParamDeps,
  kind: ParamKind | undefined,
  ref: ParamRef | undefined,
  namespace: string | undefined,
): Params | { readonly error: string; readonly isOfPolicy?: boolean } {
  if (kind === undefined || ref === undefined) return [null];
  const [first = "", second] = (kind.apiVersion ?? "").split("/");
  const [group, version] = second === undefined ? ["", first] : [first, second];
  const definition = deps.findKind(group, version, kind.kind ?? "");
  if (definition === undefined)
    return {
      error: `failed to find resource referenced by paramKind: '${kind.apiVersion ?? ""}, Kind=${kind.kind ?? ""}'`,
      isOfPolicy: true,
    };
  const within = ref.namespace ?? namespace;
  if (definition.isNamespaced && within === undefined)
    return {
      error: "cannot use namespaced paramRef in policy binding that matches cluster-scoped resources",
    };
  if (!definition.isNamespaced && ref.namespace !== undefined)
    return { error: "paramRef.namespace must not be provided for a cluster-scoped `paramKind`" };
  const found = lookUp(deps.objects, definition, ref, definition.isNamespaced ? within : undefined);
  if (found.length === 0 && ref.parameterNotFoundAction === "Deny")
    return { error: "no params found for policy binding with `Deny` parameterNotFoundAction" };
  return found;
}

function lookUp(
  objects: ObjectReader,
  definition: ResourceDefinition,
  { name, selector = {} }: ParamRef,
  namespace: string | undefined,
): readonly KubeObject[] {
  const full = qualified(definition);
  if (name === undefined)
    return [...objects.list<KubeObject>(full, namespace)].filter(({ metadata }) =>
      selects(selector, metadata.labels),
    );
  const found = objects.find<KubeObject>(full, namespace, name);
  return found === undefined ? [] : [found];
}

import { goQuote } from "#orchestrator/machinery/go-text.ts";
import { isSameJson } from "#orchestrator/machinery/json-equal.ts";
import type { Draft, Strategy } from "#orchestrator/machinery/resource.ts";
import { type CustomDefinition, itemsOf, schemasIn } from "./definition.ts";
import { definitionErrors, definitionUpdateErrors } from "./definition-errors.ts";
import { isKnownFormat } from "./formats.ts";

/** Of definitions of custom kinds. */
export const definitionStrategy: Strategy = {
  needsResourceVersion: true,
  finalizersOnDelete: ["customresourcecleanup.apiextensions.k8s.io"],
  default: setDefaults,
  prepareForCreate(object) {
    const { spec } = viewOf(object);
    const storedVersions = spec.versions?.filter(({ storage }) => storage).map(({ name }) => name) ?? [];
    object["status"] = {
      storedVersions: storedVersions.slice(0, 1),
      conditions: [],
      acceptedNames: { plural: "", kind: "" },
    };
    (object["metadata"] as Draft)["generation"] = 1;
  },
  prepareForUpdate(next, old) {
    if (old["status"] !== undefined) next["status"] = structuredClone(old["status"]);
    const metadata = next["metadata"] as Draft;
    const before = old["metadata"] as { readonly generation?: number };
    if (!isSameJson(next["spec"], old["spec"])) metadata["generation"] = (before.generation ?? 0) + 1;
    const stored = viewOf(next).spec.versions?.find(({ storage }) => storage)?.name;
    const status = next["status"] as { storedVersions?: readonly string[] } | undefined;
    if (stored !== undefined && status?.storedVersions?.includes(stored) === false)
      status.storedVersions = [...status.storedVersions, stored];
  },
  validate: (object) => definitionErrors(viewOf(object)),
  validateUpdate: (next, old) => definitionUpdateErrors(viewOf(next), viewOf(old)),
  warnings,
};

function viewOf(object: Draft): CustomDefinition {
  return object as unknown as CustomDefinition;
}

function setDefaults(object: Draft): void {
  const spec = (object["spec"] ?? {}) as Draft;
  const names = (spec["names"] ?? {}) as { kind?: string; singular?: string; listKind?: string };
  if ((names.singular ?? "") === "" && (names.kind ?? "") !== "")
    names.singular = names.kind?.toLowerCase() ?? "";
  if ((names.listKind ?? "") === "" && (names.kind ?? "") !== "") names.listKind = `${names.kind}List`;
  spec["conversion"] ??= { strategy: "None" };
  const service = viewOf(object).spec?.conversion?.webhook?.clientConfig?.service as Draft | undefined;
  if (service !== undefined) service["port"] ??= 443;
  const status = object["status"] as { storedVersions?: readonly string[] } | undefined;
  const stored = viewOf(object).spec?.versions?.find(({ storage }) => storage)?.name;
  if (status !== undefined && (status.storedVersions ?? []).length === 0 && stored !== undefined)
    status.storedVersions = [stored];
}

function warnings(object: Draft): readonly string[] {
  const found = new Set<string>();
  for (const { schema } of viewOf(object).spec.versions)
    for (const node of schemasIn(schema?.openAPIV3Schema)) {
      const { format } = node;
      if (format !== undefined && format !== "" && !isKnownFormat(format))
        found.add(`unrecognized format ${goQuote(format)}`);
      const items = itemsOf(node)?.type;
      if (node["x-kubernetes-list-type"] === "set" && (items === "object" || items === "array"))
        found.add(
          `x-kubernetes-list-type: set for items of type ${goQuote(items)} is not supported by server-side apply or CEL validation rules`,
        );
    }
  return [...found];
}

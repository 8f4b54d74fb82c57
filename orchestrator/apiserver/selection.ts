import { isFault } from "#base/fault.ts";
import { failure } from "#api/kube/status.ts";
import type { KubeObject } from "#api/kube/meta.ts";
import {
  checkFields,
  exactValue,
  type FieldRequirement,
  matchesFields,
  parseFieldSelector,
} from "#orchestrator/machinery/field-selector.ts";
import {
  type LabelRequirements,
  matchesLabels,
  parseLabelSelector,
} from "#orchestrator/machinery/label-selector.ts";
import { servedForm } from "./registry/conversion.ts";
import type { Draft, ResourceDefinition } from "#orchestrator/machinery/resource.ts";

export interface Selection {
  readonly name?: string;
  readonly namespace?: string;
  readonly matches?: (object: KubeObject) => boolean;
}

interface SelectorTexts {
  readonly labelSelector: string;
  readonly fieldSelector: string;
}

/**
 * What the selectors of a list or a watch let through.
 *
 * @param named only this one, as the path says
 * @throws {StatusError} `BadRequest`
 */
export function selectionOf(
  definition: ResourceDefinition,
  { labelSelector, fieldSelector }: SelectorTexts,
  named: string | undefined,
): Selection {
  const { selectableFields } = definition.strategy;
  const labels = labelSelector === "" ? [] : parsed(() => parseLabelSelector(labelSelector));
  const fields = fieldSelector === "" ? [] : parsed(() => parseFieldSelector(fieldSelector));
  if (fields.length > 0) parsed(() => checkFields(fields, selectableFields));
  const name = named ?? exactValue(fields, "metadata.name");
  const namespace = exactValue(fields, "metadata.namespace");
  // What the key says need not be looked for in the object.
  const rest = fields.filter(
    ({ field, isEqual, value }) =>
      !(
        isEqual &&
        ((field === "metadata.name" && value === name) ||
          (field === "metadata.namespace" && value === namespace))
      ),
  );
  return {
    ...(name !== undefined && { name }),
    ...(namespace !== undefined && { namespace }),
    ...((labels.length > 0 || rest.length > 0) && { matches: matcherOf(definition, labels, rest) }),
  };
}

function matcherOf(
  definition: ResourceDefinition,
  labels: LabelRequirements,
  fields: readonly FieldRequirement[],
): (object: KubeObject) => boolean {
  return (object) =>
    matchesLabels(labels, object.metadata.labels) &&
    (fields.length === 0 ||
      matchesFields(
        fields,
        servedForm(definition, object as unknown as Draft),
        definition.strategy.selectableFields,
      ));
}

function parsed<T>(parse: () => T): T {
  try {
    return parse();
  } catch (error) {
    if (!isFault(error, "invalid")) throw error;
    throw failure("BadRequest", error.message);
  }
}

import type { Draft, Strategy } from "#orchestrator/machinery/resource.ts";
import { textAt } from "../parts.ts";

const aboutFields = ["kind", "namespace", "name", "uid", "apiVersion", "resourceVersion", "fieldPath"];

function firstText(object: Draft, ...paths: readonly (readonly string[])[]): string {
  for (const path of paths) {
    const text = textAt(object, ...path);
    if (text !== "") return text;
  }
  return "";
}

/** Events of both groups are asked for by what they are about, whatever their own group calls it. */
export const eventFields: NonNullable<Strategy["selectableFields"]> = {
  ...Object.fromEntries(
    ["involvedObject", "regarding"].flatMap((name) =>
      aboutFields.map((field) => [
        `${name}.${field}`,
        (object: Draft) => firstText(object, ["involvedObject", field], ["regarding", field]),
      ]),
    ),
  ),
  reason: (object) => textAt(object, "reason"),
  type: (object) => textAt(object, "type"),
  source: (object) =>
    firstText(
      object,
      ["source", "component"],
      ["deprecatedSource", "component"],
      ["reportingComponent"],
      ["reportingController"],
    ),
  reportingComponent: (object) => firstText(object, ["reportingComponent"], ["reportingController"]),
  reportingController: (object) => firstText(object, ["reportingController"], ["reportingComponent"]),
};

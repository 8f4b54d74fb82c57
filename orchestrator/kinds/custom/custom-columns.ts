import type { Column, Draft } from "#orchestrator/machinery/resource.ts";
import { ageColumn, nameColumn } from "../columns/column.ts";
import { timeSince } from "#orchestrator/machinery/human-duration.ts";
import type { CustomColumn } from "./definition.ts";
import { findJsonPath, type JsonPath, textOf, valuesAt } from "#orchestrator/machinery/json-path.ts";

/** The columns that a definition asks for, behind the name; without any, the age. */
export function customColumns(columns: readonly CustomColumn[] | undefined): readonly Column[] {
  if (columns === undefined || columns.length === 0) return [nameColumn, ageColumn];
  return [nameColumn, ...columns.map(columnOf)];
}

function columnOf({ name, type, format, description, priority, jsonPath }: CustomColumn): Column {
  const path = findJsonPath(jsonPath) ?? [];
  const said = description ?? "";
  return {
    name,
    type: type as Column["type"],
    ...(format !== undefined && format !== "" && { format }),
    description: said === "" ? `Custom resource definition column (in JSONPath format): ${jsonPath}` : said,
    priority: priority ?? 0,
    cell: (object, now) => cellOf(type, path, object, now),
  };
}

function cellOf(type: string, path: JsonPath, object: Draft, now: Date): string | number | boolean | null {
  const [value] = valuesAt(path, object);
  if (value === undefined) return null;
  switch (type) {
    case "string":
      return textOf(value);
    case "integer":
      return typeof value === "number" ? Math.trunc(value) : null;
    case "number":
      return typeof value === "number" ? value : null;
    case "boolean":
      return typeof value === "boolean" ? value : null;
    default:
      return typeof value === "string" ? dateCell(value, now) : null;
  }
}

function dateCell(value: string, now: Date): string {
  return Number.isNaN(Date.parse(value)) ? "<invalid>" : timeSince(value, now);
}

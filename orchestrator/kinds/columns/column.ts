import type { KubeObject, LabelSelector } from "#api/kube/meta.ts";
import type { Container } from "#api/kube/types/core-pods.ts";
import { byBytes } from "#orchestrator/machinery/go-text.ts";
import { formatLabelSelector, requirementsOf } from "#orchestrator/machinery/label-selector.ts";
import type { Column } from "#orchestrator/machinery/resource.ts";
import { view } from "../edit.ts";
import { timeSince } from "#orchestrator/machinery/human-duration.ts";

type Cell = string | number | boolean | null | undefined;

/** A column of a kind; what a cell has no value for, is empty. */
export function column<T>(
  name: string,
  type: Column["type"],
  description: string,
  cell: (object: T, now: Date) => Cell,
): Column {
  return {
    name,
    type,
    description,
    priority: 0,
    cell: (object, now) =>
      cell(view<T>(object), now) ?? (type === "string" ? "" : type === "integer" ? 0 : null),
  };
}

/** The same, shown with `-o wide`. */
export function wide<T>(
  name: string,
  description: string,
  cell: (object: T, now: Date) => Cell,
  type: Column["type"] = "string",
): Column {
  return { ...column(name, type, description, cell), priority: 1 };
}

export const nameColumn: Column = {
  ...column<KubeObject>(
    "Name",
    "string",
    "Name must be unique within a namespace. Is required when creating resources.",
    ({ metadata }) => metadata.name,
  ),
  format: "name",
};

const created = "CreationTimestamp is a timestamp representing the server time when this object was created.";

export const ageColumn: Column = column<KubeObject>("Age", "string", created, ({ metadata }, now) =>
  timeSince(metadata.creationTimestamp, now),
);

/** Instead of an age, where upstream has no columns of the kind's own. */
export const createdColumn: Column = column<KubeObject>(
  "Created At",
  "date",
  created,
  ({ metadata }) => metadata.creationTimestamp,
);

/** Names and images of what a template or a pod holds. */
export function containerColumns<T>(
  containersOf: (object: T) => readonly Container[] | undefined,
): readonly Column[] {
  const joined = (object: T, key: "name" | "image") =>
    (containersOf(object) ?? []).map((container) => container[key] ?? "").join(",");
  return [
    wide<T>("Containers", "Names of each container in the template.", (object) => joined(object, "name")),
    wide<T>("Images", "Images referenced by each container in the template.", (object) =>
      joined(object, "image"),
    ),
  ];
}

/** Labels as `a=b,c=d`. */
export function formatLabels(labels: Readonly<Record<string, string>> | undefined): string {
  const pairs = Object.entries(labels ?? {}).toSorted(([a], [b]) => byBytes(a, b));
  return pairs.length === 0 ? "<none>" : pairs.map(([key, value]) => `${key}=${value}`).join(",");
}

/** A selector as a query has it. */
export function formatSelector(selector: LabelSelector | undefined): string {
  try {
    return formatLabelSelector(requirementsOf(selector) ?? []) || "<none>";
  } catch {
    return "<error>"; // stored by another version, with a selector that this one does not take
  }
}

/** The first few of a list, and how many more there are. */
export function firstOf(list: readonly string[], shown: number, total = list.length): string {
  const text = list.slice(0, shown).join(",");
  return total > shown ? `${text} + ${total - shown} more...` : text;
}

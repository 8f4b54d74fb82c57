import { failure, type StatusError } from "#api/kube/status.ts";
import { byBytes, goQuote } from "../go-text.ts";
import { shownPath } from "./field-set.ts";
import type { Owner } from "./managers.ts";
import type { Conflict } from "./ownership.ts";

/** What a client is told whose apply would take fields from others: 409, with a cause for each field. */
export function failureOf(conflicts: readonly Conflict[]): StatusError {
  const causes = conflicts.map(({ owner, path }) => ({
    reason: "FieldManagerConflict",
    message: `conflict with ${shownOwner(owner)}`,
    field: shownPath(path),
  }));
  return failure("Conflict", messageOf(conflicts), { causes });
}

function messageOf(conflicts: readonly Conflict[]): string {
  const [first] = conflicts;
  if (first !== undefined && conflicts.length === 1)
    return `Apply failed with 1 conflict: conflict with ${shownOwner(first.owner)}: ${shownPath(first.path)}`;
  const byOwner = Map.groupBy(conflicts, ({ owner }) => shownOwner(owner));
  const lines = [...byOwner.keys()]
    .sort(byBytes)
    .flatMap((owner) => [
      `conflicts with ${owner}:`,
      ...(byOwner.get(owner) ?? []).map(({ path }) => `- ${shownPath(path)}`),
    ]);
  return `Apply failed with ${conflicts.length} conflicts: ${lines.join("\n")}`;
}

function shownOwner({ manager, subresource, operation, apiVersion }: Owner): string {
  const name =
    subresource === "" ? goQuote(manager) : `${goQuote(manager)} with subresource ${goQuote(subresource)}`;
  return operation === "Update" ? `${name} using ${apiVersion}` : name;
}

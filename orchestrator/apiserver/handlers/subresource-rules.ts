import { podResizeErrors } from "#orchestrator/kinds/pods/check-resize.ts";
import type { Draft, FieldError } from "#orchestrator/machinery/resource.ts";
import { timeText } from "#orchestrator/machinery/time-text.ts";
import type { RegistryDeps } from "../registry/registry.ts";
import { placeOf } from "../registry/resource-table.ts";
import type { Change } from "../registry/update.ts";
import { type Metadata, metadataOf } from "../registry/write-request.ts";
import type { ResourceScope } from "./resource-scope.ts";

type Rule = Partial<Pick<Change, "prepare" | "validate">>;

/** What an update through a subresource may change, where that is not the status. */
export function ruleFor(deps: RegistryDeps, { definition, info }: ResourceScope): Rule {
  switch (`${placeOf(definition)}/${info.subresource ?? ""}`) {
    case "core/namespaces/finalize":
      return { prepare: keepAllBut("spec", "finalizers"), validate: () => [] };
    case "core/pods/ephemeralcontainers":
      return {
        prepare: countedUp(keepAllBut("spec", "ephemeralContainers")),
        validate: (next, old) => [
          ...ephemeralErrors(next, old),
          ...(definition.strategy.validate?.(next) ?? []),
        ],
      };
    case "core/pods/resize":
      return {
        prepare: countedUp(keepAllButResources),
        validate: podResizeErrors,
      };
    case "certificates.k8s.io/certificatesigningrequests/approval":
      return { prepare: (next, old) => approve(next, old, deps.now()), validate: () => [] };
    default:
      return {};
  }
}

function replaceWith(next: Draft, old: Draft): { readonly metadata: Metadata } {
  const { managedFields } = metadataOf(next);
  for (const field of Object.keys(next)) delete next[field];
  Object.assign(next, structuredClone(old));
  const metadata = metadataOf(next);
  if (managedFields !== undefined) metadata.managedFields = managedFields;
  return { metadata };
}

function keepAllBut(section: string, field: string): (next: Draft, old: Draft) => void {
  return (next, old) => {
    const value = (next[section] as Draft | undefined)?.[field];
    replaceWith(next, old);
    const kept = { ...(next[section] as Draft | undefined) };
    if (value === undefined) delete kept[field];
    else kept[field] = value;
    next[section] = kept;
  };
}

function countedUp(prepare: (next: Draft, old: Draft) => void): (next: Draft, old: Draft) => void {
  return (next, old) => {
    prepare(next, old);
    if (JSON.stringify(next["spec"]) === JSON.stringify(old["spec"])) return;
    const metadata = metadataOf(next);
    metadata.generation = (metadata.generation ?? 0) + 1;
  };
}

interface Container {
  readonly name: string;
}

function keepAllButResources(next: Draft, old: Draft): void {
  const asked = next["spec"] as Draft | undefined;
  replaceWith(next, old);
  const spec = next["spec"] as Draft;
  for (const list of ["containers", "initContainers"]) {
    const given = new Map(((asked?.[list] ?? []) as (Container & Draft)[]).map((one) => [one.name, one]));
    for (const container of (spec[list] ?? []) as (Container & Draft)[]) {
      const wanted = given.get(container.name);
      if (wanted === undefined) continue;
      for (const field of ["resources", "resizePolicy"])
        if (wanted[field] !== undefined) container[field] = wanted[field];
    }
  }
}

function ephemeralErrors(next: Draft, old: Draft): readonly FieldError[] {
  const listOf = (object: Draft) =>
    ((object["spec"] as Draft)["ephemeralContainers"] ?? []) as readonly Container[];
  const now = new Map(listOf(next).map((one) => [one.name, one]));
  return listOf(old)
    .filter((one) => JSON.stringify(now.get(one.name)) !== JSON.stringify(one))
    .map(({ name }) => ({
      reason: "FieldValueForbidden",
      field: "spec.ephemeralContainers",
      message: `Forbidden: existing ephemeral containers ${JSON.stringify(name)} may not be ${now.has(name) ? "changed" : "removed"}`,
    }));
}

interface Condition {
  readonly type: string;
  readonly status?: string;
  lastUpdateTime?: string;
  lastTransitionTime?: string;
}

function approve(next: Draft, old: Draft, now: Date): void {
  const conditions = ((next["status"] as Draft | undefined)?.["conditions"] ?? []) as Condition[];
  replaceWith(next, old);
  const at = timeText(now);
  for (const condition of conditions) {
    condition.lastUpdateTime ??= at;
    condition.lastTransitionTime ??= at;
  }
  next["status"] = { ...(next["status"] as Draft | undefined), conditions };
}

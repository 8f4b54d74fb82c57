import { goQuote } from "#orchestrator/machinery/go-text.ts";
import { timeText } from "#orchestrator/machinery/time-text.ts";
import type { CustomCondition, CustomDefinition, CustomNames, CustomStatus } from "./definition.ts";

/**
 * What the status of a definition is to be: the names that it may have, as nobody else in its group has them, and whether it is
 * served. Undefined when it is so already.
 *
 * @param others all other definitions
 */
export function planStatus(
  definition: CustomDefinition,
  others: readonly CustomDefinition[],
  now: Date,
): CustomStatus | undefined {
  const { spec, status = {} } = definition;
  const taken = takenNames(others.filter((other) => other.spec.group === spec.group));
  const { names, conflict } = acceptedNames(spec.names, status.acceptedNames, taken);
  const accepted: CustomCondition = {
    type: "NamesAccepted",
    status: conflict === undefined ? "True" : "False",
    reason: conflict?.reason ?? "NoConflicts",
    message: conflict?.message ?? "no conflicts found",
  };
  const conditions = [accepted, established(status, conflict === undefined)].reduce(
    (all, condition) => withCondition(all, condition, now),
    status.conditions ?? [],
  );
  const next: CustomStatus = { ...status, acceptedNames: names, conditions };
  return JSON.stringify(next) === JSON.stringify(status) ? undefined : next;
}

function established({ conditions = [] }: CustomStatus, areAccepted: boolean): CustomCondition {
  const old = conditions.find(({ type }) => type === "Established");
  if (old?.status === "True") return old;
  return areAccepted
    ? {
        type: "Established",
        status: "True",
        reason: "InitialNamesAccepted",
        message: "the initial names have been accepted",
      }
    : { type: "Established", status: "False", reason: "NotAccepted", message: "not all names are accepted" };
}

/** The conditions with one set; it keeps its time as long as it says the same. */
export function withCondition(
  conditions: readonly CustomCondition[],
  condition: CustomCondition,
  now: Date,
): readonly CustomCondition[] {
  const old = conditions.find(({ type }) => type === condition.type);
  const isSame =
    old?.status === condition.status && old.reason === condition.reason && old.message === condition.message;
  if (isSame) return conditions;
  const isOld = old !== undefined && old.status === condition.status && old.lastTransitionTime !== undefined;
  const lastTransitionTime = isOld ? old.lastTransitionTime : timeText(now);
  const next = { ...condition, ...(lastTransitionTime !== undefined && { lastTransitionTime }) };
  return old === undefined ? [...conditions, next] : conditions.map((each) => (each === old ? next : each));
}

interface Taken {
  readonly resources: ReadonlySet<string>;
  readonly kinds: ReadonlySet<string>;
}

function takenNames(others: readonly CustomDefinition[]): Taken {
  const names = others.flatMap(({ status }) => status?.acceptedNames ?? []);
  const given = (all: readonly (string | undefined)[]) =>
    new Set(all.filter((name): name is string => name !== undefined && name !== ""));
  return {
    resources: given(
      names.flatMap(({ plural, singular, shortNames = [] }) => [plural, singular, ...shortNames]),
    ),
    kinds: given(names.flatMap(({ kind, listKind }) => [kind, listKind])),
  };
}

interface Accepted {
  readonly names: CustomNames;
  readonly conflict?: { readonly reason: string; readonly message: string };
}

/** Each name that nobody else has; of several conflicts the last one is told. */
function acceptedNames(wanted: CustomNames, before: CustomNames | undefined, taken: Taken): Accepted {
  const old: Partial<CustomNames> = before ?? {};
  let conflict: Accepted["conflict"];
  const pick = (field: "plural" | "singular" | "kind" | "listKind", used: ReadonlySet<string>): string => {
    const name = wanted[field] ?? "";
    if (name === (old[field] ?? "") || !used.has(name)) return name;
    const reason = `${field[0]?.toUpperCase()}${field.slice(1)}Conflict`;
    conflict = { reason, message: `${goQuote(name)} is already in use` };
    return old[field] ?? "";
  };
  const plural = pick("plural", taken.resources);
  const singular = pick("singular", taken.resources);
  const mine = new Set(old.shortNames);
  const clashes = (wanted.shortNames ?? []).filter((name) => !mine.has(name) && taken.resources.has(name));
  const texts = clashes.map((name) => `${goQuote(name)} is already in use`);
  if (texts.length > 0)
    conflict = {
      reason: "ShortNamesConflict",
      message: texts.length > 1 ? `[${texts.join(", ")}]` : (texts[0] ?? ""),
    };
  const shortNames = texts.length > 0 ? old.shortNames : wanted.shortNames;
  const kind = pick("kind", taken.kinds);
  const listKind = pick("listKind", taken.kinds);
  const { categories } = wanted;
  return {
    names: {
      plural,
      ...(singular !== "" && { singular }),
      ...(shortNames !== undefined && { shortNames }),
      kind,
      ...(listKind !== "" && { listKind }),
      ...(categories !== undefined && { categories }),
    },
    ...(conflict !== undefined && { conflict }),
  };
}

import type { Container, Pod } from "#api/kube/types/core-pods.ts";
import type { LimitRange, PersistentVolumeClaim } from "#api/kube/types/core.ts";
import { goAggregate } from "#orchestrator/machinery/go-text.ts";
import {
  addQuantities,
  compareQuantities,
  formatQuantity,
  type Quantity,
} from "#orchestrator/machinery/quantity.ts";
import type { Admission, AdmissionPlugin } from "./plugin.ts";
import { type AdmissionDeps, amountOf, isCreate, isFor, type Mutable, objectOf, refuse } from "./support.ts";

type Amounts = Readonly<Record<string, unknown>>;
type LimitItem = NonNullable<NonNullable<LimitRange["spec"]>["limits"]>[number];

const claimType = "PersistentVolumeClaim";

/** What is asked for, and at most. */
interface Wanted {
  readonly requests: Amounts;
  readonly limits: Amounts;
}

/** Gives containers what a namespace's LimitRanges say they get, and refuses what is out of their bounds. */
export function limitRanger({ objects }: AdmissionDeps): AdmissionPlugin {
  const rangesOf = ({ namespace }: Admission) => [
    ...objects.list<LimitRange>("limitranges", namespace ?? ""),
  ];
  return {
    name: "LimitRanger",
    async admit(request) {
      if (!isCreate(request, "pods")) return;
      const pod = objectOf<Pod>(request);
      const set = rangesOf(request).flatMap((range) => setDefaults(pod, range));
      if (set.length > 0)
        (pod.metadata.annotations ??= {})["kubernetes.io/limit-ranger"] =
          `LimitRanger plugin set: ${set.join("; ")}`;
    },
    async validate(request) {
      const isPod =
        isCreate(request, "pods") || (request.operation === "UPDATE" && isFor(request, "pods", "resize"));
      const isClaim = isFor(request, "persistentvolumeclaims") && request.object !== undefined;
      if (!isPod && !isClaim) return;
      const problems = rangesOf(request).flatMap(({ spec }) =>
        (spec?.limits ?? []).flatMap((item) =>
          isPod
            ? podProblems(item, objectOf<Pod>(request) as Pod)
            : claimProblems(item, objectOf<PersistentVolumeClaim>(request) as PersistentVolumeClaim),
        ),
      );
      if (problems.length > 0) throw refuse(request, goAggregate(problems));
    },
  };
}

/** What was set, in upstream's words. */
function setDefaults(pod: Mutable<Pod>, { spec }: LimitRange): readonly string[] {
  const items = (spec?.limits ?? []).filter(({ type }) => type === "Container");
  const limits: Amounts = Object.assign({}, ...items.map((item) => item.default ?? {}));
  const requests: Amounts = Object.assign({}, ...items.map((item) => item.defaultRequest ?? {}));
  const told: string[] = [];
  const fill = (container: Mutable<Container>, what: string) => {
    const resources = (container.resources ??= {});
    for (const [field, defaults] of [
      ["requests", requests],
      ["limits", limits],
    ] as const) {
      const amounts = (resources[field] ??= {}) as Record<string, unknown>;
      const names = Object.keys(defaults)
        .filter((name) => amounts[name] === undefined)
        .toSorted();
      for (const name of names) amounts[name] = defaults[name];
      if (Object.keys(amounts).length === 0) delete resources[field];
      if (names.length > 0)
        told.push(`${names.join(", ")} ${field.slice(0, -1)} for ${what} ${container.name}`);
    }
  };
  for (const container of pod.spec.containers) fill(container, "container");
  for (const container of pod.spec.initContainers ?? []) fill(container, "init container");
  return told;
}

function podProblems(item: LimitItem, pod: Pod): readonly string[] {
  const { containers, initContainers = [] } = pod.spec;
  const wantedBy = ({ resources }: Container): Wanted => ({
    requests: resources?.requests ?? {},
    limits: resources?.limits ?? {},
  });
  if (item.type === "Container")
    return [...containers, ...initContainers].flatMap((container) => problemsOf(item, wantedBy(container)));
  if (item.type === "Pod") return problemsOf(item, wantedByPod(pod, wantedBy));
  return [];
}

/** The sum of its containers', or what one init container needs where that is more. */
function wantedByPod({ spec }: Pod, wantedBy: (container: Container) => Wanted): Wanted {
  const total = (field: keyof Wanted): Amounts => {
    const sidecars = (spec.initContainers ?? []).filter(({ restartPolicy }) => restartPolicy === "Always");
    const all = [...spec.containers, ...sidecars].map((container) => wantedBy(container)[field]);
    const names = new Set(all.flatMap((amounts) => Object.keys(amounts)));
    const sums = new Map<string, Quantity>();
    for (const name of names) {
      const each = all.flatMap((amounts) => amountOf(amounts[name]) ?? []);
      // A limit that one of them lacks is none.
      if (field === "limits" && each.length < all.length) continue;
      sums.set(name, each.reduce(addQuantities));
    }
    for (const container of spec.initContainers ?? [])
      for (const name of Object.keys(wantedBy(container)[field])) {
        const own = amountOf(wantedBy(container)[field][name]);
        const sum = sums.get(name);
        if (own !== undefined && sum !== undefined && compareQuantities(own, sum) > 0) sums.set(name, own);
      }
    return Object.fromEntries([...sums].map(([name, sum]) => [name, formatQuantity(sum)]));
  };
  return { requests: total("requests"), limits: total("limits") };
}

function claimProblems(item: LimitItem, { spec }: PersistentVolumeClaim): readonly string[] {
  if (item.type !== claimType) return [];
  return problemsOf(item, { requests: spec?.resources?.requests ?? {}, limits: {} });
}

function problemsOf(
  { type, min = {}, max = {}, maxLimitRequestRatio = {} }: LimitItem,
  wanted: Wanted,
): readonly string[] {
  return [
    ...each(min, (name, bound) => belowMinimum(type, name, bound, wanted)),
    ...each(max, (name, bound) => aboveMaximum(type, name, bound, wanted)),
    ...each(maxLimitRequestRatio, (name, bound) => aboveRatio(type, name, bound, wanted)),
  ];
}

function each(
  bounds: Amounts,
  check: (name: string, bound: Quantity) => string | undefined,
): readonly string[] {
  return Object.keys(bounds)
    .toSorted()
    .flatMap((name) => {
      const bound = amountOf(bounds[name]);
      return bound === undefined ? [] : (check(name, bound) ?? []);
    });
}

function belowMinimum(type: string, name: string, bound: Quantity, wanted: Wanted): string | undefined {
  const [request, limit] = [amountOf(wanted.requests[name]), amountOf(wanted.limits[name])];
  const rule = `minimum ${name} usage per ${type} is ${formatQuantity(bound)}`;
  if (request === undefined) return `${rule}.  No request is specified`;
  if (compareQuantities(request, bound) < 0) return `${rule}, but request is ${formatQuantity(request)}`;
  if (limit !== undefined && compareQuantities(limit, bound) < 0)
    return `${rule}, but limit is ${formatQuantity(limit)}`;
  return undefined;
}

function aboveMaximum(type: string, name: string, bound: Quantity, wanted: Wanted): string | undefined {
  const [request, limit] = [amountOf(wanted.requests[name]), amountOf(wanted.limits[name])];
  const rule = `maximum ${name} usage per ${type} is ${formatQuantity(bound)}`;
  // A claim has no limit: what it asks for is all it gets.
  if (type !== claimType) {
    if (limit === undefined) return `${rule}.  No limit is specified`;
    if (compareQuantities(limit, bound) > 0) return `${rule}, but limit is ${formatQuantity(limit)}`;
  } else if (request === undefined) return `${rule}.  No request is specified`;
  if (request !== undefined && compareQuantities(request, bound) > 0)
    return `${rule}, but request is ${formatQuantity(request)}`;
  return undefined;
}

function aboveRatio(type: string, name: string, bound: Quantity, wanted: Wanted): string | undefined {
  const [request, limit] = [numberOf(wanted.requests, name), numberOf(wanted.limits, name)];
  const rule = `${name} max limit to request ratio per ${type} is ${formatQuantity(bound)}`;
  if (request === 0) return `${rule}, but no request is specified or request is 0`;
  if (limit === 0) return `${rule}, but no limit is specified or limit is 0`;
  const ratio = limit / request;
  return ratio > asNumber(bound) ? `${rule}, but provided ratio is ${ratio.toFixed(6)}` : undefined;
}

function numberOf(amounts: Amounts, name: string): number {
  const amount = amountOf(amounts[name]);
  return amount === undefined ? 0 : asNumber(amount);
}

function asNumber({ unscaled, scale }: Quantity): number {
  return Number(unscaled) * 10 ** scale;
}

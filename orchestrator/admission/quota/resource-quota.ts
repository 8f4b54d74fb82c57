import type { KubeObject } from "#api/kube/meta.ts";
import type { Pod } from "#api/kube/types/core-pods.ts";
import type { ResourceQuota } from "#api/kube/types/core.ts";
import type { ObjectReader } from "#orchestrator/machinery/object-reader.ts";
import { qualified } from "#orchestrator/machinery/qualified.ts";
import {
  addQuantities,
  compareQuantities,
  formatQuantity,
  type Quantity,
  subtractQuantities,
  zero,
} from "#orchestrator/machinery/quantity.ts";
import type { Admission, AdmissionPlugin } from "../plugin.ts";
import { amountOf, refuse } from "../support.ts";
import { isAbout } from "./scopes.ts";
import { type Usage, usageOf } from "./usage.ts";

/** What a write takes until the cache has it. */
interface Reservation {
  readonly resource: string;
  readonly namespace: string;
  readonly name: string;
  readonly object: KubeObject;
  readonly usage: Usage;
  readonly old: KubeObject | undefined;
  /** Milliseconds since 1970; undefined while it is being stored. */
  storedAt?: number;
}

/** A stored object that never came was removed at once. */
const UNSEEN_MS = 10_000;

/** Updates that may change what an object uses; others never do. */
const changing = new Set(["pods/resize", "services/", "persistentvolumeclaims/"]);

export interface QuotaDeps {
  readonly objects: ObjectReader;
  readonly now: () => Date;
}

/**
 * Refuses what would use more than a namespace's quotas leave. What is used is counted from the objects themselves and from the
 * writes that are on their way, so any number of writers at once never get more than there is.
 */
export class ResourceQuotaAdmission implements AdmissionPlugin {
  readonly name = "ResourceQuota";
  readonly #deps: QuotaDeps;
  #reservations: Reservation[] = [];
  readonly #ofRequest = new WeakMap<Admission, Reservation>();

  constructor(deps: QuotaDeps) {
    this.#deps = deps;
  }

  // oxlint-disable-next-line typescript/require-await -- what it decides must not be interrupted by other requests
  async validate(request: Admission): Promise<void> {
    const { namespace = "", object, old } = request;
    if (namespace === "" || object === undefined || !mayUse(request)) return;
    const quotas = [...this.#deps.objects.list<ResourceQuota>("resourcequotas", namespace)];
    if (quotas.length === 0) return;
    const resource = qualified(request.resource);
    const next = object as unknown as KubeObject;
    const before = old as unknown as KubeObject | undefined;
    const usage = usageOf(resource, next);
    let isCounted = false;
    for (const quota of quotas) {
      if (!isAbout(quota, resource, next)) continue;
      isCounted = true;
      if (request.operation === "CREATE" && resource === "pods") checkSpecified(request, quota, next as Pod);
      const had =
        before !== undefined && isAbout(quota, resource, before) ? usageOf(resource, before) : undefined;
      this.#check(request, quota, resource, deltaOf(usage, had));
    }
    if (!isCounted || request.isDryRun) return;
    const reservation = { resource, namespace, name: request.name, object: next, usage, old: before };
    this.#reservations.push(reservation);
    this.#ofRequest.set(request, reservation);
  }

  settled(request: Admission, isStored: boolean): void {
    const reservation = this.#ofRequest.get(request);
    if (reservation === undefined) return;
    if (isStored) reservation.storedAt = this.#deps.now().getTime();
    else this.#reservations = this.#reservations.filter((one) => one !== reservation);
  }

  #check(request: Admission, quota: ResourceQuota, resource: string, delta: Usage): void {
    const hard: Readonly<Record<string, unknown>> = quota.spec?.hard ?? {};
    const wanted = [...delta].filter(([name, amount]) => name in hard && compareQuantities(amount, zero) > 0);
    if (wanted.length === 0) return;
    const used = this.#used(quota, resource, request.namespace ?? "");
    const exceeded = wanted
      .map(([name, amount]) => ({
        name,
        amount,
        used: used.get(name) ?? zero,
        limit: amountOf(hard[name]) ?? zero,
      }))
      .filter((one) => compareQuantities(addQuantities(one.used, one.amount), one.limit) > 0)
      .toSorted((left, right) => (left.name < right.name ? -1 : 1));
    if (exceeded.length === 0) return;
    const list = (field: "amount" | "used" | "limit") =>
      exceeded.map((one) => `${one.name}=${formatQuantity(one[field])}`).join(",");
    throw refuse(
      request,
      `exceeded quota: ${quota.metadata.name}, requested: ${list("amount")}, used: ${list("used")}, limited: ${list("limit")}`,
    );
  }

  /** By what the cache has, with writes that it has not yet in place of what they replace. */
  #used(quota: ResourceQuota, resource: string, namespace: string): Usage {
    this.#forget();
    const pending = new Map(
      this.#reservations
        .filter((one) => one.resource === resource && one.namespace === namespace)
        .map((one) => [one.name, one.object]),
    );
    const total = new Map<string, Quantity>();
    const count = (object: KubeObject) => {
      if (!isAbout(quota, resource, object)) return;
      for (const [name, amount] of usageOf(resource, object)) {
        const known = total.get(name);
        total.set(name, known === undefined ? amount : addQuantities(known, amount));
      }
    };
    for (const object of this.#deps.objects.list(resource, namespace))
      if (!pending.has(object.metadata.name ?? "")) count(object);
    for (const object of pending.values()) count(object);
    return total;
  }

  /** Those that the cache has, or has had. */
  #forget(): void {
    const nowMs = this.#deps.now().getTime();
    this.#reservations = this.#reservations.filter((one) => {
      if (one.storedAt === undefined) return true;
      if (nowMs - one.storedAt > UNSEEN_MS) return false;
      const seen = this.#deps.objects.find(one.resource, one.namespace, one.name);
      if (seen === undefined) return one.old === undefined;
      return one.old === undefined
        ? seen.metadata.uid !== one.object.metadata.uid
        : seen.metadata.resourceVersion === one.old.metadata.resourceVersion;
    });
  }
}

function mayUse(request: Admission): boolean {
  const { operation, subresource } = request;
  if (operation === "CREATE") return subresource === "";
  return operation === "UPDATE" && changing.has(`${qualified(request.resource)}/${subresource}`);
}

function deltaOf(usage: Usage, had: Usage | undefined): Usage {
  if (had === undefined) return usage;
  return new Map(
    [...usage].map(([name, amount]) => [name, subtractQuantities(amount, had.get(name) ?? zero)]),
  );
}

const mustSay = ["limits.cpu", "limits.memory", "requests.cpu", "requests.memory"];

/** Where a quota bounds processors or memory, every container must say what it wants of them. */
function checkSpecified(request: Admission, quota: ResourceQuota, { spec }: Pod): void {
  const hard = Object.keys(quota.spec?.hard ?? {}).map((name) =>
    name === "cpu" || name === "memory" ? `requests.${name}` : name,
  );
  const missing = mustSay
    .filter((name) => hard.includes(name))
    .flatMap((full) => {
      const [field, name] = full.split(".") as ["requests" | "limits", string];
      const silent = [...spec.containers, ...(spec.initContainers ?? [])].filter(
        ({ resources }) => resources?.[field]?.[name] === undefined,
      );
      return silent.length === 0
        ? []
        : [
            `${full} for: ${silent
              .map((one) => one.name)
              .toSorted()
              .join(",")}`,
          ];
    });
  if (missing.length > 0)
    throw refuse(request, `failed quota: ${quota.metadata.name}: must specify ${missing.join("; ")}`);
}

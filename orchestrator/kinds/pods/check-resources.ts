import type { Container } from "#api/kube/types/core-pods.ts";
import { duplicate, forbidden, invalid, notFound, required } from "#orchestrator/machinery/field-error.ts";
import { qualifiedNameComplaints } from "#orchestrator/machinery/names.ts";
import { compareQuantities, milliUnits, parseQuantity } from "#orchestrator/machinery/quantity.ts";
import { checkName, checkNonNegativeQuantity, type Findings, ownValue } from "../check.ts";

type Requirements = NonNullable<Container["resources"]>;
type Amounts = Readonly<Record<string, string>>;

const standard = new Set(["cpu", "memory", "ephemeral-storage"]);

function isStandard(name: string): boolean {
  return standard.has(name) || name.startsWith("hugepages-");
}

/** Resources that the cluster knows nothing of but their name: whole ones, of which none may be promised twice. */
export function isExtended(name: string): boolean {
  if (!name.includes("/") || name.startsWith("requests.")) return false;
  return !/(^|\.)kubernetes\.io\//.test(name);
}

function mayOvercommit(name: string): boolean {
  return !name.startsWith("hugepages-") && !isExtended(name);
}

/** @param claims the names of the pod's claims */
export function checkResources(
  into: Findings,
  path: string,
  resources: Requirements | undefined,
  claims: ReadonlySet<string>,
): void {
  const { limits = {}, requests = {} } = resources ?? {};
  for (const [name, amount] of Object.entries(limits))
    checkAmount(into, `${path}.limits[${name}]`, name, amount);
  for (const [name, amount] of Object.entries(requests)) {
    checkAmount(into, `${path}.requests[${name}]`, name, amount);
    checkAgainstLimit(into, path, name, amount, limits);
  }
  checkHugePages(into, path, { ...limits, ...requests });
  const seen = new Set<string>();
  for (const [at, { name, request = "" }] of (resources?.claims ?? []).entries()) {
    const own = `${path}.claims[${at}]`;
    if ((name ?? "") === "") into.push(required(`${own}.name`));
    else {
      const key = request === "" ? name : `${name}/${request}`;
      if (seen.has(key)) into.push(duplicate(own, key));
      seen.add(key);
      if (!claims.has(name)) into.push(notFound(`${own}.name`, name));
    }
  }
}

function checkAmount(into: Findings, path: string, name: string, amount: string): void {
  checkName(into, path, name, qualifiedNameComplaints);
  if (!name.includes("/") && !isStandard(name))
    into.push(invalid(path, name, "must be a standard resource for containers"));
  checkNonNegativeQuantity(into, path, amount);
  if (isExtended(name) && milliUnits(parseQuantity(amount)) % 1000 !== 0)
    into.push(invalid(path, amount, "must be an integer"));
}

function checkAgainstLimit(
  into: Findings,
  path: string,
  name: string,
  amount: string,
  limits: Amounts,
): void {
  const limit = ownValue(limits, name);
  if (limit === undefined) {
    if (!mayOvercommit(name))
      into.push(required(`${path}.limits`, "Limit must be set for non overcommitable resources"));
    return;
  }
  const difference = compareQuantities(parseQuantity(amount), parseQuantity(limit));
  if (difference !== 0 && !mayOvercommit(name))
    into.push(invalid(`${path}.requests`, amount, `must be equal to ${name} limit of ${limit}`));
  else if (difference > 0)
    into.push(invalid(`${path}.requests`, amount, `must be less than or equal to ${name} limit of ${limit}`));
}

function checkHugePages(into: Findings, path: string, amounts: Amounts): void {
  const names = Object.keys(amounts);
  const isAlone = !names.includes("cpu") && !names.includes("memory");
  if (isAlone && names.some((name) => name.startsWith("hugepages-")))
    into.push(forbidden(path, "HugePages require cpu or memory"));
}

import { isIP } from "node:net";
import type { LabelSelector } from "#api/kube/meta.ts";
import { forbidden, invalid, notSupported, required } from "#orchestrator/machinery/field-error.ts";
import { isSameJson } from "#orchestrator/machinery/json-equal.ts";
import { labelValueComplaints, qualifiedNameComplaints } from "#orchestrator/machinery/names.ts";
import { compareQuantities, parseQuantity, zero } from "#orchestrator/machinery/quantity.ts";
import type { FieldError } from "#orchestrator/machinery/resource.ts";

/** What has been found wrong so far; checks add to it. */
export type Findings = FieldError[];

export const isNegative = "must be greater than or equal to 0";
const isImmutable = "field is immutable";

/** What a map of the client's has under a key: not what every object has under `constructor` or `__proto__`. */
export function ownValue<T>(map: Readonly<Record<string, T>>, key: string): T | undefined {
  return Object.hasOwn(map, key) ? map[key] : undefined;
}

/** Adds what a rule for names complains of. */
export function checkName(
  into: Findings,
  path: string,
  value: string,
  complaints: (value: string) => readonly string[],
): void {
  for (const text of complaints(value)) into.push(invalid(path, value, text));
}

/** The same for a name that must be there. */
export function checkRequiredName(
  into: Findings,
  path: string,
  value: string | undefined,
  complaints: (value: string) => readonly string[] = () => [],
): void {
  if (value === undefined || value === "") into.push(required(path));
  else checkName(into, path, value, complaints);
}

export function checkPresent(into: Findings, path: string, value: unknown, detail = ""): void {
  if (value === undefined || value === null || value === "") into.push(required(path, detail));
}

export function checkNonNegative(into: Findings, path: string, value: number | undefined): void {
  if (value !== undefined && value < 0) into.push(invalid(path, value, isNegative));
}

export function checkRange(
  into: Findings,
  path: string,
  value: number | undefined,
  from: number,
  to: number,
): void {
  if (value === undefined || (value >= from && value <= to)) return;
  into.push(invalid(path, value, `must be between ${from} and ${to}, inclusive`));
}

/** That a value is one of a list, which the message gives as it is. */
export function checkSupported(
  into: Findings,
  path: string,
  value: string | undefined,
  supported: readonly string[],
): void {
  if (value !== undefined && !supported.includes(value)) into.push(notSupported(path, value, supported));
}

/** The same for a value that must be there. */
export function checkRequiredSupported(
  into: Findings,
  path: string,
  value: string | undefined,
  supported: readonly string[],
): void {
  if (value === undefined || value === "") into.push(required(path));
  else checkSupported(into, path, value, supported);
}

/** That a field is what it was. */
export function checkImmutable(
  into: Findings,
  path: string,
  next: unknown,
  old: unknown,
  detail = isImmutable,
): void {
  if (!isSameJson(next ?? null, old ?? null)) into.push(invalid(path, next ?? null, detail));
}

export function checkIp(into: Findings, path: string, value: string): void {
  if (isIP(value) !== 0 && !value.includes("%")) return;
  into.push(invalid(path, value, "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)"));
}

export function checkPositiveQuantity(into: Findings, path: string, amount: string): void {
  if (compareQuantities(parseQuantity(amount), zero) <= 0)
    into.push(invalid(path, amount, "must be greater than zero"));
}

export function checkNonNegativeQuantity(into: Findings, path: string, amount: string): void {
  if (compareQuantities(parseQuantity(amount), zero) < 0) into.push(invalid(path, amount, isNegative));
}

const operators = ["In", "NotIn", "Exists", "DoesNotExist"];

/** A selector within an object. */
export function checkSelector(into: Findings, path: string, selector: LabelSelector | undefined): void {
  if (selector === undefined) return;
  for (const [key, value] of Object.entries(selector.matchLabels ?? {})) {
    checkName(into, `${path}.matchLabels`, key, qualifiedNameComplaints);
    checkName(into, `${path}.matchLabels`, value, labelValueComplaints);
  }
  for (const [at, { key, operator, values = [] }] of (selector.matchExpressions ?? []).entries()) {
    const own = `${path}.matchExpressions[${at}]`;
    if (!operators.includes(operator))
      into.push(invalid(`${own}.operator`, operator, "not a valid selector operator"));
    else if (operator === "In" || operator === "NotIn") {
      if (values.length === 0)
        into.push(required(`${own}.values`, "must be specified when `operator` is 'In' or 'NotIn'"));
    } else if (values.length > 0)
      into.push(
        forbidden(`${own}.values`, "may not be specified when `operator` is 'Exists' or 'DoesNotExist'"),
      );
    checkName(into, `${own}.key`, key, qualifiedNameComplaints);
    for (const [index, value] of values.entries())
      checkName(into, `${own}.values[${index}]`, value, labelValueComplaints);
  }
}

import { Fault } from "#base/fault.ts";

/**
 * An exact amount, e.g. of memory or of processors: `unscaled * 10 ** scale`.
 *
 * @see Kubernetes API 1.36, resource.Quantity
 */
export interface Quantity {
  readonly unscaled: bigint;
  readonly scale: number;
  /** How it is written: `12e6`, `12Mi` or `12M`. */
  readonly format: "DecimalExponent" | "BinarySI" | "DecimalSI";
  /** How it was given, where that is kept. */
  readonly text?: string;
}

const decimalSuffixes = new Map([
  ["n", -9],
  ["u", -6],
  ["m", -3],
  ["", 0],
  ["k", 3],
  ["M", 6],
  ["G", 9],
  ["T", 12],
  ["P", 15],
  ["E", 18],
]);
const suffixOfExponent = new Map([...decimalSuffixes].map(([suffix, exponent]) => [exponent, suffix]));
const binarySuffixes = ["", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"];
const greatest = 2n ** 63n - 1n;
/** More digits, and greater exponents, are for nobody but who wants to keep the server busy. */
const [mostDigits, mostExponent] = [500, 1000];

export const zero: Quantity = { unscaled: 0n, scale: 0, format: "DecimalSI" };

/**
 * Reads an amount. What is finer than a billionth is rounded away from zero.
 *
 * @throws {Fault} `invalid` in the words of the API
 */
export function parseQuantity(text: string): Quantity {
  const [, sign = "", whole = "", fraction = "", suffix = ""] =
    /^([+-]?)0*(\d*)(?:\.(\d*))?([eEinumkKMGTP]*[+-]?\d*)$/.exec(text) ?? [];
  if (text === "" || (whole + fraction + suffix === "" && !/^[+-]?[0.]*$/.test(text)))
    throw new Fault(
      "invalid",
      "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'",
    );
  if (text.length > mostDigits) throw new Fault("invalid", "unable to parse numeric part of quantity");
  const unit = unitOf(suffix);
  const digits = (whole === "" ? "0" : whole) + fraction;
  const magnitude = BigInt(digits);
  const signed = sign === "-" ? -magnitude : magnitude;
  const scale = unit.exponent - fraction.length;
  const exact: Quantity = { unscaled: signed * unit.factor, scale, format: unit.format };
  if (isKept(unit, digits, fraction, exact)) return { ...exact, text };
  return bounded(exact);
}

interface Unit {
  readonly format: Quantity["format"];
  readonly exponent: number;
  readonly factor: bigint;
}

function unitOf(suffix: string): Unit {
  const exponent = decimalSuffixes.get(suffix);
  if (exponent !== undefined) return { format: "DecimalSI", exponent, factor: 1n };
  const power = binarySuffixes.indexOf(suffix);
  if (power > 0) return { format: "BinarySI", exponent: 0, factor: 1024n ** BigInt(power) };
  const given = /^[eE]([+-]?\d+)$/.exec(suffix)?.[1];
  if (given === undefined || Math.abs(Number(given)) > mostExponent)
    throw new Fault("invalid", "unable to parse quantity's suffix");
  return { format: "DecimalExponent", exponent: Number(given), factor: 1n };
}

/** Upstream keeps what looks canonical to it as it was written, e.g. `005` and `1.234k`: so it stands in objects. */
function isKept(unit: Unit, digits: string, fraction: string, exact: Quantity): boolean {
  if (exact.unscaled > greatest || exact.unscaled < -greatest) return false;
  if (unit.format === "BinarySI") {
    const bits = unit.factor.toString(2).length - 1;
    const precision = 14 - digits.length - Math.trunc((bits * 3) / 10);
    return fraction === "" && precision >= 0 && (BigInt(digits) & 7n) !== 0n;
  }
  if (digits.length > 18 || exact.scale < -9) return false;
  return exact.scale % 3 === 0 && !digits.endsWith("000") && !digits.startsWith("0");
}

function bounded(quantity: Quantity): Quantity {
  const fine = quantity.scale < -9 ? { ...quantity, ...roundedUp(quantity, -9) } : quantity;
  if (fine.format !== "BinarySI") return fine;
  if (compareQuantities(fine, { ...zero, unscaled: greatest }) > 0)
    return { ...fine, unscaled: greatest, scale: 0 };
  const isFraction = fine.unscaled !== 0n && roundedTo(fine, 0, "down") === 0n;
  return isFraction ? { ...fine, format: "DecimalSI" } : fine;
}

/** The amount as the API writes it. */
export function formatQuantity(quantity: Quantity): string {
  if (quantity.text !== undefined) return quantity.text;
  if (quantity.unscaled === 0n) return "0";
  return (quantity.format === "BinarySI" ? binaryText(quantity) : undefined) ?? decimalText(quantity);
}

/** Undefined for what would lose precision, and for what is less than 1Ki. */
function binaryText(quantity: Quantity): string | undefined {
  let whole = roundedTo(quantity, 0, "down");
  if (compareQuantities(quantity, { ...zero, unscaled: whole }) !== 0) return undefined;
  if (whole > -1024n && whole < 1024n) return undefined;
  let power = 0;
  for (; power + 1 < binarySuffixes.length && whole % 1024n === 0n; power++) whole /= 1024n;
  return `${whole}${binarySuffixes[power]}`;
}

function decimalText({ unscaled, scale, format }: Quantity): string {
  let amount = unscaled;
  let exponent = scale;
  for (; amount % 10n === 0n; exponent++) amount /= 10n;
  const most = format === "DecimalExponent" ? Number.POSITIVE_INFINITY : 18;
  for (; exponent % 3 !== 0 || exponent > most; exponent--) amount *= 10n;
  if (format !== "DecimalExponent") return `${amount}${suffixOfExponent.get(exponent)}`;
  return exponent === 0 ? String(amount) : `${amount}e${exponent}`;
}

/** The form that the API gives an amount which a client sent; numbers of JSON may be amounts too. */
export function canonicalQuantity(value: string | number): string {
  return formatQuantity(parseQuantity(typeof value === "number" ? String(value) : value.trim()));
}

/** Less than 0, 0, or more than 0. */
export function compareQuantities(a: Quantity, b: Quantity): number {
  const [x, y] = aligned(a, b);
  return x < y ? -1 : x > y ? 1 : 0;
}

/** In the format of the first, or of the second where the first is zero. */
export function addQuantities(a: Quantity, b: Quantity): Quantity {
  const [x, y, scale] = aligned(a, b);
  return { unscaled: x + y, scale, format: a.unscaled === 0n ? b.format : a.format };
}

export function subtractQuantities(a: Quantity, b: Quantity): Quantity {
  return addQuantities(a, negated(b));
}

export function negated(quantity: Quantity): Quantity {
  return { unscaled: -quantity.unscaled, scale: quantity.scale, format: quantity.format };
}

/** In whole units, rounded away from zero, e.g. bytes. Exact up to 2^53. */
export function wholeUnits(quantity: Quantity): number {
  return Number(roundedTo(quantity, 0, "up"));
}

/** In thousandths, rounded away from zero, e.g. of processors. */
export function milliUnits(quantity: Quantity): number {
  return Number(roundedTo(quantity, -3, "up"));
}

export function quantityOf(
  unscaled: bigint | number,
  format: Quantity["format"] = "DecimalSI",
  scale = 0,
): Quantity {
  return { unscaled: BigInt(unscaled), scale, format };
}

function aligned(a: Quantity, b: Quantity): [bigint, bigint, number] {
  const scale = Math.min(a.scale, b.scale);
  return [a.unscaled * power(a.scale - scale), b.unscaled * power(b.scale - scale), scale];
}

function roundedUp(quantity: Quantity, scale: number): Pick<Quantity, "unscaled" | "scale"> {
  return { unscaled: roundedTo(quantity, scale, "up"), scale };
}

/** @param way away from zero, or towards it */
function roundedTo({ unscaled, scale }: Quantity, to: number, way: "up" | "down"): bigint {
  if (scale >= to) return unscaled * power(scale - to);
  const divisor = power(to - scale);
  const quotient = unscaled / divisor;
  if (way === "down" || unscaled % divisor === 0n) return quotient;
  return unscaled < 0n ? quotient - 1n : quotient + 1n;
}

function power(exponent: number): bigint {
  return exponent === 0 ? 1n : 10n ** BigInt(exponent);
}

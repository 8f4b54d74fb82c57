import { Fault } from "#base/fault.ts";

/** A number, or a part of another in percent, e.g. `25%`. @see Kubernetes API 1.36, intstr.IntOrString */
export type IntOrString = number | string;

/**
 * The number, or as many as the percentage is of the total.
 *
 * @throws {Fault} `invalid` for a text that is no percentage
 */
export function scaledValue(value: IntOrString, total: number, rounding: "up" | "down"): number {
  if (typeof value === "number") return value;
  if (!value.endsWith("%"))
    throw new Fault("invalid", "invalid value for IntOrString: invalid type: string is not a percentage");
  const digits = value.slice(0, -1);
  if (!/^[+-]?\d{1,18}$/.test(digits))
    throw new Fault(
      "invalid",
      `invalid value for IntOrString: invalid value ${JSON.stringify(value)}: strconv.Atoi: parsing ${JSON.stringify(digits)}: invalid syntax`,
    );
  const part = (Number(digits) * total) / 100;
  return rounding === "up" ? Math.ceil(part) : Math.floor(part);
}

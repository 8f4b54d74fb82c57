import { number, text } from "./arguments.ts";
import type { HclValue } from "./syntax.ts";

const verb = /%(?:%|([-+ 0#]*)(\d+|\*)?(?:\.(\d+))?(?:\[(\d+)\])?([vtbodxXeEfgGsq]))/g;

/**
 * Fills values into a text, as `printf` does.
 *
 * @throws {Error} for too many or too few of them
 * @see github.com/zclconf/go-cty, function/stdlib, FormatFunc
 */
export function formatText(pattern: string, values: readonly HclValue[]): string {
  let next = 0;
  const take = (): HclValue => {
    const value = values[next];
    next += 1;
    if (value === undefined)
      throw new Error(`not enough arguments for format string ${JSON.stringify(pattern)}`);
    return value;
  };
  const shown = pattern.replaceAll(
    verb,
    (whole, flags = "", width = "", digits = "", index = "", letter = "") => {
      if (whole === "%%") return "%";
      const size = width === "*" ? number(take()) : Number(width);
      if (index !== "") next = Number(index) - 1;
      return padded(converted(letter, take(), digits, flags), size, flags, letter);
    },
  );
  if (next < values.length && !/\[\d+\]/.test(pattern))
    throw new Error("too many arguments; only what the format string asks for is used");
  return shown;
}

function padded(value: string, size: number, flags: string, letter: string): string {
  if (flags.includes("-")) return value.padEnd(size);
  const isZero = flags.includes("0") && letter !== "s" && letter !== "q" && letter !== "v";
  if (!isZero) return value.padStart(size);
  const sign = /^[+-]/.exec(value)?.[0] ?? "";
  return sign + value.slice(sign.length).padStart(size - sign.length, "0");
}

function converted(letter: string, value: HclValue, digits: string, flags: string): string {
  switch (letter) {
    case "v":
      return typeof value === "string" ? value : JSON.stringify(value);
    case "t":
      return String(value === true || value === "true");
    case "q":
      return JSON.stringify(text(value));
    case "s":
      return digits === "" ? text(value) : Array.from(text(value)).slice(0, Number(digits)).join("");
    default:
      return signed(numberText(letter, number(value), digits), flags);
  }
}

function signed(value: string, flags: string): string {
  if (value.startsWith("-")) return value;
  return flags.includes("+") ? `+${value}` : flags.includes(" ") ? ` ${value}` : value;
}

const bases: Readonly<Record<string, number>> = { b: 2, o: 8, d: 10, x: 16, X: 16 };

function numberText(letter: string, value: number, digits: string): string {
  const base = bases[letter];
  const places = digits === "" ? undefined : Number(digits);
  if (base !== undefined) {
    const plain = Math.trunc(value).toString(base);
    return letter === "X" ? plain.toUpperCase() : plain;
  }
  if (letter === "f") return value.toFixed(places ?? 6);
  if (letter === "e" || letter === "E") {
    const plain = value.toExponential(places ?? 6).replace(/e([+-])(\d)$/, "e$10$2");
    return letter === "E" ? plain.toUpperCase() : plain;
  }
  return places === undefined ? String(value) : String(Number(value.toPrecision(Math.max(1, places))));
}

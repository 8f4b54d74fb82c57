/** A struct of Go as `fmt` prints it: values without names. Everything else that is an object prints as a map. */
export const structMark: unique symbol = Symbol("struct");

/** How `fmt.Print` shows a value that came from JSON. Numbers too large for JavaScript are bigint. */
export function goPrint(value: unknown): string {
  if (value === null || value === undefined) return "<nil>";
  if (Array.isArray(value)) return `[${value.map(inside).join(" ")}]`;
  if (typeof value === "object") return printObject(value as Readonly<Record<string, unknown>>);
  if (typeof value === "number") return printNumber(value);
  return String(value as string);
}

function printObject(value: Readonly<Record<string, unknown>>): string {
  if (structMark in value) return `{${Object.values(value).map(inside).join(" ")}}`;
  const keys = Object.keys(value).sort();
  return `map[${keys.map((key) => `${key}:${inside(value[key])}`).join(" ")}]`;
}

function inside(value: unknown): string {
  return goPrint(value);
}

/** `%v` of a float64: an exponent from 21 digits on, as Go's shortest form has it. */
function printNumber(value: number): string {
  if (Number.isInteger(value) && Math.abs(value) < 1e21) return String(value);
  return String(value).replace(/e([+-])(\d)$/, "e$10$2");
}

/** `fmt.Sprintf` for the verbs that templates use. */
export function goSprintf(format: string, values: readonly unknown[]): string {
  let next = 0;
  const text = format.replace(
    /%([-+# 0]*)(\*|\d+)?(?:\.(\*|\d+))?([%a-zA-Z])/g,
    (_all, flags: string, widthText: string | undefined, precisionText: string | undefined, verb: string) => {
      if (verb === "%") return "%";
      const width =
        widthText === "*" ? Number(values[next++]) : widthText === undefined ? 0 : Number(widthText);
      const precision =
        precisionText === "*"
          ? Number(values[next++])
          : precisionText === undefined
            ? undefined
            : Number(precisionText);
      if (next >= values.length) return `%!${verb}(MISSING)`;
      const shown = formatVerb(verb, flags, precision, values[next++]);
      if (flags.includes("-")) return shown.padEnd(width);
      return flags.includes("0") && /[dxXofeg]/.test(verb) ? padZero(shown, width) : shown.padStart(width);
    },
  );
  if (next >= values.length) return text;
  const extra = values.slice(next).map((value) => `${goType(value)}=${goPrint(value)}`);
  return `${text}%!(EXTRA ${extra.join(", ")})`;
}

function padZero(text: string, width: number): string {
  return text.startsWith("-") ? `-${text.slice(1).padStart(width - 1, "0")}` : text.padStart(width, "0");
}

function formatVerb(verb: string, flags: string, precision: number | undefined, value: unknown): string {
  const bad = () => `%!${verb}(${goType(value)}=${goPrint(value)})`;
  switch (verb) {
    case "v":
      return goPrint(value);
    case "s":
      if (typeof value === "number" || typeof value === "boolean") return bad();
      return precision === undefined
        ? goPrint(value)
        : Array.from(goPrint(value)).slice(0, precision).join("");
    case "q":
      return typeof value === "string" ? JSON.stringify(value) : bad();
    case "d":
      if (typeof value === "bigint" || (typeof value === "number" && Number.isInteger(value)))
        return `${flags.includes("+") && value >= 0 ? "+" : ""}${value}`;
      return bad();
    case "t":
      return typeof value === "boolean" ? String(value) : bad();
    case "T":
      return goType(value);
    case "x":
    case "X": {
      const text =
        typeof value === "number" ? value.toString(16) : Buffer.from(goPrint(value)).toString("hex");
      return verb === "X" ? text.toUpperCase() : text;
    }
    case "f":
    case "F":
      return typeof value === "number" ? value.toFixed(precision ?? 6) : bad();
    case "g":
    case "e":
      return typeof value === "number"
        ? precision === undefined
          ? String(value)
          : value.toPrecision(precision)
        : bad();
    case "c":
      return typeof value === "number" ? String.fromCodePoint(value) : bad();
    default:
      return bad();
  }
}

function goType(value: unknown): string {
  if (value === null || value === undefined) return "<nil>";
  if (typeof value === "string") return "string";
  if (typeof value === "boolean") return "bool";
  if (typeof value === "number") return Number.isInteger(value) ? "int" : "float64";
  if (Array.isArray(value)) return "[]interface {}";
  return "map[string]interface {}";
}

import { Fault, messageOf } from "#base/fault.ts";
import { alignTabs } from "../output/tab-writer.ts";
import { compileTemplate } from "../template/execute.ts";
import { goMarshal } from "../template/functions.ts";

/** What a list can show: by the name that templates use, its heading and how an item gives it. */
export type Columns<T> = Readonly<Record<string, readonly [heading: string, valueOf: (item: T) => unknown]>>;

/** What a list's format is: a keyword with what it stands for, or a template. */
export interface FormatChoice {
  readonly format: string;
  /** The template that `table` alone means. */
  readonly table: string;
  /** The template that `raw` alone means. */
  readonly raw?: string;
  readonly isQuiet?: boolean;
  /** The template for quiet. */
  readonly quiet?: string;
  /** Go's type of a row, for errors. */
  readonly typeName?: string;
}

/**
 * Formats items as Docker's tools do: `table` with headings and aligned, `table TEMPLATE`, `json` a line each, `raw`, or a template
 * a line each.
 *
 * @throws {Fault} `invalid` with Docker's texts for a template that makes no sense
 */
export function formatItems<T>(items: readonly T[], columns: Columns<T>, choice: FormatChoice): string {
  const { format, isQuiet, quiet = "{{.ID}}", table, raw = "" } = choice;
  const rows = items.map((item) => rowOf(item, columns));
  if (format === "json" || format === "json ") return rows.map((row) => `${rowJson(row)}\n`).join("");
  const isTable = /^table(\s|$)/.test(format);
  if (isQuiet && (isTable || format === "raw")) {
    const template = compile(format === "raw" && quiet === "{{.ID}}" ? "{{.ID}}" : quiet);
    return rows.map((row) => `${run(template, row, choice)}\n`).join("");
  }
  if (!isTable) {
    const template = compile(unescapeFormat(format === "raw" ? raw : format));
    return rows.map((row) => `${run(template, row, choice)}\n`).join("");
  }
  const own = format.slice("table".length).trim();
  const template = compile(unescapeFormat(own === "" ? table : own));
  const headings = Object.fromEntries(
    Object.entries(columns).map(([name, [heading]]) => [name, headingValue(heading)]),
  );
  const lines = [run(template, headings, {}), ...rows.map((row) => run(template, row, choice))];
  return alignTabs(`${lines.join("\n")}\n`);
}

/** A heading can be called as the methods with arguments are. */
function headingValue(heading: string): unknown {
  return heading;
}

type Compiled = ReturnType<typeof compileTemplate>;

export function compile(source: string): Compiled {
  try {
    return compileTemplate(source);
  } catch (error) {
    throw new Fault("invalid", `failed to parse template: ${messageOf(error)}`);
  }
}

function run(template: Compiled, data: unknown, { typeName }: Pick<FormatChoice, "typeName">): string {
  try {
    return template.execute(data, typeName === undefined ? {} : { typeName });
  } catch (error) {
    throw new Fault("invalid", `failed to execute template: ${messageOf(error)}`);
  }
}

function rowOf<T>(item: T, columns: Columns<T>): Record<string, unknown> {
  const row = {};
  for (const [name, [, valueOf]] of Object.entries(columns))
    Object.defineProperty(row, name, { enumerable: true, get: () => valueOf(item) });
  return row;
}

function rowJson(row: Readonly<Record<string, unknown>>): string {
  const fields = Object.keys(row)
    .sort()
    .map((name) => [name, row[name]] as const)
    .filter(([, value]) => typeof value !== "function");
  return goMarshal(Object.fromEntries(fields));
}

/** `\t` and `\n` as people type them in a shell. */
export function unescapeFormat(format: string): string {
  return format.replaceAll("\\t", "\t").replaceAll("\\n", "\n");
}

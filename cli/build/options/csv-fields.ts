import type { Fault } from "#base/fault.ts";
import { badOption } from "./bad-option.ts";

/**
 * The fields of a flag's value, as a line of CSV: a field in quotation marks may hold commas, and a quotation mark twice.
 *
 * @throws {Fault} `invalid` with the texts of Go's encoding/csv
 */
export function csvFields(line: string): readonly string[] {
  const fields: string[] = [];
  let at = 0;
  for (;;) {
    const { field, end } = line[at] === '"' ? quoted(line, at) : bare(line, at);
    fields.push(field);
    if (end >= line.length) return fields;
    at = end + 1;
  }
}

function bare(line: string, at: number): { readonly field: string; readonly end: number } {
  const comma = line.indexOf(",", at);
  const end = comma < 0 ? line.length : comma;
  const field = line.slice(at, end);
  const quote = field.indexOf('"');
  if (quote >= 0)
    throw badOption(`parse error on line 1, column ${at + quote + 1}: bare " in non-quoted-field`);
  return { field, end };
}

function quoted(line: string, at: number): { readonly field: string; readonly end: number } {
  let field = "";
  for (let from = at + 1; ; ) {
    const close = line.indexOf('"', from);
    if (close < 0)
      throw badOption(
        `parse error on line 1, column ${line.length + 1}: extraneous or missing " in quoted-field`,
      );
    field += line.slice(from, close);
    const after = line[close + 1];
    if (after === undefined || after === ",") return { field, end: close + 1 };
    if (after !== '"')
      throw badOption(`parse error on line 1, column ${close + 1}: extraneous or missing " in quoted-field`);
    field += '"';
    from = close + 2;
  }
}

/** `key=value` fields; keys in lower case. @param complain makes the failure of a field without a value */
export function csvPairs(
  line: string,
  complain: (field: string) => Fault,
): readonly (readonly [key: string, value: string])[] {
  return csvFields(line).map((field) => {
    const equals = field.indexOf("=");
    if (equals < 0) throw complain(field);
    return [field.slice(0, equals).trim().toLowerCase(), field.slice(equals + 1)] as const;
  });
}

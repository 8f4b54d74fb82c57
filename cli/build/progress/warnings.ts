import { drawExcerpt } from "#oci/dockerfile/excerpt.ts";
import type { Warning } from "./trace.ts";

const decode = (bytes: Uint8Array | undefined) => Buffer.from(bytes ?? new Uint8Array(0)).toString("utf8");

/** What was warned of, after a build. Empty when nothing was. */
export function describeWarnings(
  warnings: readonly Warning[],
  options: { readonly isLong: boolean; readonly yellow: (text: string) => string; readonly hint: string },
): string {
  if (warnings.length === 0) return "";
  const count = `${warnings.length} warning${warnings.length === 1 ? "" : "s"} found`;
  const head = `\n ${options.yellow(`${count}${options.isLong ? ":" : ` (${options.hint}):`}`)}\n`;
  if (!options.isLong) return head + warnings.map(({ short }) => ` - ${decode(short)}\n`).join("");
  return head + warnings.map(describeWarning).join("");
}

function describeWarning({ short, detail = [], url = "", info, ranges = [] }: Warning): string {
  const excerpt =
    info === undefined ? "" : drawExcerpt(info.filename ?? "", decode(info.data), ranges.map(linesOf));
  const more = detail.map((text) => `${decode(text)}\n`).join("");
  return ` - ${decode(short)}\n${more}${url === "" ? "" : `More info: ${url}\n`}${excerpt}\n`;
}

function linesOf({ start, end }: NonNullable<Warning["ranges"]>[number]) {
  return { first: start?.line ?? 0, last: end?.line ?? start?.line ?? 0 };
}

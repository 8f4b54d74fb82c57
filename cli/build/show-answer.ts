import { Fault } from "#base/fault.ts";
import type { Terminal } from "../output/terminal.ts";
import { drawExcerpt } from "#oci/dockerfile/excerpt.ts";

interface Lint {
  readonly warnings?: readonly LintWarning[] | null;
  readonly sources?: readonly { readonly filename?: string; readonly data?: string }[] | null;
  readonly buildError?: { readonly message?: string; readonly location?: Location };
}

interface Location {
  readonly sourceIndex?: number;
  readonly ranges?: readonly {
    readonly start?: { readonly line?: number };
    readonly end?: { readonly line?: number };
  }[];
}

interface LintWarning {
  readonly ruleName: string;
  readonly url?: string;
  readonly detail?: string;
  readonly location?: Location;
}

/** Prints what a front end says of a Dockerfile, and returns the exit code: 1 when there is something to mend. */
export function showAnswer(
  { out, err }: { readonly out: Terminal; readonly err: Terminal },
  request: string,
  format: string | undefined,
  answer: ReadonlyMap<string, Uint8Array>,
): number {
  const read = (name: string) => {
    const bytes = answer.get(name);
    return bytes === undefined ? undefined : Buffer.from(bytes).toString("utf8");
  };
  const json = read("result.json");
  const isLint = request === "frontend.lint";
  const found: Lint = isLint && json !== undefined ? (JSON.parse(json) as Lint) : {};
  const code = (found.warnings ?? []).length > 0 || found.buildError !== undefined ? 1 : 0;
  if (format === "json" && json !== undefined)
    out.write(`${JSON.stringify(JSON.parse(json), undefined, 2)}\n`);
  else if (isLint && json !== undefined) {
    out.write(lintText(found));
    err.write(failureText(found));
  } else {
    const text = read("result.txt") ?? json;
    if (text === undefined) throw new Fault("not-implemented", `the engine has no answer to ${request}`);
    out.write(text.endsWith("\n") ? text : `${text}\n`);
  }
  return code;
}

/** Nothing when it is not known whether there would be warnings. */
function lintText({ warnings, sources, buildError }: Lint): string {
  const list = warnings ?? [];
  if (list.length === 0 && buildError !== undefined) return "";
  const count =
    list.length === 0
      ? "no warnings found."
      : list.length === 1
        ? "1 warning has been found!"
        : `${list.length} warnings have been found!`;
  return `Check complete, ${count}\n${list.map((warning) => warningText(warning, sources ?? [])).join("")}`;
}

function failureText({ sources, buildError }: Lint): string {
  if (buildError === undefined) return "";
  return `ERROR: ${buildError.message ?? ""}\n${excerptOf(buildError.location, sources ?? [])}`;
}

function warningText(
  { ruleName, url = "", detail = "", location }: LintWarning,
  sources: NonNullable<Lint["sources"]>,
): string {
  return `\nWARNING: ${ruleName}${url === "" ? "" : ` - ${url}`}\n${detail}\n${excerptOf(location, sources)}`;
}

function excerptOf(location: Location | undefined, sources: NonNullable<Lint["sources"]>): string {
  const source = sources[location?.sourceIndex ?? 0];
  const lines = (location?.ranges ?? []).map(({ start, end }) => ({
    first: start?.line ?? 0,
    last: end?.line ?? start?.line ?? 0,
  }));
  const text = Buffer.from(source?.data ?? "", "base64").toString("utf8");
  return source === undefined ? "" : drawExcerpt(source.filename ?? "", text, lines);
}

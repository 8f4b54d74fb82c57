import { drawExcerpt } from "../excerpt.ts";
import type { Lines } from "../source.ts";
import type { CheckWarning } from "./findings.ts";

/** The file that warnings are about. */
export interface CheckedFile {
  readonly name: string;
  readonly text: string;
}

/** What a Dockerfile could not be built for. */
export interface CheckFailure {
  readonly message: string;
  readonly lines?: Lines;
}

/** As BuildKit's clients print it; nothing for a Dockerfile without fault. */
export function checkText(
  warnings: readonly CheckWarning[],
  file: CheckedFile,
  failure: CheckFailure | undefined,
): string {
  const sorted = warnings.toSorted((left, right) => left.lines.first - right.lines.first);
  const parts = sorted.map(
    ({ rule, detail, lines }) =>
      `\nWARNING: ${rule.name} - ${rule.url}\n${detail}\n${drawExcerpt(file.name, file.text, [lines])}`,
  );
  if (failure !== undefined)
    parts.push(
      `\nERROR: ${failure.message}\n${failure.lines === undefined ? "" : drawExcerpt(file.name, file.text, [failure.lines])}`,
    );
  return parts.join("");
}

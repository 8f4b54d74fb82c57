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
      `\nWARNING: ${rule.name} - ${rule.url}\n${detail}\n${sourceText(file, lines)}`,
  );
  if (failure !== undefined)
    parts.push(
      `\nERROR: ${failure.message}\n${failure.lines === undefined ? "" : sourceText(file, failure.lines)}`,
    );
  return parts.join("");
}

/** The lines, and some more around them: two on either side of a single one, one of several, less where the file ends. */
function sourceText({ name, text }: CheckedFile, { first, last }: Lines): string {
  const lines = text.split("\n");
  let [from, to] = [first, Math.min(last, lines.length)];
  const wanted = first === last ? 4 : 2;
  for (let steps = 0; steps < wanted; steps++) {
    if (from > 1) {
      from -= 1;
      steps += 1;
    }
    if (to < lines.length) {
      to += 1;
      steps += 1;
    }
  }
  const shown = lines.slice(from - 1, to).map((line, index) => {
    const number = from + index;
    const mark = number >= first && number <= last ? ">>>" : "   ";
    return ` ${String(number).padStart(3)} | ${mark} ${line}`;
  });
  const rule = "--------------------";
  return `${name}:${first}\n${rule}\n${shown.join("\n")}\n${rule}\n`;
}

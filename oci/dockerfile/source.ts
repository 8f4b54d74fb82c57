import { Fault } from "#base/fault.ts";

/** First and last line of something in a Dockerfile, counted from 1. */
export interface Lines {
  readonly first: number;
  readonly last: number;
}

/**
 * A failure of a Dockerfile, in the words of Docker's classic builder, with the lines themselves below.
 *
 * @param text the whole Dockerfile; at most ten lines of it are shown
 */
export function dockerfileFault(message: string, lines: Lines, text: string): Fault {
  return new Fault(
    "invalid",
    `dockerfile parse error on line ${lines.first}: ${message}${excerpt(text, lines)}`,
    {
      detail: { line: lines.first },
    },
  );
}

const maxShown = 10;
const maxColumns = 200;

function excerpt(text: string, { first, last }: Lines): string {
  const shown = text.split("\n").slice(first - 1, Math.min(last, first + maxShown - 1));
  const width = String(first + shown.length).length;
  return shown
    .map(
      (line, index) => `\n${String(first + index).padStart(width)} | ${line.trimEnd().slice(0, maxColumns)}`,
    )
    .join("");
}

/** A place to write text for people. Styles are codes on a terminal that wants them and nothing elsewhere. */
export interface Terminal {
  readonly isTerminal: boolean;
  write(text: string): void;
  bold(text: string): string;
  dim(text: string): string;
  red(text: string): string;
  green(text: string): string;
}

interface Stream {
  readonly isTTY?: boolean;
  write(text: string): unknown;
}

/** @see https://no-color.org: a non-empty NO_COLOR switches colour off */
export function openTerminal(stream: Stream, env: Readonly<Record<string, string | undefined>>): Terminal {
  const isTerminal = stream.isTTY === true;
  const hasColour = isTerminal && env["TERM"] !== "dumb" && (env["NO_COLOR"] ?? "") === "";
  const style = (on: number, off: number) => (text: string) =>
    hasColour ? `\u001b[${on}m${text}\u001b[${off}m` : text;
  return {
    isTerminal,
    write: (text) => void stream.write(text),
    bold: style(1, 22),
    dim: style(2, 22),
    red: style(31, 39),
    green: style(32, 39),
  };
}

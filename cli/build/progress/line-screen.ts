/** Lines that a running step shows at most. */
export const screenLines = 6;

/** The end of a step's output as a terminal would show it: carriage returns go back, codes for colours and places have no effect. */
export class LineScreen {
  readonly #lines: string[] = [""];
  #column = 0;
  #left = "";

  write(text: string): void {
    const whole = this.#left + text;
    // A code may be cut between two pieces.
    // oxlint-disable-next-line no-control-regex
    const open = /\u001b(?:\[[0-?]*[ -/]*)?$/.exec(whole);
    this.#left = open === null ? "" : open[0].slice(0, 32);
    const shown = (open === null ? whole : whole.slice(0, open.index))
      .replaceAll(codes, "")
      .replaceAll("\t", " ");
    for (const piece of shown.split(/([\n\r\b])/)) this.#take(piece);
  }

  /** The last lines that have something on them, cut to pieces of `width`. */
  last(width: number): readonly string[] {
    const cut = this.#lines.flatMap((line) => {
      const pieces: string[] = [];
      for (let at = 0; at < line.length; at += width) pieces.push(line.slice(at, at + width));
      return pieces;
    });
    return cut.filter((line) => line.trim() !== "").slice(-screenLines);
  }

  #take(piece: string): void {
    if (piece === "\n") {
      this.#lines.push("");
      if (this.#lines.length > screenLines + 1) this.#lines.shift();
      this.#column = 0;
    } else if (piece === "\r") this.#column = 0;
    else if (piece === "\b") this.#column = Math.max(0, this.#column - 1);
    else if (piece !== "") this.#print(piece);
  }

  #print(text: string): void {
    const line = this.#lines.at(-1) ?? "";
    const after = line.slice(this.#column + text.length);
    this.#lines[this.#lines.length - 1] = (line.slice(0, this.#column) + text + after).slice(0, maxLine);
    this.#column = Math.min(this.#column + text.length, maxLine);
  }
}

const maxLine = 4096;
/** CSI and OSC sequences, other escapes, and control characters that are not dealt with. */
const codes =
  // oxlint-disable-next-line no-control-regex
  /\u001b\[[0-?]*[ -/]*[@-~]|\u001b\][^\u0007\u001b]*(?:\u0007|\u001b\\)|\u001b[@-_]|[\u0000-\u0007\u000b\u000c\u000e-\u001f\u007f-\u009f]/g;

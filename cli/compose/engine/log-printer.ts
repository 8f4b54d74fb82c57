import type { OutputPiece } from "#client/streams.ts";
import type { Terminal } from "../../output/terminal.ts";

const colours = [36, 33, 32, 35, 34, 96, 93, 92, 95, 94];

export interface PrinterOptions {
  readonly out: Terminal;
  readonly err: Terminal;
  readonly hasColour: boolean;
  readonly hasPrefix: boolean;
  /** Puts the time before each line. */
  readonly now?: () => Date;
}

/** Writes the lines of several containers to one terminal, each behind the name of its container, in its colour. */
export class LogPrinter {
  readonly #options: PrinterOptions;
  readonly #colours = new Map<string, number>();
  #width = 0;

  constructor(options: PrinterOptions) {
    this.#options = options;
  }

  /** Makes room for a name before its first line. */
  register(name: string): void {
    if (this.#colours.has(name)) return;
    this.#colours.set(name, colours[this.#colours.size % colours.length] ?? 36);
    this.#width = Math.max(this.#width, name.length);
  }

  line(name: string, text: string, stream: OutputPiece["stream"] = "stdout"): void {
    this.register(name);
    const { out, err, hasPrefix, now } = this.#options;
    const time = now === undefined ? "" : `${now().toISOString().replace("Z", "000000Z")} `;
    (stream === "stderr" ? err : out).write(`${hasPrefix ? this.#prefix(name) : ""}${time}${text}\n`);
  }

  /** A line of compose's own. */
  status(text: string): void {
    this.#options.out.write(`${text}\n`);
  }

  /** Cuts pieces of output into lines and writes them as they are complete. */
  async print(name: string, pieces: AsyncIterable<OutputPiece>): Promise<void> {
    const held = { stdout: new LineBuffer(), stderr: new LineBuffer() };
    for await (const { stream, bytes } of pieces)
      for (const line of held[stream].push(bytes)) this.line(name, line, stream);
    for (const stream of ["stdout", "stderr"] as const) {
      const rest = held[stream].rest();
      if (rest !== "") this.line(name, rest, stream);
    }
  }

  #prefix(name: string): string {
    const text = `${name.padEnd(this.#width)}  | `;
    return this.#options.hasColour ? `\u001b[${this.#colours.get(name)}m${text}\u001b[0m` : text;
  }
}

class LineBuffer {
  readonly #decoder = new TextDecoder();
  #held = "";

  push(bytes: Uint8Array): readonly string[] {
    this.#held += this.#decoder.decode(bytes, { stream: true });
    const lines = this.#held.split("\n");
    this.#held = lines.pop() ?? "";
    return lines.map((line) => line.replace(/\r$/, ""));
  }

  rest(): string {
    return this.#held;
  }
}

/** A container's name without its project, as prefixes have it: `web-1`. */
export function shortName(container: string, project: string): string {
  return container.startsWith(`${project}-`) ? container.slice(project.length + 1) : container;
}

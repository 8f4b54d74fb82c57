import { messageOf } from "#base/fault.ts";
import type { Terminal } from "../../output/terminal.ts";
import { PlainPrinter } from "./plain.ts";
import { rawJson } from "./raw-json.ts";
import { drawScreen, type Size } from "./screen.ts";
import { type BuildEvent, type Step, Trace } from "./trace.ts";

export type ProgressMode = "plain" | "tty" | "quiet" | "rawjson";

export interface DisplayOptions {
  readonly mode: ProgressMode;
  readonly out: Terminal;
  /** What is happening, e.g. `Building`. */
  readonly phase: string;
  /** On the right of a terminal's first line. */
  readonly description: string;
  /** The first line where there is no terminal. */
  readonly title: string;
  readonly now: () => number;
  readonly size: () => Size;
  readonly isColored: boolean;
}

const refreshMs = 100;
// oxlint-disable-next-line no-control-regex
const colours = /\u001b\[\d+m/g;

/** Shows a build as it goes on. */
export class Display {
  readonly trace = new Trace();
  readonly #options: DisplayOptions;
  readonly #printer: PlainPrinter;
  /** That are to be written. */
  readonly #lines: string[] = [];
  /** When parts of our own steps began. */
  readonly #parts = new Map<string, ReturnType<typeof timeOf>>();
  #timer: NodeJS.Timeout | undefined;
  #shownAt = 0;
  #drawn = 0;
  #isBegun = false;

  constructor(options: DisplayOptions) {
    this.#options = options;
    this.#printer = new PlainPrinter((text) => this.#lines.push(text));
  }

  /** Says that a build begins, before anything of it is known. */
  begin(title: string = this.#options.title): void {
    const { mode, out } = this.#options;
    if (this.#isBegun) return;
    this.#isBegun = true;
    if (mode === "plain" && title !== "") out.write(`#0 ${title}\n\n`);
    if (mode === "tty") this.#schedule();
  }

  take(event: BuildEvent): void {
    const { mode, out, now } = this.#options;
    this.trace.take(event, now());
    if (mode === "rawjson") return rawJson(event, (line) => out.write(line));
    if (mode === "plain" || mode === "tty") this.#schedule();
  }

  #schedule(): void {
    if (this.#timer !== undefined) return;
    const wait = Math.max(0, this.#shownAt + refreshMs - performance.now());
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.#show(false);
      if (this.#options.mode === "tty") this.#schedule();
    }, wait);
  }

  #show(isLast: boolean): void {
    this.#shownAt = performance.now();
    const { mode, now } = this.#options;
    if (mode === "plain") this.#printLines(this.trace.theirTime(now()));
    if (mode === "tty") this.#draw(isLast);
  }

  #printLines(time: number): void {
    this.#printer.print(this.trace, time);
    const text = this.#lines.splice(0).join("");
    if (text !== "") this.#options.out.write(text);
  }

  #draw(isLast: boolean): void {
    const { out, phase, description, size, now, isColored } = this.#options;
    const drawn = drawScreen(this.trace, { phase, description }, size(), now(), isLast);
    const lines = isColored ? drawn : drawn.map((line) => line.replaceAll(colours, ""));
    const blank = Math.max(0, this.#drawn - lines.length);
    const up = (count: number) => (count === 0 ? "" : `\u001b[${count}A`);
    const text = [
      "\u001b[?25l",
      up(this.#drawn),
      "\r",
      ...lines.map((line) => `${line}\u001b[K\r\n`),
      "\u001b[K\r\n".repeat(blank),
      up(blank),
      "\u001b[?25h",
    ];
    out.write(text.join(""));
    this.#drawn = lines.length;
  }

  /** Shows what is left, and of steps that failed what they said last. */
  end(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const { mode, out } = this.#options;
    if (mode === "quiet" || mode === "rawjson" || !this.#isBegun) return;
    this.#show(true);
    for (const step of this.trace.started)
      if (step.error !== "" && !step.isCanceled) out.write(failureOf(step, this.#linesOf(step)));
  }

  #linesOf(step: Step): readonly string[] {
    return this.#options.mode === "plain" ? this.#printer.lastLines(step) : step.lines;
  }

  /** @param vertex the ID of a step of the client's own */
  part(vertex: string, id: string, { current, total, isDone }: PartProgress): void {
    const now = timeOf(this.trace.theirTime(this.#options.now()));
    const started = this.#parts.get(`${vertex} ${id}`) ?? now;
    this.#parts.set(`${vertex} ${id}`, started);
    const status = { id, vertex, current, total, timestamp: now, started, ...(isDone && { completed: now }) };
    this.take({ statuses: [status] });
  }

  /** A step of the client's own. */
  async step<T>(id: string, name: string, work: () => Promise<T>): Promise<T> {
    const started = timeOf(this.trace.theirTime(this.#options.now()));
    const vertex = { digest: id, name, started };
    this.take({ vertexes: [vertex] });
    const end = (error: string) =>
      this.take({
        vertexes: [{ ...vertex, completed: timeOf(this.trace.theirTime(this.#options.now())), error }],
      });
    try {
      const value = await work();
      end("");
      return value;
    } catch (error) {
      end(messageOf(error));
      throw error;
    }
  }
}

/** How far a part of a step of the client's own is. */
interface PartProgress {
  readonly current: number;
  readonly total: number;
  readonly isDone: boolean;
}

function failureOf({ name }: Step, lines: readonly string[]): string {
  return `------\n > ${name}:\n${lines.map((line) => `${line}\n`).join("")}------\n`;
}

function timeOf(ms: number) {
  const seconds = Math.floor(ms / 1000);
  return { seconds, nanos: Math.round((ms - seconds * 1000) * 1e6) };
}

import type { Terminal } from "../../output/terminal.ts";

export type EventStatus = "working" | "done" | "warning" | "error";

/** One step of something that compose does, e.g. `Container x-web-1` is `Creating`. */
export interface ProgressEvent {
  readonly id: string;
  readonly text: string;
  readonly status: EventStatus;
  /** What the engine says, not what state the thing is in. */
  readonly isNote?: boolean;
}

/** Where the steps of a command are shown. */
export interface Progress extends Disposable {
  event(event: ProgressEvent): void;
}

export type ProgressMode = "tty" | "plain" | "quiet" | "json";

/** Shows steps line by line, redrawn in place on a terminal, as JSON, or not at all. */
export function openProgress(mode: ProgressMode, out: Terminal, title: string, prefix = ""): Progress {
  if (mode === "quiet") return { event: () => {}, [Symbol.dispose]: () => {} };
  if (mode === "tty") return new Redrawn(out, title);
  return {
    event: ({ id, text, status, isNote }) =>
      out.write(
        mode === "json"
          ? `${JSON.stringify({ id, text, ...jsonStatus(status) })}\n`
          : ` ${prefix}${id} ${isNote === true ? "" : " "}${text}\n`,
      ),
    [Symbol.dispose]: () => {},
  };
}

function jsonStatus(status: EventStatus): object {
  return status === "error"
    ? { error: true, status: "Error" }
    : { status: status === "done" ? "Done" : "Working" };
}

interface Line {
  readonly event: ProgressEvent;
  readonly since: number;
  readonly tookMs: number;
}

/** Keeps one line for each thing, moves up and draws them again with every step. */
class Redrawn implements Progress {
  readonly #out: Terminal;
  readonly #title: string;
  readonly #lines = new Map<string, Line>();
  #drawn = 0;

  constructor(out: Terminal, title: string) {
    this.#out = out;
    this.#title = title;
  }

  event(event: ProgressEvent): void {
    const now = performance.now();
    const since = this.#lines.get(event.id)?.since ?? now;
    this.#lines.set(event.id, { event, since, tookMs: now - since });
    this.#draw();
  }

  [Symbol.dispose](): void {
    this.#lines.clear();
    this.#drawn = 0;
  }

  #draw(): void {
    const lines = [...this.#lines.values()];
    const done = lines.filter(({ event }) => event.status !== "working").length;
    const width = Math.max(...lines.map(({ event }) => event.id.length));
    const textWidth = Math.max(...lines.map(({ event }) => event.text.length));
    const body = lines.map(({ event, tookMs }) => {
      const text = `${event.id.padEnd(width)}  ${event.text.padEnd(textWidth)}`;
      return ` ${this.#mark(event.status)} ${text}  ${(tookMs / 1000).toFixed(1)}s`;
    });
    const up = this.#drawn === 0 ? "" : `\u001b[${this.#drawn}A`;
    const head = `[+] ${this.#title} ${done}/${lines.length}`;
    this.#out.write(`${up}${[head, ...body].map((line) => `\u001b[2K${line}\n`).join("")}`);
    this.#drawn = body.length + 1;
  }

  #mark(status: EventStatus): string {
    if (status === "done") return this.#out.green("✔");
    if (status === "error") return this.#out.red("✘");
    return status === "warning" ? "!" : "⠿";
  }
}

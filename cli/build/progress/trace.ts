import type { statusResponse, timestamp } from "#api/buildkit/control.ts";
import type { MessageOf } from "#base/protobuf.ts";
import { LineScreen } from "./line-screen.ts";

/** What the engine tells of a build, in pieces. */
export type BuildEvent = Partial<MessageOf<typeof statusResponse>>;
export type Warning = Partial<NonNullable<BuildEvent["warnings"]>[number]>;

/** A time in which a step was at work; it may begin several times. Milliseconds since 1970. */
interface Interval {
  readonly start: number;
  readonly stop: number | undefined;
}

/** A part of a step that counts bytes. */
export interface Part {
  readonly id: string;
  readonly current: number;
  readonly total: number;
  readonly started: number | undefined;
  readonly told: number | undefined;
  readonly completed: number | undefined;
}

/** One step as it is known. */
export class Step {
  readonly index: number;
  name = "";
  error = "";
  isCached = false;
  started: number | undefined;
  completed: number | undefined;
  readonly parts = new Map<string, Part>();
  readonly changedParts = new Set<string>();
  readonly warnings: Warning[] = [];
  /** Output in lines, each with its time; those that were shown may be taken out. */
  lines: string[] = [];
  /** The last line has no end yet. */
  isPartial = false;
  /** The end of the output, for those who are told that the step failed. */
  readonly screen = new LineScreen();
  /** Pieces of output since it was last shown. */
  news = 0;
  readonly #intervals = new Map<number, Interval>();

  constructor(index: number) {
    this.index = index;
  }

  get isStarted(): boolean {
    return this.started !== undefined;
  }

  get isCompleted(): boolean {
    return this.completed !== undefined;
  }

  get isCanceled(): boolean {
    return this.error.endsWith("context canceled");
  }

  begin(start: number, stop: number | undefined): void {
    this.#intervals.set(start, { start, stop });
  }

  get lastStart(): number | undefined {
    return [...this.#intervals.keys()].sort((a, b) => b - a)[0];
  }

  get isAtWork(): boolean {
    return [...this.#intervals.values()].some(({ stop }) => stop === undefined);
  }

  /** How long it was at work, in milliseconds; times that overlap count once. */
  workMs(now: number): number {
    let total = 0;
    let end = 0;
    for (const { start, stop = now } of [...this.#intervals.values()].sort((a, b) => a.start - b.start)) {
      total += Math.max(0, stop - Math.max(start, end));
      end = Math.max(end, stop);
    }
    return total;
  }
}

/** A build as it is known so far. */
export class Trace {
  readonly #steps = new Map<string, Step>();
  /** In the order in which they began. */
  readonly started: Step[] = [];
  /** What changed since it was last shown. */
  readonly changed = new Set<Step>();
  readonly warnings: Warning[] = [];
  #beginning: number | undefined;
  /** Of the engine's clock to ours. */
  #difference = 0;

  get steps(): Iterable<Step> {
    return this.#steps.values();
  }

  get count(): number {
    return this.#steps.size;
  }

  /** The engine's time, in milliseconds, when ours is `now`. */
  theirTime(now: number): number {
    return now - this.#difference;
  }

  /** Milliseconds since the first step began. */
  elapsedMs(now: number): number {
    return this.#beginning === undefined ? 0 : this.theirTime(now) - this.#beginning;
  }

  /** @param now milliseconds since 1970, by our clock */
  take(event: BuildEvent, now: number): void {
    for (const vertex of event.vertexes ?? []) this.#vertex(vertex, now);
    for (const status of event.statuses ?? []) this.#status(status);
    for (const warning of event.warnings ?? []) this.#warning(warning);
    for (const log of event.logs ?? []) this.#log(log);
  }

  #vertex(vertex: NonNullable<BuildEvent["vertexes"]>[number], now: number): void {
    const { digest = "", name = "", cached = false, error = "" } = vertex;
    let step = this.#steps.get(digest);
    if (step === undefined) {
      step = new Step(this.#steps.size + 1);
      this.#steps.set(digest, step);
    }
    const started = msOf(vertex.started);
    const completed = msOf(vertex.completed);
    if (started !== undefined && !step.isStarted) {
      if (this.#beginning === undefined) this.#difference = now - started;
      this.#beginning ??= started;
      this.started.push(step);
    }
    // Said once more without a time, it is no news.
    if (!(step.isStarted && started === undefined))
      Object.assign(step, { name, error, started, completed, isCached: cached });
    if (started !== undefined) step.begin(started, completed);
    this.changed.add(step);
  }

  #status(status: NonNullable<BuildEvent["statuses"]>[number]): void {
    const { id = "", vertex = "", current = 0, total = 0 } = status;
    const step = this.#steps.get(vertex);
    if (step === undefined) return;
    const [started, told, completed] = [status.started, status.timestamp, status.completed].map(msOf);
    step.parts.set(id, { id, current, total, started, told, completed });
    step.changedParts.add(id);
    this.changed.add(step);
  }

  #warning(warning: Warning): void {
    this.warnings.push(warning);
    // One that comes when its step is over is told at the end only, as with BuildKit.
    this.#steps.get(warning.vertex ?? "")?.warnings.push(warning);
  }

  #log({ vertex = "", timestamp, msg = new Uint8Array(0) }: NonNullable<BuildEvent["logs"]>[number]): void {
    const step = this.#steps.get(vertex);
    if (step === undefined) return;
    const text = Buffer.from(msg).toString("utf8");
    const seconds = Math.max(0, ((msOf(timestamp) ?? 0) - (step.lastStart ?? 0)) / 1000);
    const stamp = `${seconds.toFixed(seconds < 10 ? 3 : seconds < 100 ? 2 : 1)} `;
    const pieces = text.split("\n");
    const rest = pieces.pop() ?? "";
    for (const piece of rest === "" ? pieces : [...pieces, rest]) {
      if (step.isPartial) step.lines[step.lines.length - 1] += piece;
      else step.lines.push(stamp + piece);
      step.isPartial = false;
    }
    step.isPartial = rest !== "";
    step.screen.write(text);
    step.news += 1;
    this.changed.add(step);
  }
}

function msOf(time: Partial<MessageOf<typeof timestamp>> | undefined): number | undefined {
  return time === undefined ? undefined : (time.seconds ?? 0) * 1000 + (time.nanos ?? 0) / 1e6;
}

const units = ["B", "kB", "MB", "GB", "TB", "PB"];

/** `12B`, `3.00MB`. */
export function shownBytes(bytes: number): string {
  let value = bytes;
  let unit = 0;
  while (value >= 1000 && unit < units.length - 1) {
    value /= 1000;
    unit += 1;
  }
  return `${unit === 0 ? value : value.toFixed(2)}${units[unit]}`;
}

/** How far a part is, empty when there is nothing to count. */
export function shownAmount({ current, total }: Part): string {
  if (total !== 0) return `${shownBytes(current)} / ${shownBytes(total)}`;
  return current === 0 ? "" : shownBytes(current);
}

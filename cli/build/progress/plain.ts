import { shownAmount, type Step, type Trace } from "./trace.ts";

/** A step that has said nothing for so long is shown although another one is. */
const patienceMs = 10_000;
/** How long one step is shown at least while others are at work too. */
const leastMs = 5000;
const errorLines = 10;

interface Shown {
  /** The cursor stands in a line of it. */
  isOpen: boolean;
  /** The last line was shown without its end. */
  isPartial: boolean;
  /** Pieces of output since it was the shown one. */
  count: number;
  lastMs: number | undefined;
  warnings: number;
  readonly end: string[];
}

/**
 * A build as lines, one step at a time: one that is done is told in whole, of those at work the one with the most to say.
 *
 * @see github.com/moby/buildkit, util/progress/progressui, for what it looks like
 */
export class PlainPrinter {
  readonly #write: (text: string) => void;
  readonly #shown = new WeakMap<Step, Shown>();
  #current: Step | undefined;
  #isFirst = true;

  constructor(write: (text: string) => void) {
    this.#write = write;
  }

  /** The last lines of a step's output. */
  lastLines(step: Step): readonly string[] {
    return this.#stateOf(step).end;
  }

  print(trace: Trace, now: number): void {
    const changed = [...trace.changed];
    const done = changed.filter((step) => step.isCompleted);
    const before = this.#current;
    if (before !== undefined && done.includes(before)) this.#step(trace, before, now);
    for (const step of done) if (step !== before) this.#step(trace, step, now);
    const rest = new Set(changed.filter((step) => !step.isCompleted));
    if (rest.size === 0) this.#showAny(trace, before, now);
    else this.#showOneOf(trace, rest, before, now);
  }

  /** Some step that is at work, when none is shown. */
  #showAny(trace: Trace, before: Step | undefined, now: number): void {
    if (before?.isStarted === true && !before.isCompleted) return;
    const open = [...trace.steps].find((step) => step.isStarted && !step.isCompleted);
    if (open !== undefined) this.#step(trace, open, now);
  }

  #showOneOf(trace: Trace, rest: Set<Step>, before: Step | undefined, now: number): void {
    if (before !== undefined && rest.has(before)) this.#step(trace, before, now);
    if (before !== undefined && !before.isCompleted) rest.add(before);
    const busy = [...rest].filter((step) => step.isStarted);
    const speeds = new Map(busy.map((step) => [step, this.#speed(step, now)]));
    const fastest = [...speeds].sort(([, a], [, b]) => b - a)[0]?.[0];
    if (fastest === undefined) return;
    if (before === undefined || before.isCompleted) return this.#step(trace, fastest, now);
    const late = busy.find((step) => step !== before && now - this.#since(step, now) > patienceMs);
    if (late !== undefined) return this.#step(trace, late, now);
    const sum = [...speeds.values()].reduce((total, speed) => total + speed, 0);
    const share = sum === 0 ? 1 : (speeds.get(before) ?? 0) / sum;
    if (share < 1 && leastMs / (1 - share) < now - this.#since(before, now)) this.#step(trace, fastest, now);
  }

  #since(step: Step, now: number): number {
    const state = this.#stateOf(step);
    state.lastMs ??= now;
    return state.lastMs;
  }

  #speed(step: Step, now: number): number {
    return (this.#stateOf(step).count + step.news) / Math.max(1, now - this.#since(step, now));
  }

  #stateOf(step: Step): Shown {
    let state = this.#shown.get(step);
    if (state === undefined) {
      state = { isOpen: false, isPartial: false, count: 0, lastMs: undefined, warnings: 0, end: [] };
      this.#shown.set(step, state);
    }
    return state;
  }

  #step(trace: Trace, step: Step, now: number): void {
    const state = this.#stateOf(step);
    if (step !== this.#current) this.#turnTo(step, now);
    state.count += step.news;
    step.news = 0;
    const isPartOpen = this.#parts(step);
    for (const { short } of step.warnings.slice(state.warnings)) this.#line(step, `WARN: ${textOf(short)}`);
    state.warnings = step.warnings.length;
    this.#output(step, state);
    this.#current = step;
    trace.changed.delete(step);
    if (step.isCompleted && !isPartOpen) this.#end(step, state, now);
  }

  #turnTo(step: Step, now: number): void {
    const before = this.#current;
    if (before !== undefined) {
      const state = this.#stateOf(before);
      if (state.isOpen) this.#write("\n");
      state.isOpen = false;
      state.count = 0;
      state.lastMs = now;
      this.#line(before, "...");
    }
    if (!this.#isFirst) this.#write("\n");
    this.#isFirst = false;
    this.#line(step, step.name);
    this.#stateOf(step).lastMs = now;
  }

  /** Whether one of them is not done. */
  #parts(step: Step): boolean {
    let isOpen = false;
    for (const part of step.parts.values()) {
      if (!step.changedParts.has(part.id)) continue;
      const amount = shownAmount(part);
      const end = part.completed ?? part.told;
      const seconds = part.started === undefined || end === undefined ? 0 : (end - part.started) / 1000;
      const time = seconds > 0.01 ? ` ${seconds.toFixed(1)}s` : "";
      if (part.completed === undefined) isOpen = true;
      const done = part.completed === undefined ? "" : " done";
      this.#line(step, `${part.id}${amount === "" ? "" : ` ${amount}`}${time}${done}`);
    }
    step.changedParts.clear();
    return isOpen;
  }

  #output(step: Step, state: Shown): void {
    const { lines, isPartial } = step;
    for (const [at, line] of lines.entries()) {
      // Of a line without an end its beginning may be there already.
      const begun = at === 0 && state.isPartial ? (state.end.pop() ?? "") : "";
      this.#write(at === 0 && state.isOpen ? line.slice(begun.length) : `#${step.index} ${line}`);
      state.isPartial = isPartial && at === lines.length - 1;
      state.isOpen = state.isPartial;
      if (!state.isOpen) this.#write("\n");
      state.end.push(line);
      if (state.end.length > errorLines) state.end.shift();
    }
    step.lines = isPartial ? lines.slice(-1) : [];
  }

  #end(step: Step, state: Shown, now: number): void {
    this.#current = undefined;
    if (state.isOpen) this.#write("\n");
    state.isOpen = false;
    if (step.isCanceled) this.#line(step, "CANCELED");
    else if (step.error !== "") this.#line(step, `ERROR: ${step.error}`);
    else if (step.isCached) this.#line(step, "CACHED");
    else this.#line(step, `DONE ${(step.workMs(now) / 1000).toFixed(1)}s`);
  }

  #line(step: Step, text: string): void {
    this.#write(`#${step.index} ${text}\n`);
  }
}

function textOf(bytes: Uint8Array | undefined): string {
  return Buffer.from(bytes ?? new Uint8Array(0)).toString("utf8");
}

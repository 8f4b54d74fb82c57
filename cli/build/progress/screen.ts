import { screenLines } from "./line-screen.ts";
import { type Part, shownAmount, type Step, type Trace } from "./trace.ts";

export interface Size {
  readonly columns: number;
  readonly rows: number;
}

/** One line of the display. */
interface Row {
  readonly name: string;
  readonly amount: string;
  readonly workMs: number;
  /** Undefined while it is at work, and for what is no work. */
  readonly end: "done" | "canceled" | "failed" | undefined;
  readonly isOver: boolean;
  readonly step?: Step;
  tail?: readonly string[];
}

/** Columns beside a step's output. */
const tailMargin = 10;
/** No step's output is shown on a terminal that is smaller than this leaves room for. */
const tailRoom = screenLines + 3;
// oxlint-disable-next-line no-control-regex
const control = /[\u0000-\u001f\u007f-\u009f]/g;
const styles = { done: "34", canceled: "33", failed: "31" } as const;

/**
 * The lines of a build on a terminal: a head, the steps, and what those at work said last.
 *
 * @param isLast all steps, also when they do not fit
 * @see github.com/moby/buildkit, util/progress/progressui, for what it looks like
 */
export function drawScreen(
  trace: Trace,
  head: { readonly phase: string; readonly description: string },
  size: Size,
  now: number,
  isLast: boolean,
): readonly string[] {
  const rows = withTails(rowsOf(trace, now), size, isLast);
  return [
    headLine(trace, head, size.columns, now, isLast),
    ...rows.flatMap((row) => drawRow(row, size.columns)),
  ];
}

function headLine(
  trace: Trace,
  { phase, description }: { readonly phase: string; readonly description: string },
  columns: number,
  now: number,
  isLast: boolean,
): string {
  const done = [...trace.steps].filter((step) => step.isCompleted).length;
  const end = isLast && done > 0 && done === trace.count ? "FINISHED" : "";
  const seconds = (trace.elapsedMs(now) / 1000).toFixed(1);
  const text = `[+] ${phase} ${seconds}s (${done}/${trace.count}) ${end}`;
  return aligned(text, description, description === "" ? columns : columns - 1);
}

function aligned(left: string, right: string, width: number): string {
  return `${left.padEnd(Math.max(0, width - right.length))}${right}`;
}

function rowsOf(trace: Trace, now: number): Row[] {
  const theirs = trace.theirTime(now);
  return trace.started.flatMap((step) => [
    stepRow(step, theirs),
    ...[...step.parts.values()].map((part) => partRow(part, theirs)),
    ...step.warnings.map(({ short }) => warningRow(Buffer.from(short ?? new Uint8Array(0)).toString("utf8"))),
  ]);
}

function stepRow(step: Step, now: number): Row {
  const isOver = !step.isAtWork;
  const failed = step.isCanceled ? "canceled" : "failed";
  const end = step.error === "" ? "done" : failed;
  const mark = step.error === "" ? "" : `${failed === "failed" ? "ERROR" : "CANCELED"} `;
  return {
    name: `${step.isCached ? "CACHED " : ""}${mark}${step.name.replaceAll(control, " ")}`,
    amount: "",
    workMs: step.workMs(now),
    end: step.isCompleted ? end : undefined,
    isOver,
    step,
  };
}

function partRow(part: Part, now: number): Row {
  const isOver = part.completed !== undefined;
  const workMs = part.started === undefined ? 0 : (part.completed ?? now) - part.started;
  return {
    name: `=> ${part.id}`,
    amount: shownAmount(part),
    workMs,
    end: isOver ? "done" : undefined,
    isOver,
  };
}

function warningRow(text: string): Row {
  return { name: `WARN: ${text}`, amount: "", workMs: 0, end: undefined, isOver: true };
}

/** Gives those at work that say the most the room that is left, and leaves out what does not fit. */
function withTails(rows: Row[], { rows: height, columns }: Size, isLast: boolean): readonly Row[] {
  const talking = rows.filter(({ step, isOver }) => step !== undefined && step.news > 0 && !isOver);
  talking.sort((a, b) => (b.step?.news ?? 0) - (a.step?.news ?? 0));
  let free = height - 2 - rows.filter(({ isOver }) => !isOver).length;
  let used = 0;
  for (const row of talking) {
    if (free <= tailRoom) break;
    row.tail = row.step?.screen.last(Math.max(1, columns - tailMargin)) ?? [];
    used += row.tail.length;
    free -= tailRoom;
  }
  return isLast ? rows : cutRows(rows, height - 2 - used);
}

/** The last rows that fit; rows at work that would be cut take the place of ones that are over. */
function cutRows(rows: readonly Row[], limit: number): readonly Row[] {
  if (limit <= 0) return [];
  if (rows.length <= limit) return rows;
  const hidden = rows.slice(0, -limit).filter(({ isOver }) => !isOver);
  let toDrop = hidden.length;
  const kept = rows.slice(-limit).filter(({ isOver }) => !(isOver && toDrop-- > 0));
  const room = limit - kept.length;
  return room === 0 ? kept : [...hidden.slice(-room), ...kept];
}

function drawRow({ name, amount, workMs, end, tail = [] }: Row, columns: number): readonly string[] {
  const timer = ` ${(workMs < 50 ? 0 : workMs / 1000).toFixed(1)}s`;
  const prefix = " => ";
  let left = columns - prefix.length - timer.length - 2;
  const hasAmount = amount !== "" && left + amount.length > 20;
  if (hasAmount) left -= amount.length + 1;
  if (left < 12) return [];
  const text = aligned(`${prefix}${name.slice(0, left)}${hasAmount ? ` ${amount}` : ""}`, timer, columns - 1);
  const line = end === undefined ? text : `\u001b[${styles[end]}m${text}\u001b[0m`;
  return [
    line,
    ...tail.map(
      (said) => `\u001b[2m${` => => # ${said}`.padEnd(columns - 1).slice(0, columns - 1)}\u001b[0m`,
    ),
  ];
}

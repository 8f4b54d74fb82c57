import { Fault } from "#base/fault.ts";
import { drawExcerpt } from "#oci/dockerfile/excerpt.ts";
import type { HclRange } from "./syntax.ts";

const excerpts = new WeakMap<object, string>();

/** What is wrong with a bake file, as bake says it: `FILE:LINE,COLUMN-COLUMN: SUMMARY; DETAIL`. */
export function hclProblem(range: HclRange, summary: string, detail: string): Fault {
  const { source, start, end } = range;
  const [first, last] = [positionOf(source.text, start), positionOf(source.text, Math.max(start, end))];
  const until = last.line === first.line ? `${last.column}` : `${last.line},${last.column}`;
  const place = `${source.name}:${first.line},${first.column}-${until}`;
  const fault = new Fault("invalid", `${place}: ${summary}; ${detail}`);
  excerpts.set(fault, drawExcerpt(source.name, source.text, [{ first: first.line, last: last.line }]));
  return fault;
}

/** The lines that a problem is about; empty where it is none of a file. */
export function excerptOf(error: unknown): string {
  return typeof error === "object" && error !== null ? (excerpts.get(error) ?? "") : "";
}

/** Lines and columns count from 1. */
function positionOf(text: string, offset: number): { readonly line: number; readonly column: number } {
  const before = text.slice(0, offset);
  const line = before.split("\n").length;
  return { line, column: Array.from(before.slice(before.lastIndexOf("\n") + 1)).length + 1 };
}

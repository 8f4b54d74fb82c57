import type { Lines } from "./source.ts";

const rule = "--------------------";
/** Lines around the ones that are meant, together. */
const around = 4;

/** Some lines of a file with marks before those that are meant; empty when the file has no such lines. */
export function drawExcerpt(filename: string, text: string, ranges: readonly Lines[]): string {
  const lines = text.split("\n");
  let first = Math.min(...ranges.map((range) => range.first));
  let last = Math.min(Math.max(...ranges.map((range) => range.last)), lines.length);
  if (ranges.length === 0 || first < 1 || first > lines.length) return "";
  const pad = first === last ? around : around / 2;
  for (let added = 0; added < pad; added++) {
    if (first > 1) {
      first -= 1;
      added += 1;
    }
    if (last < lines.length) {
      last += 1;
      added += 1;
    }
  }
  const isMeant = (line: number) => ranges.some((range) => line >= range.first && line <= range.last);
  const shown = lines
    .slice(first - 1, last)
    .map(
      (line, at) => ` ${String(first + at).padStart(3)} | ${isMeant(first + at) ? ">>>" : "   "} ${line}\n`,
    );
  return `${filename}:${ranges[0]?.first}\n${rule}\n${shown.join("")}${rule}\n`;
}

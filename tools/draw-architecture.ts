import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { arrowsOf } from "./architecture.ts";

// Run it to write the arrows of architecture.ts into ARCHITECTURE.md.

const start = "<!-- arrows: written by tools/draw-architecture.ts -->";
const end = "<!-- /arrows -->";
const below = ["oci", "api", "host", "base"];
const engineWide = ["engine/metadata", "engine/events"];

const document = join(import.meta.dirname, "..", "ARCHITECTURE.md");

export function readDocument(): string {
  return readFileSync(document, "utf8");
}

/** The document with its arrows as the table has them now. */
export function withArrows(text: string): string {
  const [from, to] = [text.indexOf(start), text.indexOf(end)];
  if (from < 0 || to < from) throw new Error(`ARCHITECTURE.md has no ${start} … ${end}`);
  return `${text.slice(0, from)}${start}\n${drawArrows()}${text.slice(to)}`;
}

/** Laid out as the formatter lays tables out, so that it leaves them alone. */
function drawArrows(): string {
  const heads: readonly (readonly [string, string])[] = [["room", "may import"]];
  const rows = Object.entries(arrowsOf).map(([room, targets]) => [room, describe(room, targets)] as const);
  const widths = [0, 1].map((column) =>
    Math.max(...[...heads, ...rows].map((cells) => cells[column]?.length ?? 0)),
  );
  const line = (cells: readonly string[]) =>
    `| ${cells.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(" | ")} |\n`;
  const rule = line(widths.map((width) => "-".repeat(width)));
  return `\n${heads.map(line).join("")}${rule}${rows.map(line).join("")}\n`;
}

/** What all engine rooms may import is said once, in words. */
function describe(room: string, targets: readonly string[]): string {
  if (!room.startsWith("engine/")) return targets.join(", ") || "nothing";
  const isUsual = (target: string) => below.includes(target) || engineWide.includes(target);
  const others = targets.filter((target) => !isUsual(target)).map((target) => target.replace("engine/", ""));
  const isWide = engineWide.every((target) => targets.includes(target));
  return [isWide ? "_usual_" : "_below_", ...others].join(", ");
}

if (import.meta.main) writeFileSync(document, withArrows(readDocument()));

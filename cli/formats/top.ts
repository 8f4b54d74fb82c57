const minimum = 20;
const padding = 3;

/** Rows as `top` prints them: columns at least 20 wide; the last has no padding. */
export function alignTop(rows: readonly (readonly string[])[]): string {
  const widths: number[] = [];
  for (const row of rows)
    row.forEach((cell, at) => {
      widths[at] = Math.max(widths[at] ?? minimum, cell.length + padding);
    });
  return rows
    .map(
      (row) =>
        `${row.map((cell, at) => (at === row.length - 1 ? cell : cell.padEnd(widths[at] ?? 0))).join("")}\n`,
    )
    .join("");
}

/** A table as compose writes it: columns at least `least` wide, `gap` blanks between, blanks after the last cell of a row too. */
export function columns(rows: readonly (readonly string[])[], least: number, gap: number): string {
  const widths: number[] = [];
  for (const row of rows)
    row.slice(0, -1).forEach((cell, at) => {
      widths[at] = Math.max(widths[at] ?? 0, Array.from(cell).length + gap, least);
    });
  return rows
    .map((row) => {
      const padded = row.map((cell, at) =>
        at === row.length - 1 ? cell : cell + " ".repeat((widths[at] ?? 0) - Array.from(cell).length),
      );
      return `${padded.join("")}\n`;
    })
    .join("");
}

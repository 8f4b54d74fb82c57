/** Columns as wide as their widest cell, three blanks between, nothing after the last. */
export function formatTable(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const all = head.length === 0 ? rows : [head, ...rows];
  const widths: number[] = [];
  for (const row of all)
    row.forEach((cell, column) => {
      widths[column] = Math.max(widths[column] ?? 0, cell.length);
    });
  return all
    .map(
      (row) =>
        `${row
          .map((cell, column) => cell.padEnd((widths[column] ?? 0) + 3))
          .join("")
          .trimEnd()}\n`,
    )
    .join("");
}

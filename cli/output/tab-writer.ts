/**
 * Aligns cells that tabs end, as Go's text/tabwriter does; for Docker's tools at least 10 wide, three blanks between. A column is a
 * run of lines that have a cell there; what follows a line's last tab is not part of any.
 *
 * @see Go, package text/tabwriter
 */
export function alignTabs(text: string, minimum = 10, padding = 3): string {
  const lines = text.split("\n").map((line) => line.split("\t"));
  const widths = lines.map((): number[] => []);
  const alignFrom = (column: number, first: number, last: number): void => {
    let at = first;
    while (at <= last) {
      if ((lines[at]?.length ?? 0) - 1 <= column) {
        at++;
        continue;
      }
      let end = at;
      let width = minimum;
      while (end <= last && (lines[end]?.length ?? 0) - 1 > column) {
        width = Math.max(width, widthOf(lines[end]?.[column] ?? "") + padding);
        end++;
      }
      for (let row = at; row < end; row++) widths[row]?.push(width);
      alignFrom(column + 1, at, end - 1);
      at = end;
    }
  };
  alignFrom(0, 0, lines.length - 1);
  return lines
    .map((cells, row) =>
      cells
        .map((cell, column) =>
          column === cells.length - 1
            ? cell
            : cell + " ".repeat((widths[row]?.[column] ?? 0) - widthOf(cell)),
        )
        .join(""),
    )
    .join("\n");
}

function widthOf(cell: string): number {
  return Array.from(cell).length;
}

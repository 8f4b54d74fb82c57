const minimum = 6;
const padding = 3;

/**
 * Rows of cells as kubectl aligns them: every column but the last at least 6 wide, three blanks between. What was written stays:
 * columns never become narrower afterwards.
 */
export class ColumnWriter {
  readonly #write: (text: string) => void;
  #widths: number[] = [];
  #rows: (readonly string[])[] = [];

  constructor(write: (text: string) => void) {
    this.#write = write;
  }

  add(cells: readonly string[]): void {
    this.#rows.push(cells);
  }

  /** Writes what was added. */
  flush(): void {
    for (const cells of this.#rows)
      cells.slice(0, -1).forEach((cell, column) => {
        this.#widths[column] = Math.max(this.#widths[column] ?? minimum, lengthOf(cell) + padding);
      });
    const lines = this.#rows.map(
      (cells) => `${cells.map((cell, column) => this.#pad(cells, cell, column)).join("")}\n`,
    );
    this.#rows = [];
    if (lines.length > 0) this.#write(lines.join(""));
  }

  /** The next row is of another table. */
  forget(): void {
    this.flush();
    this.#widths = [];
  }

  #pad(cells: readonly string[], cell: string, column: number): string {
    return column === cells.length - 1
      ? cell
      : cell + " ".repeat((this.#widths[column] ?? 0) - lengthOf(cell));
  }
}

function lengthOf(cell: string): number {
  return Array.from(cell).length;
}
